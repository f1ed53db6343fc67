//! Promises of telling, in virtual time: at least once, never another state, no receiver waits for another one.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;
use std::time::Duration;

use super::{Teller, When};
use crate::adapters::embedded::EmbeddedLedger;
use crate::adapters::memory::chaos::{Chaos, Rates};
use crate::adapters::memory::clock::SimClock;
use crate::adapters::memory::ledger::{ChaosLedger, MemoryStore};
use crate::adapters::memory::notifier::{MemoryNotifier, Mood};
use crate::core::chunk::ChunkLimits;
use crate::core::identity;
use crate::core::ids::JobId;
use crate::core::job::{Election, Stop};
use crate::core::notice::{DueNotice, Notice, Target};
use crate::core::plan::SplitTotals;
use crate::core::transitions::job::verdict;
use crate::core::transitions::notice::{GIVEN_UP_AFTER_MS, TAKEN_MS, tests::notice};
use crate::ports::signals::shutdown;
use crate::ports::{Clock, Ledger, Notifier, PortError};

/// A ledger that takes its time, so that each of its answers is a place to die at.
struct Place {
    clock: Arc<SimClock>,
    chaos: Arc<Chaos>,
    ledger: Arc<dyn Ledger>,
    job_id: JobId,
    others: AtomicU32,
}

impl Place {
    /// A job whose end can be written.
    async fn new(seed: u64) -> Place {
        let clock = Arc::new(SimClock::new(seed));
        let shared: Arc<dyn Clock> = clock.clone();
        let chaos = Chaos::none(shared.clone());
        let limits = ChunkLimits::default();
        let inner = Arc::new(EmbeddedLedger::new(MemoryStore::default(), shared, limits));
        let ledger: Arc<dyn Ledger> = Arc::new(ChaosLedger::new(inner, chaos.clone()));
        let spec = identity::tests::spec();
        let job_id = identity::job_id(&spec);
        ledger.create_job(&job_id, &spec).await.unwrap();
        let nothing = SplitTotals {
            chunks: 0,
            rows: 0,
            failed_records: 0,
        };
        ledger.split_complete(&job_id, &nothing).await.unwrap();
        chaos.set_rates(Rates {
            latency_ms: 20,
            ..Rates::default()
        });
        Place {
            clock,
            chaos,
            ledger,
            job_id,
            others: AtomicU32::new(0),
        }
    }

    /// As many notices as other jobs' ends keep, for bus and webhook.
    async fn more_ends(&self, number: u32) {
        for _ in 0..number {
            let mut spec = identity::tests::spec();
            spec.batch_size = 100 + self.others.fetch_add(1, Ordering::Relaxed);
            let (job_id, ledger) = (identity::job_id(&spec), &self.ledger);
            ledger.create_job(&job_id, &spec).await.unwrap();
            ledger.stop(&job_id, &Stop::Cancelled).await.unwrap();
            let elected = ledger.elect_finisher(&job_id, "a", 1_000).await;
            let Election::Elected { epoch, job } = elected.unwrap() else {
                panic!("it is stopped");
            };
            let end = verdict(&job);
            let targets = [Target::EventBus, Target::Webhook].into();
            let due = DueNotice::new(notice(&job_id, end.name()), targets, self.clock.now_ms());
            let ended = ledger.end_job(&job_id, epoch, &end, Some(&due));
            ended.await.unwrap();
        }
    }

    fn receiver(&self, target: Target, moods: impl IntoIterator<Item = Mood>) -> Receiver {
        let takes = Duration::from_millis(100);
        Arc::new(MemoryNotifier::new(
            target,
            self.clock.clone(),
            takes,
            moods,
        ))
    }

    fn teller(&self, receivers: &[&Receiver]) -> Teller {
        let notifiers = receivers.iter().map(|one| {
            let one: Receiver = (*one).clone();
            one as Arc<dyn Notifier>
        });
        Teller::new(self.clock.clone(), self.ledger.clone(), notifiers.collect())
    }

    /// Ends the job, if it can be ended now, and keeps the notice of it.
    async fn end(&self, teller: &Teller, owner: &str) -> Result<(), PortError> {
        let elected = self.ledger.elect_finisher(&self.job_id, owner, 120_000);
        if let Election::Elected { epoch, job } = elected.await? {
            let end = verdict(&job);
            let due = teller.due(notice(&self.job_id, end.name()));
            self.ledger
                .end_job(&self.job_id, epoch, &end, Some(&due))
                .await?;
        }
        Ok(())
    }

    /// A process that ends the job and tells.
    async fn process(&self, receiver: &Receiver, owner: &str) {
        let teller = self.teller(&[receiver]);
        // What fails is left to whoever comes next.
        let _ = self.end(&teller, owner).await;
        let _ = teller.round(When::Due).await;
    }

    async fn state(&self) -> &'static str {
        let job = self.ledger.job(&self.job_id).await.unwrap();
        job.expect("it is there").state()
    }

    async fn kept(&self) -> usize {
        self.ledger.notices(10).await.unwrap().len()
    }
}

type Receiver = Arc<MemoryNotifier>;

/// Polls `work` so often and then drops it, as a process that is killed; true: it was through before.
async fn killed_after(polls: usize, work: impl Future<Output = ()>) -> bool {
    let mut work = pin!(work);
    let mut polled = 0;
    poll_fn(|context| {
        if polled == polls {
            return Poll::Ready(false);
        }
        polled += 1;
        work.as_mut().poll(context).map(|()| true)
    })
    .await
}

fn states(told: &[Notice]) -> BTreeSet<&str> {
    told.iter().map(|notice| notice.state.as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn i6_a_process_that_dies_at_any_point_leaves_a_notice_that_arrives_and_says_how_the_job_ended()
 {
    let mut died = 0;
    for polls in 1.. {
        let place = Place::new(polls as u64).await;
        let receiver = place.receiver(Target::Webhook, []);
        let is_through = killed_after(polls, place.process(&receiver, "first")).await;
        if is_through {
            assert_eq!((receiver.got().len(), place.kept().await), (1, 0));
            break;
        }
        died += 1;
        // Where the end was not written yet, the job ends otherwise: no word of the first end may be told.
        let stop = Stop::Failed {
            reason: "outputs cannot be written".to_string(),
        };
        place.ledger.stop(&place.job_id, &stop).await.unwrap();
        for _ in 0..3 {
            place.clock.sleep(Duration::from_millis(TAKEN_MS * 2)).await;
            place.process(&receiver, "second").await;
        }
        let (got, state) = (receiver.got(), place.state().await);
        assert!(
            !got.is_empty(),
            "killed after {polls} polls: nobody was told"
        );
        assert!(
            got.len() <= 2,
            "killed after {polls} polls: told {} times",
            got.len()
        );
        assert_eq!(
            states(&receiver.tried()),
            [state].into(),
            "killed after {polls} polls"
        );
        assert!(got.iter().all(|notice| *notice == got[0]), "equal bytes");
        assert_eq!(place.kept().await, 0);
    }
    assert!(died >= 5, "only {died} places to die at");
}

#[tokio::test(start_paused = true)]
async fn i6_lost_answers_and_failures_of_the_ledger_lose_no_notice() {
    for seed in 0..40 {
        let place = Place::new(seed).await;
        let receiver = place.receiver(Target::Webhook, [Mood::TakesAndLosesTheAnswer]);
        place.chaos.set_rates(Rates {
            latency_ms: 20,
            fail_before: 150,
            lose_answer: 150,
            ..Rates::default()
        });
        for _ in 0..12 {
            place.process(&receiver, "one").await;
            place.clock.sleep(Duration::from_secs(300)).await;
        }
        place.chaos.set_rates(Rates::default());
        for _ in 0..3 {
            place.process(&receiver, "one").await;
            place.clock.sleep(Duration::from_secs(7_200)).await;
        }
        assert_eq!(place.state().await, "COMPLETED");
        assert_eq!(states(&receiver.got()), ["COMPLETED"].into(), "seed {seed}");
        assert_eq!(place.kept().await, 0, "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_fails_holds_up_no_other_and_who_was_told_is_not_told_again() {
    let place = Place::new(1).await;
    let fails = || Mood::Fails(PortError::transient("HTTP 500"));
    let webhook = place.receiver(Target::Webhook, [fails(), fails()]);
    let bus = place.receiver(Target::EventBus, []);
    let teller = place.teller(&[&webhook, &bus]);
    place.end(&teller, "a").await.unwrap();
    let round = teller.round(When::Due).await.unwrap();
    assert_eq!((bus.got().len(), webhook.got().len()), (1, 0));
    assert_eq!((round.waiting, teller.waiting()), (1, 1));
    for _ in 0..2 {
        place.clock.sleep(Duration::from_secs(60)).await;
        teller.round(When::Due).await.unwrap();
    }
    assert_eq!((bus.tried().len(), webhook.tried().len()), (1, 3));
    assert_eq!((webhook.got().len(), teller.waiting()), (1, 0));
    let counts = [
        ("NoticesSent", 2),
        ("NoticesFailed", 2),
        ("NoticesGivenUp", 0),
    ];
    assert_eq!(teller.counts(), counts);
}

#[tokio::test(start_paused = true)]
async fn a_dead_receiver_costs_a_round_a_bounded_time_however_many_notices_wait() {
    let place = Place::new(1).await;
    let webhook = Arc::new(MemoryNotifier::new(
        Target::Webhook,
        place.clock.clone(),
        Duration::from_secs(3_600),
        [],
    ));
    let bus = place.receiver(Target::EventBus, []);
    let teller = place.teller(&[&webhook, &bus]);
    place.end(&teller, "a").await.unwrap();
    place.more_ends(60).await;
    let began = place.clock.monotonic();
    teller.round(When::Due).await.unwrap();
    let took = place.clock.monotonic() - began;
    assert!(took < Duration::from_secs(60), "{took:?}");
    assert_eq!(bus.got().len(), 61, "all that answer were told");
    assert!(webhook.tried().len() <= 16, "{}", webhook.tried().len());
    assert_eq!(teller.waiting(), 61);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_takes_its_time_keeps_nobody_from_hearing_of_the_next_end() {
    let place = Place::new(1).await;
    let slow = Arc::new(MemoryNotifier::new(
        Target::Webhook,
        place.clock.clone(),
        Duration::from_secs(6),
        [],
    ));
    let bus = place.receiver(Target::EventBus, []);
    let teller = place.teller(&[&slow, &bus]);
    place.end(&teller, "a").await.unwrap();
    place.more_ends(60).await;
    let (handle, shutdown) = shutdown();
    let began = place.clock.monotonic();
    let ends = async {
        place.clock.sleep(Duration::from_secs(3)).await;
        assert_eq!(bus.got().len(), 61, "none waits for its webhook's turn");
        assert!(slow.tried().len() <= 8, "no more at once than it can take");
        place.more_ends(1).await;
        teller.wake();
        place.clock.sleep(Duration::from_secs(3)).await;
        assert_eq!(bus.got().len(), 62, "a round that waits holds up no other");
        while place.kept().await > 0 {
            place.clock.sleep(Duration::from_secs(1)).await;
        }
        handle.drain();
    };
    tokio::join!(
        teller.tell_until_drained(Duration::from_secs(60), &shutdown),
        ends
    );
    let keys = slow.got();
    let keys: BTreeSet<&str> = keys.iter().map(|one| one.notice_id.as_str()).collect();
    assert_eq!((keys.len(), slow.tried().len()), (62, 62), "each once");
    assert_eq!(bus.tried().len(), 62);
    let took = place.clock.monotonic() - began;
    assert!(took < Duration::from_secs(180), "{took:?} of virtual time");
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_has_gone_is_asked_once_and_one_that_refuses_for_a_day() {
    let place = Place::new(1).await;
    let gone = place.receiver(Target::Webhook, [Mood::HasEnough]);
    let refuses = Mood::Fails(PortError::permanent_job("HTTP 404"));
    let topic = place.receiver(Target::Topic, vec![refuses; 1_000]);
    let teller = place.teller(&[&gone, &topic]);
    let began_ms = place.clock.now_ms();
    place.end(&teller, "a").await.unwrap();
    let mut last_ms = began_ms;
    while teller.round(When::Due).await.unwrap().waiting > 0 {
        last_ms = place.clock.now_ms();
        place.clock.sleep(Duration::from_secs(60)).await;
    }
    assert_eq!(gone.tried().len(), 1);
    let tries = topic.tried().len();
    assert!((20..100).contains(&tries), "{tries} tries in a day");
    let day = GIVEN_UP_AFTER_MS..GIVEN_UP_AFTER_MS + 120_000;
    assert!(day.contains(&(last_ms + 60_000 - began_ms)));
    assert_eq!(place.kept().await, 0, "given up");
    assert_eq!(teller.counts()[2], ("NoticesGivenUp", 1));
}

#[tokio::test(start_paused = true)]
async fn a_target_that_this_process_does_not_know_is_left_to_one_that_does() {
    let place = Place::new(1).await;
    let (bus, webhook) = (
        place.receiver(Target::EventBus, []),
        place.receiver(Target::Webhook, []),
    );
    let knows_both = place.teller(&[&bus, &webhook]);
    place.end(&knows_both, "new").await.unwrap();
    let knows_one = place.teller(&[&bus]);
    knows_one.round(When::Due).await.unwrap();
    assert_eq!((bus.got().len(), webhook.got().len()), (1, 0));
    knows_both.round(When::Now).await.unwrap();
    assert_eq!((bus.got().len(), webhook.got().len()), (1, 1));
    assert_eq!(place.kept().await, 0);
}
