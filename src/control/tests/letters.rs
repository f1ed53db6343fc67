//! Messages that come too often, twice, or in no shape that anybody knows (S12 to S14, S16, S19, S20, S26).

use super::*;

#[tokio::test(start_paused = true)]
async fn s26_dead_letters_of_chunks_are_given_up_so_that_the_job_ends_and_a_retry_does_them() {
    let place = Place::new(4, &[]).await;
    place.work(false, |job| job.sent_upto == 2).await;
    place.kill_messages().await;
    let strange = Outgoing {
        body: "no message of ours".into(),
        group: "x".into(),
        delay: Duration::ZERO,
    };
    let dead = place.ports.chunks.dead_letters().unwrap();
    dead.send_batch(&[strange]).await.unwrap();
    place.work(false, JobRecord::is_over).await;
    let job = place.job().await;
    assert_eq!(
        (job.state(), job.counters.quarantined),
        ("COMPLETED_WITH_ERRORS", 2)
    );
    let rows = place.rows("results.csv").await;
    let says = "its message was received 3 times without the chunk getting done";
    assert!(
        rows.values()
            .all(|(row, failed)| *failed && row.iter().any(|f| f.contains(says)))
    );
    // S19: what cannot be read stays, with its body.
    let left = dead::list(&place.ports, &Which::ALL).await.unwrap();
    let letters: Vec<_> = left.iter().filter(|dead| !dead.is_chunk).collect();
    assert_eq!((letters.len(), left.len()), (1, 3));
    let shown = dead::show(&place.ports, &Which::ALL, &letters[0].id)
        .await
        .unwrap();
    assert_eq!(
        (shown.body.as_deref(), shown.is_ours),
        (Some("no message of ours"), false)
    );
    place.retry().await;
    assert_eq!(place.work_to_the_end().await.state(), "COMPLETED");
}

#[tokio::test(start_paused = true)]
async fn s16_a_dead_letter_of_a_held_or_paused_chunk_gives_nothing_up() {
    let place = Place::new(4, &[]).await;
    place.work(false, |job| job.sent_upto == 2).await;
    let key = |chunk| crate::core::ids::ChunkKey {
        job_id: place.job_id.clone(),
        generation: 0,
        chunk,
    };
    let day_ms = 86_400_000;
    let claimed = place.ports.ledger.claim_chunk(&key(0), "w", day_ms).await;
    claimed.unwrap();
    place.kill_messages().await;
    let (_handle, shutdown) = signals::shutdown();
    let aggregator = place.aggregator(&shutdown);
    steer::pause(&place.ports, &place.job().await)
        .await
        .unwrap();
    aggregator.sweep().await.unwrap();
    let job = place.job().await;
    assert_eq!((job.counters.quarantined, job.counters.parked), (0, 1));
    let left = dead::list(&place.ports, &[Which::Chunk]).await.unwrap();
    assert_eq!(
        left.len(),
        1,
        "the held chunk's letter waits for the next sweep"
    );
}

#[tokio::test(start_paused = true)]
async fn s12_s13_a_chunk_whose_message_comes_twice_is_worked_on_once_and_both_messages_go() {
    let place = Place::new(4, &[]).await;
    place.work(false, |job| job.sent_upto == 2).await;
    let job = place.job().await;
    let (clock, chunks) = (&*place.ports.clock, &*place.ports.chunks);
    crate::jobs::window::send_chunks(clock, chunks, &job, &[0, 1, 0])
        .await
        .unwrap();
    assert_eq!(chunks.depth().await.unwrap().visible, 5);
    let job = place.work_to_the_end().await;
    assert_eq!((job.state(), job.counters.committed), ("COMPLETED", 2));
    assert!(place.asked().iter().all(|times| *times == 1), "I8");
    place.ports.clock.sleep(LEASE * 2).await;
    assert_eq!(
        chunks.depth().await.unwrap(),
        crate::ports::queue::Depth::default()
    );
}

#[tokio::test(start_paused = true)]
async fn s14_a_job_that_is_done_is_told_of_often_and_ends_once_also_after_a_retry() {
    let place = Place::new(4, &[1]).await;
    let tell = async || {
        for _ in 0..5 {
            let (clock, done) = (&*place.ports.clock, &*place.ports.done);
            crate::ports::send::announce(clock, done, &place.job_id)
                .await
                .unwrap();
        }
    };
    tell().await;
    let first = place.work_to_the_end().await;
    tell().await;
    place.work(true, JobRecord::is_over).await;
    assert_eq!(place.job().await, first);
    place.heal();
    place.retry().await;
    tell().await;
    let second = place.work_to_the_end().await;
    assert_eq!(
        (second.state(), second.finisher_epoch),
        ("COMPLETED", first.finisher_epoch + 1)
    );
    tell().await;
    place.work(true, JobRecord::is_over).await;
    assert_eq!(place.job().await, second);
}

#[tokio::test(start_paused = true)]
async fn s19_s20_a_message_of_unknown_shape_is_set_aside_with_its_body_and_its_mates_are_done() {
    let place = Place::new(4, &[]).await;
    place.work(false, |job| job.sent_upto == 2).await;
    let body = r#"{"job":"job-1","generation":0,"chunk":"seven"}"#.to_string();
    let (clock, chunks) = (&*place.ports.clock, &*place.ports.chunks);
    send_all(clock, chunks, "job", vec![body.clone()])
        .await
        .unwrap();
    assert_eq!(place.work_to_the_end().await.state(), "COMPLETED");
    let left = dead::list(&place.ports, &Which::ALL).await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(
        left[0].reason.as_deref(),
        Some("a chunk message of unknown shape")
    );
    let shown = dead::show(&place.ports, &Which::ALL, &left[0].id)
        .await
        .unwrap();
    assert_eq!(shown.body, Some(body));
}

/// Counts what is asked of dead letters.
struct Counted {
    inner: Arc<dyn Queue>,
    receives: Arc<std::sync::atomic::AtomicU64>,
}

#[async_trait]
impl Queue for Counted {
    async fn send_batch(&self, entries: &[Outgoing]) -> PortResult<Vec<PortResult<()>>> {
        self.inner.send_batch(entries).await
    }
    async fn receive(
        &self,
        max: usize,
        wait: Duration,
    ) -> PortResult<Vec<crate::ports::queue::Received>> {
        self.receives.fetch_add(1, Ordering::Relaxed);
        self.inner.receive(max, wait).await
    }
    async fn extend(&self, receipt: &crate::ports::queue::Receipt, by: Duration) -> PortResult<()> {
        self.inner.extend(receipt, by).await
    }
    async fn release(
        &self,
        receipt: &crate::ports::queue::Receipt,
        after: Duration,
    ) -> PortResult<()> {
        self.inner.release(receipt, after).await
    }
    async fn delete(
        &self,
        receipts: &[crate::ports::queue::Receipt],
    ) -> PortResult<Vec<PortResult<()>>> {
        self.inner.delete(receipts).await
    }
    async fn depth(&self) -> PortResult<crate::ports::queue::Depth> {
        self.inner.depth().await
    }
    fn dead_letters(&self) -> Option<Arc<dyn Queue>> {
        Some(Arc::new(Counted {
            inner: self.inner.dead_letters()?,
            receives: self.receives.clone(),
        }))
    }
    fn visibility(&self) -> Duration {
        self.inner.visibility()
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_sweep_looks_at_dead_letters_once() {
    let mut place = Place::new(1, &[]).await;
    place.work_to_the_end().await;
    let receives = Arc::new(std::sync::atomic::AtomicU64::new(0));
    place.ports.chunks = Arc::new(Counted {
        inner: place.ports.chunks.clone(),
        receives: receives.clone(),
    });
    let (_handle, shutdown) = signals::shutdown();
    let aggregator = place.aggregator(&shutdown);
    for sweeps in 1..=3 {
        aggregator.sweep().await.unwrap();
        assert_eq!(receives.load(Ordering::Relaxed), sweeps);
    }
}
