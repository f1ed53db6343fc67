//! The rules of consumers, on the memory queue in virtual time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;

use super::{Consumer, Disposition, Handler, Setup, Watch};
use crate::adapters::memory::chaos::Chaos;
use crate::adapters::memory::clock::SimClock;
use crate::adapters::memory::queue::{MemoryQueue, QueueSetup};
use crate::ports::busy::Busy;
use crate::ports::error::{PortError, PortResult};
use crate::ports::queue::{Depth, Outgoing, Queue, Receipt, Received};
use crate::ports::signals::{self, ShutdownHandle};
use crate::ports::{Clock, Shutdown};
use crate::telemetry::Count;

const VISIBILITY: Duration = Duration::from_secs(30);

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// What was done with a queue.
#[derive(Debug, Clone, PartialEq)]
enum Did {
    Receive(usize),
    Brought(usize),
    Extend,
    Extended,
    Release(Duration),
    Delete,
}

/// A queue that notes what is done with it and when, and is slow or broken as a test wants it.
struct Noted {
    inner: MemoryQueue,
    clock: Arc<SimClock>,
    did: Mutex<Vec<(Duration, Did)>>,
    /// A receive answers so late, whatever it found.
    receive_delay: Mutex<Duration>,
    extend_delay: Mutex<Duration>,
    /// Receives fail so long.
    broken: Mutex<Option<PortError>>,
}

impl Noted {
    fn note(&self, did: Did) {
        let mut all = self.did.lock().unwrap();
        all.push((self.clock.monotonic(), did));
    }

    fn times(&self, wanted: impl Fn(&Did) -> bool) -> Vec<Duration> {
        let all = self.did.lock().unwrap();
        let wanted = all.iter().filter(|(_, did)| wanted(did));
        wanted.map(|(at, _)| *at).collect()
    }

    fn position(&self, wanted: &Did) -> usize {
        let all = self.did.lock().unwrap();
        let position = all.iter().rposition(|(_, did)| did == wanted);
        position.unwrap_or_else(|| panic!("no {wanted:?} in {all:?}"))
    }
}

#[async_trait]
impl Queue for Noted {
    async fn send_batch(&self, entries: &[Outgoing]) -> PortResult<Vec<Result<(), PortError>>> {
        self.inner.send_batch(entries).await
    }

    async fn receive(&self, max: usize, wait: Duration) -> PortResult<Vec<Received>> {
        self.note(Did::Receive(max));
        let broken = self.broken.lock().unwrap().clone();
        if let Some(error) = broken {
            return Err(error);
        }
        let received = self.inner.receive(max, wait).await?;
        let delay = *self.receive_delay.lock().unwrap();
        self.clock.sleep(delay).await;
        self.note(Did::Brought(received.len()));
        Ok(received)
    }

    async fn extend(&self, receipt: &Receipt, hide_for: Duration) -> PortResult<()> {
        self.note(Did::Extend);
        let delay = *self.extend_delay.lock().unwrap();
        self.clock.sleep(delay).await;
        let extended = self.inner.extend(receipt, hide_for).await;
        self.note(Did::Extended);
        extended
    }

    async fn release(&self, receipt: &Receipt, after: Duration) -> PortResult<()> {
        self.note(Did::Release(after));
        self.inner.release(receipt, after).await
    }

    async fn delete(&self, receipts: &[Receipt]) -> PortResult<Vec<Result<(), PortError>>> {
        self.note(Did::Delete);
        self.inner.delete(receipts).await
    }

    async fn depth(&self) -> PortResult<Depth> {
        self.inner.depth().await
    }

    fn visibility(&self) -> Duration {
        VISIBILITY
    }
}

/// Work as the body says: so many seconds, or `panic`, or `trouble`.
struct Work {
    clock: Arc<SimClock>,
    running: AtomicUsize,
    most: AtomicUsize,
    /// Bodies by how often they were begun, done and cut.
    seen: Mutex<BTreeMap<String, (u32, u32, u32)>>,
}

impl Work {
    fn seen(&self, body: &str) -> (u32, u32, u32) {
        let seen = self.seen.lock().unwrap();
        seen.get(body).copied().unwrap_or_default()
    }
}

#[async_trait]
impl Handler for Work {
    async fn handle(&self, message: &Received) -> Disposition {
        let body = message.body.clone();
        let is_first = {
            let mut seen = self.seen.lock().unwrap();
            let entry = seen.entry(body.clone()).or_default();
            entry.0 += 1;
            entry.0 == 1
        };
        match body.as_str() {
            "panic" if is_first => panic!("with report text"),
            "trouble" => return Disposition::Trouble(PortError::transient("no disk")),
            _ => {}
        }
        let most = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(most, Ordering::SeqCst);
        let seconds = body.split(' ').next().and_then(|first| first.parse().ok());
        self.clock.sleep(s(seconds.unwrap_or(0))).await;
        self.running.fetch_sub(1, Ordering::SeqCst);
        self.seen.lock().unwrap().get_mut(&body).unwrap().1 += 1;
        Disposition::Delete
    }

    async fn cut(&self, message: &Received) {
        self.seen.lock().unwrap().get_mut(&message.body).unwrap().2 += 1;
    }
}

/// Told how much is in hand.
#[derive(Default)]
struct Told(Mutex<Vec<usize>>);

impl Busy for Told {
    fn hands(&self, in_hand: usize) {
        self.0.lock().unwrap().push(in_hand);
    }
}

struct Place {
    clock: Arc<SimClock>,
    queue: Arc<Noted>,
    work: Arc<Work>,
    watch: Watch,
    told: Arc<Told>,
    handle: ShutdownHandle,
    shutdown: Shutdown,
}

impl Place {
    async fn with(bodies: &[&str]) -> Place {
        let clock = Arc::new(SimClock::new(7));
        let shared: Arc<dyn Clock> = clock.clone();
        let setup = QueueSetup {
            visibility: VISIBILITY,
            max_receives: 1_000,
        };
        let inner = MemoryQueue::new(shared.clone(), Chaos::none(shared), setup);
        let queue = Arc::new(Noted {
            inner,
            clock: clock.clone(),
            did: Mutex::default(),
            receive_delay: Mutex::default(),
            extend_delay: Mutex::default(),
            broken: Mutex::default(),
        });
        let work = Arc::new(Work {
            clock: clock.clone(),
            running: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            seen: Mutex::default(),
        });
        let (handle, shutdown) = signals::shutdown();
        let told = Arc::new(Told::default());
        let place = Place {
            watch: Watch {
                busy: told.clone(),
                ..Watch::default()
            },
            clock,
            queue,
            work,
            told,
            handle,
            shutdown,
        };
        place.send(bodies).await;
        place
    }

    async fn send(&self, bodies: &[&str]) {
        let bodies = bodies.iter().map(ToString::to_string).collect();
        crate::ports::send::send_all(&*self.clock, &*self.queue, "job", bodies)
            .await
            .unwrap();
    }

    fn consumer(&self, concurrency: usize) -> Consumer {
        let setup = Setup {
            concurrency,
            poll_wait: s(20),
            poll_margin: s(10),
            backoff_first: Duration::from_millis(500),
            backoff_most: s(30),
            drain_budget: s(110),
            give_up_after: None,
        };
        Consumer::new(
            "test",
            self.queue.clone(),
            self.clock.clone(),
            self.work.clone(),
            setup,
        )
        .with_watch(self.watch.clone())
    }

    /// Runs a consumer, asks for a drain after `span`; what it reports, and when it ended.
    async fn run_for(&self, concurrency: usize, span: Duration) -> (super::DrainReport, Duration) {
        let consumer = self.consumer(concurrency);
        let drain = async {
            self.clock.sleep(span).await;
            self.handle.drain();
        };
        let (report, ()) = tokio::join!(consumer.run(&self.shutdown), drain);
        (report, self.clock.monotonic())
    }
}

#[tokio::test(start_paused = true)]
async fn s1_a_poll_in_flight_is_awaited_by_a_drain_and_what_it_brings_goes_back() {
    let place = Place::with(&["5"]).await;
    *place.queue.receive_delay.lock().unwrap() = s(8);
    let (report, ended) = place.run_for(3, s(4)).await;
    assert_eq!(report.abandoned, 0);
    assert_eq!(ended, s(8), "awaited, and no longer");
    assert_eq!(place.work.seen("5"), (0, 0, 0), "not begun");
    assert_eq!(
        place.queue.times(|did| *did == Did::Release(s(0))),
        [s(8)],
        "straight back"
    );
    assert_eq!(place.queue.depth().await.unwrap().visible, 1);
}

#[tokio::test(start_paused = true)]
async fn s1_one_receive_runs_at_a_time_and_one_that_hangs_is_given_up() {
    let place = Place::with(&[]).await;
    *place.queue.receive_delay.lock().unwrap() = s(3_600);
    place.run_for(3, s(100)).await;
    let began = place.queue.times(|did| matches!(did, Did::Receive(_)));
    // Each is given up after wait and margin (30 s); a short pause follows.
    assert!((3..=4).contains(&began.len()), "{began:?}");
    for pair in began.windows(2) {
        assert!(pair[1] - pair[0] >= s(30), "{began:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn s2_no_more_is_received_than_there_are_permits() {
    let bodies: Vec<String> = (0..25).map(|n| format!("7 {n}")).collect();
    let bodies: Vec<&str> = bodies.iter().map(String::as_str).collect();
    let place = Place::with(&bodies).await;
    let (report, _) = place.run_for(3, s(120)).await;
    assert_eq!(report.abandoned, 0);
    assert_eq!(place.work.most.load(Ordering::SeqCst), 3);
    assert!(bodies.iter().all(|body| place.work.seen(body) == (1, 1, 0)));
    assert!(
        place
            .queue
            .times(|did| matches!(did, Did::Receive(max) if *max > 3))
            .is_empty()
    );
}

#[tokio::test(start_paused = true)]
async fn s3_s5_heartbeats_keep_a_message_from_the_receive_on() {
    let place = Place::with(&["200"]).await;
    // The answer to the receive is late: the message has been hidden for as long already.
    *place.queue.receive_delay.lock().unwrap() = s(9);
    place.run_for(1, s(230)).await;
    assert_eq!(place.work.seen("200"), (1, 1, 0), "nobody else got it");
    let beats = place.queue.times(|did| *did == Did::Extend);
    assert_eq!(beats[0], VISIBILITY / 3, "counted from before the receive");
    for pair in beats.windows(2) {
        assert_eq!(pair[1] - pair[0], VISIBILITY / 3);
    }
    assert!(beats.len() >= 20);
}

#[tokio::test(start_paused = true)]
async fn s5_a_heartbeat_in_flight_is_awaited_before_the_delete() {
    let place = Place::with(&["12"]).await;
    *place.queue.extend_delay.lock().unwrap() = s(5);
    place.run_for(1, s(30)).await;
    assert_eq!(place.queue.times(|did| *did == Did::Extend), [s(10)]);
    assert_eq!(place.queue.times(|did| *did == Did::Delete), [s(15)]);
    assert!(place.queue.position(&Did::Extended) < place.queue.position(&Did::Delete));
}

#[tokio::test(start_paused = true)]
async fn s6_a_message_is_given_back_before_its_12_hours_are_over() {
    let place = Place::with(&["50000"]).await;
    let twelve_hours = s(12 * 3600);
    let consumer = place.consumer(1);
    let look = async {
        place.clock.sleep(twelve_hours - s(30)).await;
        place.work.seen("50000")
    };
    let (begun, cut) = tokio::select! {
        _ = consumer.run(&place.shutdown) => unreachable!("nobody asked for a drain"),
        (begun, _, cut) = look => (begun, cut),
    };
    assert_eq!(cut, 1, "what the work held was let go of");
    assert_eq!(begun, 2, "another receive has an account of its own");
    let beats = place.queue.times(|did| *did == Did::Extend);
    let released = place.queue.times(|did| *did == Did::Release(s(0)));
    assert_eq!(released.len(), 1);
    assert!(released[0] < twelve_hours - s(60));
    let last_of_first = beats.iter().rfind(|at| **at < released[0]).unwrap();
    assert!(*last_of_first + VISIBILITY < twelve_hours);
}

#[tokio::test(start_paused = true)]
async fn s4_failing_receives_back_off_under_a_capped_ceiling_until_the_queue_is_back() {
    let place = Place::with(&["1"]).await;
    let gone = PortError::permanent_job("queue chunks: not there");
    *place.queue.broken.lock().unwrap() = Some(gone);
    let mend = async {
        place.clock.sleep(s(600)).await;
        *place.queue.broken.lock().unwrap() = None;
    };
    tokio::join!(mend, place.run_for(1, s(700)));
    let tries = place.queue.times(|did| matches!(did, Did::Receive(_)));
    let while_broken = tries.iter().filter(|at| **at < s(600)).count();
    assert!((20..=120).contains(&while_broken), "{while_broken} tries");
    let errors = place.watch.metrics.get(Count::ReceiveErrors);
    assert_eq!(errors, while_broken as u64, "each is told of");
    assert_eq!(place.work.seen("1"), (1, 1, 0), "it goes on by itself");
}

#[tokio::test(start_paused = true)]
async fn s8_heartbeats_go_on_through_a_drain() {
    let place = Place::with(&["90"]).await;
    let (report, ended) = place.run_for(1, s(5)).await;
    assert_eq!((report.abandoned, ended), (0, s(90)));
    let beats = place.queue.times(|did| *did == Did::Extend);
    assert_eq!(beats.len(), 8, "{beats:?}");
    assert_eq!(place.queue.depth().await.unwrap(), Depth::default());
}

#[tokio::test(start_paused = true)]
async fn s15_s20_a_panic_over_one_message_leaves_its_batch_mates_alone() {
    let place = Place::with(&["1 a", "panic", "1 b"]).await;
    let (report, _) = place.run_for(3, s(60)).await;
    assert_eq!(report.abandoned, 0);
    assert_eq!(place.work.seen("1 a"), (1, 1, 0));
    assert_eq!(place.work.seen("1 b"), (1, 1, 0));
    assert_eq!(place.work.seen("panic"), (2, 1, 0), "tried again later");
}

#[tokio::test(start_paused = true)]
async fn s17_trouble_goes_back_with_growing_jittered_pauses() {
    let place = Place::with(&["trouble"]).await;
    place.run_for(1, s(3_600)).await;
    let (begun, ..) = place.work.seen("trouble");
    // Ceilings of 30 s, half of it on the average.
    assert!((100..=600).contains(&begun), "{begun}");
    let did = place.queue.did.lock().unwrap();
    let pauses: Vec<Duration> = did
        .iter()
        .filter_map(|(_, did)| match did {
            Did::Release(after) => Some(*after),
            _ => None,
        })
        .collect();
    assert!(pauses[0] <= Duration::from_millis(500));
    assert!(pauses.iter().all(|pause| *pause <= s(30)));
    let late = &pauses[10..];
    let distinct: std::collections::BTreeSet<&Duration> = late.iter().collect();
    assert_eq!(distinct.len(), late.len(), "jitter");
}

#[tokio::test(start_paused = true)]
async fn s21_work_that_outlasts_the_drain_is_let_go_of_within_the_budget() {
    let place = Place::with(&["1000", "60"]).await;
    let (report, ended) = place.run_for(2, s(5)).await;
    assert_eq!(report.abandoned, 1, "the other one was done in time");
    assert_eq!(place.work.seen("60"), (1, 1, 0));
    assert_eq!(place.work.seen("1000"), (1, 0, 1));
    assert!(ended <= s(5 + 110));
    assert_eq!(
        place.queue.depth().await.unwrap().visible,
        1,
        "for others at once, and not when its visibility ends"
    );
    assert_eq!(place.watch.metrics.get(Count::Abandoned), 1);
}

#[tokio::test(start_paused = true)]
async fn s22_who_protects_the_process_is_told_of_work_in_hand_and_of_its_end() {
    let place = Place::with(&["5", "9"]).await;
    place.run_for(2, s(40)).await;
    assert_eq!(*place.told.0.lock().unwrap(), [2, 1, 0]);
}

#[tokio::test(start_paused = true)]
async fn s23_a_stop_before_the_start_polls_nothing_and_a_second_stop_changes_nothing() {
    let place = Place::with(&["5"]).await;
    place.handle.drain();
    place.handle.drain();
    let (report, ended) = place.run_for(2, s(0)).await;
    assert_eq!((report.abandoned, ended), (0, s(0)));
    let polls = place.queue.times(|did| matches!(did, Did::Brought(_)));
    assert!(polls.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_idle_consumer_polls_once_in_20_seconds_and_its_loop_turns() {
    let place = Place::with(&[]).await;
    place.run_for(6, s(3_600)).await;
    let polls = place.queue.times(|did| matches!(did, Did::Receive(_)));
    assert!(polls.len() <= 3_600 / 20 + 1, "{}", polls.len());
    assert_eq!(place.queue.did.lock().unwrap().len(), 2 * polls.len());
}
