//! The slow sweep: finds chunks that nobody has and jobs that nobody finishes (I4).

use crate::core::job::JobRecord;
use crate::jobs::window;
use crate::ports::error::PortResult;
use crate::ports::retry::{Backoff, retry};
use crate::ports::send::announce;

use super::Aggregator;

/// Suspects that are sent again in one sweep of one job.
const SUSPECTS_AT_ONCE: u32 = 200;

impl Aggregator {
    /// Sweeps every now and then until a drain is asked for.
    pub async fn sweep_until_drained(&self) {
        loop {
            tokio::select! {
                biased;
                () = self.ports.shutdown.draining() => return,
                () = self.ports.clock.sleep(self.setup.sweep_every) => {}
            }
            self.sweep_once().await;
        }
    }

    /// One sweep; what it cannot do is said, and left to the next.
    pub async fn sweep_once(&self) {
        if let Err(error) = self.sweep().await {
            tracing::warn!(%error, "sweep not complete; the next one goes on");
        }
    }

    /// Looks once at every job that has not ended, and at the dead letters of the chunk queue.
    pub async fn sweep(&self) -> PortResult<()> {
        if let Err(error) = self.drain_dead_letters().await {
            tracing::warn!(%error, "dead letters not looked through; the next sweep goes on");
        }
        let ledger = &self.ports.ledger;
        let jobs = retry(&*self.ports.clock, Backoff::STORAGE, || ledger.live_jobs()).await?;
        self.standing.saw_all(&jobs, self.ports.clock.monotonic());
        let is_lost = self.is_any_lost(&jobs).await;
        let mut failed = None;
        for job in &jobs {
            // One job that cannot be looked at keeps no other from its due.
            if let Err(error) = self.sweep_job(job, is_lost).await {
                tracing::warn!(job = %job.job_id, %error, "job not swept; the next sweep tries again");
                failed.get_or_insert(error);
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Whether the queue counts fewer messages than there are chunks out: a chunk that waits its turn is silent, too, and each
    /// copy of its message would have to be received and thrown away.
    async fn is_any_lost(&self, jobs: &[JobRecord]) -> bool {
        let live = jobs.iter().filter(|job| job.is_live());
        let out: u64 = live.map(|job| u64::from(job.outstanding_chunks())).sum();
        if out == 0 {
            return false;
        }
        match self.ports.chunks.depth().await {
            Ok(depth) => depth.visible + depth.in_flight + depth.delayed < out,
            // Rather a message too many than a chunk that nobody has.
            Err(_) => true,
        }
    }

    async fn sweep_job(&self, job: &JobRecord, is_lost: bool) -> PortResult<()> {
        let ports = &self.ports;
        let clock = &*ports.clock;
        let job_id = &job.job_id;
        if job.is_done() || job.stopping.is_some() {
            // Through the queue, so that the work has a heartbeat and a permit like any other.
            return announce(clock, &*ports.done, job_id).await;
        }
        self.see_to_split(job).await?;
        if is_lost {
            self.resend_silent(job).await?;
        }
        self.top_up(job_id).await
    }

    /// Sends messages for chunks that nobody has held or touched for long.
    async fn resend_silent(&self, job: &JobRecord) -> PortResult<()> {
        let ports = &self.ports;
        let (clock, job_id) = (&*ports.clock, &job.job_id);
        let silent_ms = self.setup.silent.as_millis() as u64;
        let suspects = retry(clock, Backoff::STORAGE, || {
            ports.ledger.sweep_list(job_id, silent_ms, SUSPECTS_AT_ONCE)
        })
        .await?;
        if suspects.is_empty() {
            return Ok(());
        }
        tracing::warn!(job = %job_id, chunks = suspects.len(), "sending silent chunks again");
        window::send_chunks(clock, &*ports.chunks, job, &suspects).await?;
        retry(clock, Backoff::STORAGE, || {
            ports.ledger.mark_sent(job_id, &suspects)
        })
        .await
    }
}
