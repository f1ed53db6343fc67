//! Telling what is due, beside everything else: taken from the ledger, told to all targets at once, settled. Whoever ends a
//! job only keeps the notice; so it makes no difference who tells it, and when.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use tokio::sync::Notify;

use crate::core::notice::{DueNotice, Notice, Target};
use crate::core::transitions::notice::{self as rules, Fate, Heard};
use crate::ports::error::PortResult;
use crate::ports::notifier::Taken;
use crate::ports::retry::{Backoff, retry};
use crate::ports::{Clock, Ledger, Notifier, Shutdown};

/// Notices that are looked at in one round.
const AT_ONCE: usize = 100;
/// Notices that are told at the same time.
const SIDE_BY_SIDE: usize = 8;
/// A receiver that takes longer has failed; with all tries of the ledger beside it, less than a notice is held for.
const TRY_LASTS: Duration = Duration::from_secs(15);
/// After so many failures in one round a target is left alone until the next, so that those that answer need not wait.
const FAILURES_A_ROUND: u32 = 3;

/// Tells receivers of jobs that have ended.
pub struct Teller {
    clock: Arc<dyn Clock>,
    ledger: Arc<dyn Ledger>,
    notifiers: Vec<Arc<dyn Notifier>>,
    ended: Notify,
    told: AtomicU64,
    failed: AtomicU64,
    waiting: AtomicU64,
}

/// What a round came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Round {
    /// Notices that still have to be told, now or later (counted up to a hundred).
    pub waiting: usize,
    /// When the next of them is due, in Unix milliseconds.
    pub next_ms: Option<u64>,
}

/// Which notices a round tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Those whose time has come.
    Due,
    /// All: somebody asks for it now, and nobody else can be at it.
    Now,
}

/// How many tries of one target failed in a round.
type Failures = BTreeMap<Target, AtomicU32>;

impl Teller {
    /// Tells `notifiers`, each another target.
    pub fn new(
        clock: Arc<dyn Clock>,
        ledger: Arc<dyn Ledger>,
        notifiers: Vec<Arc<dyn Notifier>>,
    ) -> Teller {
        Teller {
            clock,
            ledger,
            notifiers,
            ended: Notify::new(),
            told: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            waiting: AtomicU64::new(0),
        }
    }

    /// What is to be kept with the end of a job.
    pub fn due(&self, notice: Notice) -> DueNotice {
        let targets = self.notifiers.iter().map(|one| one.target()).collect();
        DueNotice::new(notice, targets, self.clock.now_ms())
    }

    /// A notice was kept: it is told soon.
    pub fn wake(&self) {
        self.ended.notify_one();
    }

    /// Notices told and tries that failed, each for one target, since the start.
    pub fn counts(&self) -> [(&'static str, u64); 2] {
        [
            ("NoticesSent", self.told.load(Ordering::Relaxed)),
            ("NoticesFailed", self.failed.load(Ordering::Relaxed)),
        ]
    }

    /// Notices that still have to be told, as this process saw them last.
    pub fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Tells what is due, at once after an end and every now and then, until a drain is asked for, and then once more.
    pub async fn tell_until_drained(&self, every: Duration, shutdown: &Shutdown) {
        loop {
            let is_last = shutdown.is_draining();
            let pause = match self.round(When::Due).await {
                Ok(round) => round.next_ms.map_or(every, |next_ms| {
                    let left_ms = next_ms.saturating_sub(self.clock.now_ms());
                    Duration::from_millis(left_ms.max(1)).min(every)
                }),
                Err(error) => {
                    tracing::warn!(%error, "notices not looked through; the next round goes on");
                    every
                }
            };
            if is_last {
                return;
            }
            tokio::select! {
                biased;
                () = shutdown.draining() => {}
                () = self.ended.notified() => {}
                () = self.clock.sleep(pause) => {}
            }
        }
    }

    /// Tells what is to be told.
    pub async fn round(&self, when: When) -> PortResult<Round> {
        let clock = &*self.clock;
        let kept = retry(clock, Backoff::STORAGE, || self.ledger.notices(AT_ONCE)).await?;
        self.waiting.store(kept.len() as u64, Ordering::Relaxed);
        let now_ms = clock.now_ms();
        let (due, later): (Vec<DueNotice>, Vec<DueNotice>) = kept
            .into_iter()
            .partition(|notice| when == When::Now || notice.not_before_ms <= now_ms);
        let failures: Failures = self
            .notifiers
            .iter()
            .map(|one| (one.target(), AtomicU32::new(0)))
            .collect();
        let told: Vec<_> = due
            .iter()
            .map(|notice| self.tell_one(notice, &failures))
            .collect();
        let left: Vec<Option<u64>> = stream::iter(told)
            .buffer_unordered(SIDE_BY_SIDE)
            .collect()
            .await;
        let times = left.into_iter().flatten();
        let times: Vec<u64> = times
            .chain(later.iter().map(|notice| notice.not_before_ms))
            .collect();
        self.waiting.store(times.len() as u64, Ordering::Relaxed);
        Ok(Round {
            waiting: times.len(),
            next_ms: times.into_iter().min(),
        })
    }

    /// One try of one notice. When it is due again; none: it is through.
    async fn tell_one(&self, due: &DueNotice, failures: &Failures) -> Option<u64> {
        match self.try_one(due, failures).await {
            Ok(next_ms) => next_ms,
            Err(error) => {
                // Told or not: it comes again, and receivers know it by its key.
                let id = &due.notice.notice_id;
                tracing::warn!(notice = %id, %error, "notice not settled; it will be told again");
                Some(self.clock.now_ms() + rules::TAKEN_MS)
            }
        }
    }

    async fn try_one(&self, due: &DueNotice, failures: &Failures) -> PortResult<Option<u64>> {
        let clock = &*self.clock;
        // One that is told before its time is taken as if that had come.
        let now_ms = clock.now_ms().max(due.not_before_ms);
        let Some(taken) = rules::take(due, now_ms) else {
            return Ok(Some(due.not_before_ms));
        };
        // Not said again after an open outcome: whoever took it, it is told when that time is over.
        if !self.ledger.move_notice(due, Some(&taken)).await? {
            return Ok(Some(taken.not_before_ms));
        }
        let asked = self.notifiers.iter().filter(|one| {
            let is_down = failures
                .get(&one.target())
                .is_some_and(|count| count.load(Ordering::Relaxed) >= FAILURES_A_ROUND);
            taken.targets.contains(&one.target()) && !is_down
        });
        let heard = join_all(asked.map(|one| self.ask(&**one, &taken, failures))).await;
        let fate = rules::settle(&taken, &heard, clock.now_ms(), clock.random());
        let next = match fate {
            Fate::Through => None,
            Fate::Again(again) => Some(*again),
            Fate::GivenUp(targets) => {
                give_up(&taken, &targets);
                None
            }
        };
        let settled = retry(clock, Backoff::STORAGE, || {
            self.ledger.move_notice(&taken, next.as_ref())
        });
        if !settled.await? {
            tracing::debug!(notice = %taken.notice.notice_id, "another process has the notice by now");
        }
        Ok(next.map(|next| next.not_before_ms))
    }

    async fn ask(
        &self,
        notifier: &dyn Notifier,
        taken: &DueNotice,
        failures: &Failures,
    ) -> (Target, Heard) {
        let (target, id) = (notifier.target(), &taken.notice.notice_id);
        let told = tokio::select! {
            biased;
            told = notifier.tell(&taken.notice) => told,
            () = self.clock.sleep(TRY_LASTS) => {
                Err(crate::ports::PortError::unknown(format!("no answer within {} s", TRY_LASTS.as_secs())))
            }
        };
        let heard = match told {
            Ok(Taken::Yes) => {
                self.told.fetch_add(1, Ordering::Relaxed);
                tracing::info!(notice = %id, target = target.name(), "told of the end of a job");
                Heard::Told
            }
            Ok(Taken::Gone) => {
                self.failed.fetch_add(1, Ordering::Relaxed);
                tracing::error!(notice = %id, target = target.name(), "the receiver wants no notices any more (410 Gone): \
                    take it out of the configuration, or set it up anew");
                Heard::Gone
            }
            Err(error) => {
                self.failed.fetch_add(1, Ordering::Relaxed);
                if let Some(count) = failures.get(&target) {
                    count.fetch_add(1, Ordering::Relaxed);
                }
                tracing::warn!(notice = %id, target = target.name(), tries = taken.tries, %error, "not told; tried again later");
                let least = error.retry_after.unwrap_or_default().as_millis();
                match error.is_retryable() {
                    true => Heard::Later(u64::try_from(least).unwrap_or(u64::MAX)),
                    false => Heard::Refused,
                }
            }
        };
        (target, heard)
    }
}

/// Said aloud, since nobody else will say it.
fn give_up(taken: &DueNotice, targets: &BTreeSet<Target>) {
    let names: Vec<&str> = targets.iter().map(|target| target.name()).collect();
    tracing::error!(
        notice = %taken.notice.notice_id,
        state = taken.notice.state,
        targets = names.join(", "),
        tries = taken.tries,
        "a notice is given up after a day: what it says is in summary.json of the job's outputs"
    );
}
