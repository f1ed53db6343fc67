//! Telling what is due, beside everything else: taken from the ledger, told to all targets at once, settled. Whoever ends a
//! job only keeps the notice; so it makes no difference who tells it, and when.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::{Notify, Semaphore};

use crate::core::notice::{DueNotice, Notice, Target, Wait};
use crate::core::transitions::notice::{self as rules, Fate, Heard};
use crate::ports::error::PortResult;
use crate::ports::notifier::Taken;
use crate::ports::retry::{Backoff, retry};
use crate::ports::{Clock, Ledger, Notifier, Shutdown};

/// Notices that are looked at in one round.
const AT_ONCE: usize = 100;
/// Tries of one target at the same time, and writes to the ledger.
const SIDE_BY_SIDE: usize = 8;
/// Rounds at the same time: what ends while a receiver takes its time is told to the others meanwhile.
const ROUNDS_AT_ONCE: usize = 4;
/// So long a notice waits for others' tries of its target; then it is due again. With all that comes after, less than a
/// notice is held for.
const TURN_COMES_IN: Duration = Duration::from_secs(20);
/// A receiver that takes longer has failed; with all tries of the ledger beside it, less than a notice is held for.
const TRY_LASTS: Duration = Duration::from_secs(15);
/// After so many failures in one round a target is left alone until the next, so that those that answer need not wait.
const FAILURES_A_ROUND: u32 = 3;

/// Tells receivers of jobs that have ended.
pub struct Teller {
    clock: Arc<dyn Clock>,
    ledger: Arc<dyn Ledger>,
    receivers: Vec<Receiver>,
    writes: Semaphore,
    rounds: AtomicU64,
    ended: Notify,
    told: AtomicU64,
    failed: AtomicU64,
    given_up: AtomicU64,
    waiting: AtomicU64,
}

/// Who is told, and how many tries there may be at once.
struct Receiver {
    notifier: Arc<dyn Notifier>,
    turns: Semaphore,
}

/// What asking one target came to.
enum Asked {
    /// It was tried.
    Tried(Heard),
    /// Its turn did not come in time.
    PassedOver,
    /// It was left alone.
    LeftAlone,
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
        let receivers = notifiers.into_iter().map(|notifier| Receiver {
            notifier,
            turns: Semaphore::new(SIDE_BY_SIDE),
        });
        Teller {
            clock,
            ledger,
            receivers: receivers.collect(),
            writes: Semaphore::new(SIDE_BY_SIDE),
            rounds: AtomicU64::new(0),
            ended: Notify::new(),
            told: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            given_up: AtomicU64::new(0),
            waiting: AtomicU64::new(0),
        }
    }

    /// What is to be kept with the end of a job.
    pub fn due(&self, notice: Notice) -> DueNotice {
        let targets = self.receivers.iter().map(Receiver::target).collect();
        DueNotice::new(notice, targets, self.clock.now_ms())
    }

    /// A notice was kept: it is told soon.
    pub fn wake(&self) {
        self.ended.notify_one();
    }

    /// Notices told, tries that failed and notices given up, each for one target, since the start.
    pub fn counts(&self) -> [(&'static str, u64); 3] {
        [
            ("NoticesSent", self.told.load(Ordering::Relaxed)),
            ("NoticesFailed", self.failed.load(Ordering::Relaxed)),
            ("NoticesGivenUp", self.given_up.load(Ordering::Relaxed)),
        ]
    }

    /// Notices that still have to be told, as this process saw them last.
    pub fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Tells what is due, at once after an end and every now and then, until a drain is asked for, and then once more. A
    /// round that waits for a slow receiver keeps the next one from nothing.
    pub async fn tell_until_drained(&self, every: Duration, shutdown: &Shutdown) {
        let mut rounds = FuturesUnordered::new();
        loop {
            let is_last = shutdown.is_draining();
            rounds.push(self.round_or_warning());
            if is_last {
                while rounds.next().await.is_some() {}
                return;
            }
            let mut look_ms = self.clock.now_ms().saturating_add(every.as_millis() as u64);
            loop {
                let has_room = rounds.len() < ROUNDS_AT_ONCE;
                let left_ms = look_ms.saturating_sub(self.clock.now_ms()).max(1);
                tokio::select! {
                    biased;
                    () = shutdown.draining() => break,
                    Some(next_ms) = rounds.next() => {
                        look_ms = next_ms.map_or(look_ms, |next_ms| next_ms.min(look_ms));
                    }
                    () = self.ended.notified(), if has_room => break,
                    () = self.clock.sleep(Duration::from_millis(left_ms)), if has_room => break,
                }
            }
        }
    }

    /// A round; when the next notice is due, as far as it knows.
    async fn round_or_warning(&self) -> Option<u64> {
        match self.round(When::Due).await {
            Ok(round) => round.next_ms,
            Err(error) => {
                tracing::warn!(%error, "notices not looked through; the next round goes on");
                None
            }
        }
    }

    /// Tells what is to be told.
    pub async fn round(&self, when: When) -> PortResult<Round> {
        let clock = &*self.clock;
        let number = self.rounds.fetch_add(1, Ordering::Relaxed) + 1;
        let kept = retry(clock, Backoff::STORAGE, || self.ledger.notices(AT_ONCE)).await?;
        self.saw(number, kept.len());
        let now_ms = clock.now_ms();
        let (due, later): (Vec<DueNotice>, Vec<DueNotice>) = kept
            .into_iter()
            .partition(|notice| when == When::Now || notice.not_before_ms <= now_ms);
        let failures: Failures = self
            .receivers
            .iter()
            .map(|one| (one.target(), AtomicU32::new(0)))
            .collect();
        let told = due
            .iter()
            .map(|notice| self.tell_one(notice, when, &failures));
        let left: Vec<Option<u64>> = join_all(told).await;
        let times = left.into_iter().flatten();
        let times: Vec<u64> = times
            .chain(later.iter().map(|notice| notice.not_before_ms))
            .collect();
        self.saw(number, times.len());
        Ok(Round {
            waiting: times.len(),
            next_ms: times.into_iter().min(),
        })
    }

    /// What the newest round saw counts; an older one that ends later knows less.
    fn saw(&self, number: u64, waiting: usize) {
        if self.rounds.load(Ordering::Relaxed) == number {
            self.waiting.store(waiting as u64, Ordering::Relaxed);
        }
    }

    /// One try of one notice. When it is due again; none: it is through.
    async fn tell_one(&self, due: &DueNotice, when: When, failures: &Failures) -> Option<u64> {
        match self.try_one(due, when, failures).await {
            Ok(next_ms) => next_ms,
            Err(error) => {
                // Told or not: it comes again, and receivers know it by its key.
                let id = &due.notice.notice_id;
                tracing::warn!(notice = %id, %error, "notice not settled; it will be told again");
                Some(self.clock.now_ms() + rules::TAKEN_MS)
            }
        }
    }

    async fn try_one(
        &self,
        due: &DueNotice,
        when: When,
        failures: &Failures,
    ) -> PortResult<Option<u64>> {
        let clock = &*self.clock;
        // One that is told before its time is taken as if that had come, for all of its targets.
        let latest_ms = match when {
            When::Due => due.not_before_ms,
            When::Now => {
                let times = due.targets.values().map(|wait| wait.not_before_ms);
                times.fold(due.not_before_ms, u64::max)
            }
        };
        let Some(taken) = rules::take(due, clock.now_ms().max(latest_ms)) else {
            return Ok(Some(due.not_before_ms));
        };
        // Not said again after an open outcome: whoever took it, it is told when that time is over.
        let is_ours = self.move_one(due, Some(&taken)).await?;
        if !is_ours {
            return Ok(Some(taken.not_before_ms));
        }
        let in_hand: BTreeSet<Target> = taken.in_hand().collect();
        let asked = self
            .receivers
            .iter()
            .filter(|one| in_hand.contains(&one.target()));
        let asked = asked.map(|one| {
            let asked = self.ask_in_turn(one, &taken, failures);
            asked.map(|asked| (one.target(), asked))
        });
        let (mut heard, mut passed_over) = (Vec::new(), Vec::new());
        for (target, asked) in join_all(asked).await {
            match asked {
                Asked::Tried(said) => heard.push((target, said)),
                Asked::PassedOver => passed_over.push(target),
                Asked::LeftAlone => {}
            }
        }
        let fate = rules::settle(&taken, &heard, &passed_over, clock.now_ms(), clock.random());
        let next = match fate {
            Fate::Through => None,
            Fate::Again(ref again) => Some((**again).clone()),
            Fate::GivenUp(_) => None,
        };
        let settled = retry(clock, Backoff::STORAGE, || {
            self.move_one(&taken, next.as_ref())
        });
        match (settled.await?, fate) {
            (true, Fate::GivenUp(targets)) => self.give_up(&taken, &targets),
            (true, _) => {}
            (false, _) => {
                tracing::debug!(notice = %taken.notice.notice_id, "another process has the notice by now");
            }
        }
        Ok(next.map(|next| next.not_before_ms))
    }

    async fn move_one(&self, from: &DueNotice, to: Option<&DueNotice>) -> PortResult<bool> {
        let _turn = self.writes.acquire().await.expect("it is never closed");
        self.ledger.move_notice(from, to).await
    }

    /// Asks a target once there are few enough others at it.
    async fn ask_in_turn(&self, one: &Receiver, taken: &DueNotice, failures: &Failures) -> Asked {
        let turn = tokio::select! {
            biased;
            turn = one.turns.acquire() => turn.expect("it is never closed"),
            () = self.clock.sleep(TURN_COMES_IN) => return Asked::PassedOver,
        };
        let failed = failures.get(&one.target());
        let is_down = failed.is_some_and(|count| count.load(Ordering::Relaxed) >= FAILURES_A_ROUND);
        if is_down {
            return Asked::LeftAlone;
        }
        let heard = self.ask(&*one.notifier, taken, failures).await;
        drop(turn);
        Asked::Tried(heard)
    }

    async fn ask(&self, notifier: &dyn Notifier, taken: &DueNotice, failures: &Failures) -> Heard {
        let (target, id) = (notifier.target(), &taken.notice.notice_id);
        let told = tokio::select! {
            biased;
            told = notifier.tell(&taken.notice) => told,
            () = self.clock.sleep(TRY_LASTS) => {
                Err(crate::ports::PortError::unknown(format!("no answer within {} s", TRY_LASTS.as_secs())))
            }
        };
        let tries = taken.targets.get(&target).map_or(0, |wait| wait.tries);
        match told {
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
                if !error.is_retryable() {
                    tracing::error!(notice = %id, target = target.name(), tries, %error, "not told until somebody mends it; \
                        tried again later");
                    return Heard::Refused;
                }
                tracing::warn!(notice = %id, target = target.name(), tries, %error, "not told; tried again later");
                let least = error.retry_after.unwrap_or_default().as_millis();
                Heard::Later(u64::try_from(least).unwrap_or(u64::MAX))
            }
        }
    }

    /// Said aloud, since nobody else will say it.
    fn give_up(&self, taken: &DueNotice, targets: &BTreeMap<Target, Wait>) {
        self.given_up
            .fetch_add(targets.len() as u64, Ordering::Relaxed);
        let names: Vec<&str> = targets.keys().map(|target| target.name()).collect();
        let tries = targets.values().map(|wait| wait.tries).max();
        tracing::error!(
            notice = %taken.notice.notice_id,
            state = taken.notice.state,
            targets = names.join(", "),
            tries,
            "a notice is given up after a day: what it says is in summary.json of the job's outputs"
        );
    }
}

impl Receiver {
    fn target(&self) -> Target {
        self.notifier.target()
    }
}
