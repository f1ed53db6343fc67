//! A fleet of workers against one quota, over the ledger (I9, issue 4): in virtual time, with a ledger that takes its time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::{FuturesUnordered, StreamExt};

use super::service::{Outcome, SHAPES, Service, Trial, quota};
use crate::adapters::embedded::{EmbeddedLedger, Store, Work};
use crate::adapters::memory::clock::SimClock;
use crate::adapters::memory::ledger::MemoryStore;
use crate::core::chunk::ChunkLimits;
use crate::pacing::keeper::{GAP, Keeper};
use crate::pacing::lane::{Lane, LaneSetup};
use crate::pacing::quota::Refill;
use crate::ports::error::PortResult;
use crate::ports::{Clock, Ledger};

const QUOTA: u64 = 1_000_000;
const SEEDS: std::ops::Range<u64> = 1..3;

/// A store that takes 5 to 30 ms for a transaction, and counts them.
struct SlowStore {
    clock: Arc<dyn Clock>,
    store: MemoryStore,
    transactions: AtomicU64,
}

#[async_trait]
impl Store for SlowStore {
    async fn transact<R: Send + 'static>(&self, work: Work<R>) -> PortResult<R> {
        self.transactions.fetch_add(1, Ordering::Relaxed);
        let takes = Duration::from_millis(5 + self.clock.random() % 25);
        self.clock.sleep(takes / 2).await;
        let done = self.store.transact(work).await;
        self.clock.sleep(takes / 2).await;
        done
    }
}

/// A fleet in a trial.
struct Fleet {
    trial: Trial,
    workers: usize,
    /// Callers of each worker, by its number.
    callers: fn(&Fleet, usize) -> usize,
    /// From when to when each worker lives, by its number: seconds of the trial.
    lives: fn(&Fleet, usize) -> (f64, f64),
    /// How long each keeper goes on when there is nothing more to do.
    idle_seconds: u64,
}

impl Fleet {
    /// Workers that ask for three times the quota at least, for 20 minutes.
    fn new(seed: u64, workers: usize, told: Option<u64>, shape: (&str, u64, Refill)) -> Fleet {
        let lane = LaneSetup::told(told, None).shared();
        Fleet {
            trial: Trial::new(seed, lane, quota(shape, Some(QUOTA), None)),
            workers,
            callers: |fleet, _| 72usize.div_ceil(fleet.workers).max(4),
            lives: |_, _| (0.0, f64::INFINITY),
            idle_seconds: 0,
        }
    }

    /// What came of it, and how many writes a worker made a second at most.
    async fn run(&self) -> (Outcome, f64) {
        let clock: Arc<dyn Clock> = Arc::new(SimClock::new(self.trial.seed));
        let service = Service::new(clock.clone(), &self.trial);
        clock
            .sleep(Duration::from_secs_f64(60.0 * service.share()))
            .await;
        let store = Arc::new(SlowStore {
            clock: clock.clone(),
            store: MemoryStore::default(),
            transactions: AtomicU64::new(0),
        });
        let limits = ChunkLimits::default();
        let ledger: Arc<dyn Ledger> =
            Arc::new(EmbeddedLedger::new(store.clone(), clock.clone(), limits));
        let begin = service.begin();
        let mut workers: FuturesUnordered<_> = (0..self.workers)
            .map(|number| self.worker(number, &service, &clock, &ledger))
            .collect();
        let all = async { while workers.next().await.is_some() {} };
        tokio::select! {
            biased;
            () = all => {}
            () = service.change_limits(&self.trial.changes) => unreachable!("sleeps on"),
            () = clock.sleep(Duration::from_secs(self.trial.seconds + self.idle_seconds)) => {}
        }
        drop(workers);
        let took = clock.monotonic() - begin;
        let writes = store.transactions.load(Ordering::Relaxed) as f64;
        let per_worker = writes / self.workers as f64 / took.as_secs_f64();
        let nobody = Lane::new(clock, LaneSetup::default());
        (service.outcome(took, nobody.snapshot()), per_worker)
    }

    async fn worker(
        &self,
        number: usize,
        service: &Service,
        clock: &Arc<dyn Clock>,
        ledger: &Arc<dyn Ledger>,
    ) {
        let (from, to) = (self.lives)(self, number);
        clock.sleep(Duration::from_secs_f64(from)).await;
        let lane = Arc::new(Lane::new(clock.clone(), self.trial.lane));
        let name = format!("worker-{number}");
        let keeper = Keeper::new(clock.clone(), ledger.clone(), lane.clone(), "lane", name);
        let mut callers: FuturesUnordered<_> = (0..(self.callers)(self, number))
            .map(|_| service.keep_busy(Some(&lane)))
            .collect();
        let all = async {
            while callers.next().await.is_some() {}
            clock.sleep(Duration::from_secs(self.idle_seconds)).await;
        };
        let life = Duration::from_secs_f64((to - from).min(1e9));
        tokio::select! {
            biased;
            () = keeper.keep(|| GAP) => {}
            () = all => {}
            // It dies: it gives nothing back.
            () = clock.sleep(life) => {}
        }
    }
}

/// Use from the third minute on, share of starts refused from the first on, writes a worker and second: worst of seeds.
async fn worst(what: &str, fleet: impl Fn(u64) -> Fleet) -> (f64, f64, f64) {
    let mut worst: (f64, f64, f64) = (f64::INFINITY, 0.0, 0.0);
    for seed in SEEDS {
        let (outcome, writes) = fleet(seed).run().await;
        let used = outcome.settled_per_minute(120.0, 1_200.0) / QUOTA as f64;
        let refused = outcome.refused_share(0.0, 1_200.0);
        worst = (worst.0.min(used), worst.1.max(refused), worst.2.max(writes));
    }
    println!(
        "{what}: at least {:.1} % used, at most {:.2} % of starts refused, {:.2} writes a worker and second",
        100.0 * worst.0,
        100.0 * worst.1,
        worst.2
    );
    worst
}

/// Buckets that are large enough that it does not matter in which millisecond which worker starts a call.
const ROOMY: [(&str, u64, Refill); 3] = [SHAPES[0], SHAPES[1], SHAPES[3]];

#[tokio::test(start_paused = true)]
async fn i9_a_fleet_uses_97_percent_of_a_told_quota_and_is_hardly_refused() {
    for shape in SHAPES {
        for workers in [1, 4, 16, 64] {
            let what = format!("told, {workers} workers, {}", shape.0);
            let fleet = |seed| Fleet::new(seed, workers, Some(QUOTA), shape);
            let (used, refused, writes) = worst(&what, fleet).await;
            let least = if ROOMY.contains(&shape) || workers <= 4 {
                0.97
            } else {
                // Workers do not know when the others start: a bucket of a second holds six calls.
                0.5
            };
            assert!(used >= least, "{what}: {used} used");
            assert!(refused < 0.02, "{what}: {refused} refused");
            assert!(writes < 1.0, "{what}: {writes} writes");
        }
    }
}

/// One after the other comes in the first five minutes, and every second one dies later on without giving anything back.
fn comes_and_goes(fleet: &Fleet, number: usize) -> (f64, f64) {
    let place = number as f64 / fleet.workers as f64;
    let to = if number.is_multiple_of(2) {
        f64::INFINITY
    } else {
        400.0 + 700.0 * place
    };
    (300.0 * place, to)
}

#[tokio::test(start_paused = true)]
async fn i9_a_fleet_whose_workers_come_and_die_uses_97_percent() {
    for shape in ROOMY {
        for workers in [4, 16, 64] {
            let what = format!("coming and dying, {workers} workers, {}", shape.0);
            let fleet = |seed| Fleet {
                lives: comes_and_goes,
                ..Fleet::new(seed, workers, Some(QUOTA), shape)
            };
            let (used, refused, writes) = worst(&what, fleet).await;
            assert!(used >= 0.97, "{what}: {used} used");
            assert!(refused < 0.02, "{what}: {refused} refused");
            assert!(writes < 1.0, "{what}: {writes} writes");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_workers_with_little_to_do_leave_is_used_by_the_others() {
    let fleet = |seed| Fleet {
        callers: |_, number| if number == 0 { 69 } else { 1 },
        ..Fleet::new(seed, 8, Some(QUOTA), SHAPES[0])
    };
    let (used, refused, _) = worst("told, 7 of 8 workers with one caller each", fleet).await;
    assert!(used >= 0.97, "{used} used");
    assert!(refused < 0.02, "{refused} refused");
}

/// Halved after ten minutes, which nobody tells the fleet.
#[tokio::test(start_paused = true)]
async fn i9_a_fleet_keeps_to_a_quota_that_is_halved_on_its_way() {
    let (halved, end) = (600.0, 1_200.0);
    for shape in ROOMY {
        for workers in [1, 4, 16, 64] {
            let (mut before, mut after, mut refused) = (f64::INFINITY, f64::INFINITY, 0.0f64);
            for seed in SEEDS {
                let mut fleet = Fleet::new(seed, workers, Some(QUOTA), shape);
                fleet.trial.changes = vec![(halved as u64, Some(QUOTA / 2), None)];
                let (outcome, _) = fleet.run().await;
                let used = |from, to| outcome.settled_per_minute(from, to) / QUOTA as f64;
                before = before.min(used(120.0, halved));
                after = after.min(2.0 * used(halved + 60.0, end));
                refused = refused.max(outcome.refused_share(0.0, end));
            }
            let what = format!("halved, {workers} workers, {}", shape.0);
            println!(
                "{what}: at least {:.1} % used, then {:.1} % of the half, {:.2} % of starts refused",
                100.0 * before,
                100.0 * after,
                100.0 * refused
            );
            assert!(before >= 0.95, "{what}: {before} used");
            // Nothing shows that a window is used up, or that it has begun anew, but refusals.
            let (least, most) = match shape.2 {
                Refill::Continuous => (0.90, 0.02),
                Refill::Window => (0.50, 0.06),
            };
            assert!(after >= least, "{what}: {after} of the half used");
            assert!(refused < most, "{what}: {refused} refused");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_fleet_finds_a_quota_that_nobody_told() {
    for shape in ROOMY {
        for workers in [1, 4, 16, 64] {
            let what = format!("not told, {workers} workers, {}", shape.0);
            let fleet = |seed| Fleet::new(seed, workers, None, shape);
            let (used, refused, writes) = worst(&what, fleet).await;
            // The more workers, the later it is known what the others met with.
            let (least, most) = match (shape.2, workers) {
                (Refill::Continuous, ..=16) => (0.95, 0.05),
                (Refill::Continuous, _) => (0.50, 0.20),
                (Refill::Window, _) => (0.60, 0.25),
            };
            assert!(used >= least, "{what}: {used} used");
            assert!(refused < most, "{what}: {refused} refused");
            assert!(writes < 1.0, "{what}: {writes} writes");
        }
    }
}

/// Nothing is in progress, so nothing is asked for: at most what gives the last part back.
#[tokio::test(start_paused = true)]
async fn an_idle_fleet_writes_nothing() {
    let mut fleet = Fleet::new(1, 16, Some(QUOTA), SHAPES[0]);
    fleet.trial.calls = Some(500);
    let (outcome, _) = fleet.run().await;
    assert_eq!(outcome.answered(), 500);
    let busy = outcome.took.as_secs_f64();
    fleet.idle_seconds = 3_600;
    let (outcome, writes) = fleet.run().await;
    assert_eq!(outcome.answered(), 500);
    let all = writes * 16.0 * outcome.took.as_secs_f64();
    // One word a term while busy, and one at the end.
    let most = 16.0 * (busy / 2.0 + 3.0);
    assert!(
        outcome.took.as_secs() > 3_600 && all <= most,
        "{all} writes, {most} at most"
    );
}
