//! The ledger in memory, in SQLite and in DynamoDB: the same answers and the same records after every operation.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use annexa::adapters::aws::dynamodb::DynamoLedger;
use annexa::adapters::embedded::EmbeddedLedger;
use annexa::adapters::local::sqlite::SqliteStore;
use annexa::adapters::memory::clock::SimClock;
use annexa::adapters::memory::ledger::MemoryStore;
use annexa::core::chunk::{ChunkLimits, ChunkRecord, Claim, Release};
use annexa::core::identity;
use annexa::core::ids::{ChunkKey, ChunkNo, Epoch, Generation, JobId};
use annexa::core::invariants::{i2_counters_are_exact, i9_budget_is_exact};
use annexa::core::job::{End, JobRecord, PauseReason, Stop};
use annexa::core::lane::{LaneAsk, LaneNews, LaneReport};
use annexa::core::money::NanoUsd;
use annexa::core::notice::DueNotice;
use annexa::core::prefix::PrefixUse;
use annexa::core::spec::{JobSpec, Limits};
use annexa::core::tally::Tally;
use annexa::ports::{Clock, Ledger};
use futures_util::future::join_all;

use super::ledger_ops::{OPERATIONS, Op, lane_ask};
use super::{Coverage, Dice, SEEDS, STEPS};
use crate::aws::emulator::Emulator;
use crate::conformance::fixtures::{folder, open_db};
use crate::conformance::fixtures_dynamodb::{StillClock, new_table};
use crate::conformance::ledger::notices::due;
use crate::conformance::ledger::{commit_of, plan, range, spec, totals};

const LIMITS: ChunkLimits = ChunkLimits {
    max_failed_attempts: 3,
    isolate_after_abandoned: 2,
    max_abandoned: 4,
    row_strikes: 1,
};
const LEASE_MS: u64 = 100;

/// What a sequence has met so far: what it may go on with.
struct Actor {
    dice: Dice,
    jobs: Vec<(JobId, JobSpec)>,
    claims: Vec<Claim>,
    epochs: Vec<(JobId, Epoch)>,
    /// Notices that may be kept.
    notices: Vec<DueNotice>,
    /// Of jobs that were retried.
    generations: BTreeMap<JobId, Generation>,
}

impl Actor {
    fn new(seed: u64) -> Actor {
        let mut actor = Actor {
            dice: Dice::new(seed),
            jobs: Vec::new(),
            claims: Vec::new(),
            epochs: Vec::new(),
            notices: Vec::new(),
            generations: BTreeMap::new(),
        };
        actor.next_job();
        actor
    }

    /// Another job, that the next create makes.
    fn next_job(&mut self) {
        let spec = spec(&format!("job {}", self.jobs.len()));
        self.jobs.push((identity::job_id(&spec), spec));
    }

    /// Mostly the newest job, sometimes an older one, rarely none that ever was.
    fn job(&self) -> JobId {
        match self.dice.roll(24) {
            0 => JobId("job-that-never-was".into()),
            1..=3 => self.dice.pick(&self.jobs).expect("there is one").0.clone(),
            _ => self.jobs.last().expect("there is one").0.clone(),
        }
    }

    fn chunk(&self) -> ChunkNo {
        self.dice.roll(9) as ChunkNo
    }

    fn key(&self) -> ChunkKey {
        let job_id = self.job();
        let other = u32::from(self.dice.once_in(30));
        ChunkKey {
            generation: self.generation(&job_id) + other,
            job_id,
            chunk: self.chunk(),
        }
    }

    fn generation(&self, job: &JobId) -> Generation {
        self.generations.get(job).copied().unwrap_or_default()
    }

    /// Mostly one of the newest claims, sometimes a stale or a forged one.
    fn claim(&self) -> Option<Claim> {
        let newest = self.claims.len().saturating_sub(4);
        let from = if self.dice.once_in(4) { 0 } else { newest };
        let mut claim = self.dice.pick(&self.claims[from..])?.clone();
        if self.dice.once_in(40) {
            claim.key.chunk = self.chunk();
        }
        Some(claim)
    }

    fn epoch(&self) -> (JobId, Epoch) {
        if self.dice.once_in(6) {
            return (self.job(), self.dice.roll(4));
        }
        let last = self.epochs.last().filter(|_| !self.dice.once_in(4));
        let any = self.dice.pick(&self.epochs);
        last.or(any).cloned().unwrap_or((self.job(), 1))
    }

    fn owner(&self, role: char) -> String {
        format!("{role}{}", self.dice.roll(3))
    }

    fn ranges(&self) -> Vec<annexa::core::chunk::ChunkRange> {
        let from = if self.dice.once_in(3) {
            self.chunk()
        } else {
            0
        };
        let mut ranges: Vec<_> = (from..from + 1 + self.chunk()).map(range).collect();
        if self.dice.once_in(5) {
            let place = self.dice.roll(ranges.len() as u64) as usize;
            ranges[place].end += 1;
        }
        ranges
    }

    fn under(&self, claim: Claim) -> Op {
        match self.dice.roll(20) {
            16..=17 => Op::BudgetReserve(claim, NanoUsd(self.dice.roll(60))),
            18..=19 => {
                let reserved = NanoUsd(self.dice.roll(60));
                Op::BudgetSettle(claim, reserved, NanoUsd(self.dice.roll(60)))
            }
            0..=1 => Op::RenewClaim(claim, self.dice.roll(2 * LEASE_MS)),
            2 => Op::ReleaseClaim(claim, Release::Interrupted),
            3..=4 => {
                let reason = "a \"reason\"".into();
                Op::ReleaseClaim(claim, Release::Failed { reason })
            }
            5..=6 => Op::CallsIntended(claim, self.dice.roll(5)),
            7..=8 => Op::CallsSettled(claim, self.dice.roll(5)),
            9..=10 => Op::SetCursor(claim, self.dice.once_in(4).then(|| self.dice.roll(1 << 40))),
            11 => Op::QuarantineChunk(claim, "unreadable".into()),
            12 => Op::ParkChunk(claim),
            _ => {
                let mut commit = commit_of(&claim);
                if self.dice.once_in(6) {
                    commit.sha256 = "other".into();
                }
                if self.dice.once_in(4) {
                    let failed = Tally {
                        coded: 4,
                        failed: 1,
                        ..commit.tally
                    };
                    commit.tally = failed;
                }
                Op::CommitChunk(claim, Box::new(commit))
            }
        }
    }

    fn next(&mut self) -> Op {
        let dice = &self.dice;
        if dice.roll(100) < 45
            && let Some(claim) = self.claim()
        {
            return self.under(claim);
        }
        let job = self.job();
        match dice.roll(89) {
            0..=17 => Op::ClaimChunk(self.key(), self.owner('w'), LEASE_MS),
            18..=23 => Op::PutRanges(job, self.ranges()),
            24..=26 => Op::FreezePlan(job, Box::new(plan(&format!("v{}", dice.roll(2))))),
            27..=28 => Op::SplitComplete(job, totals(self.chunk())),
            29..=32 => Op::TakeSendable(job, dice.roll(12) as u32, dice.roll(6) as u32),
            33..=36 => {
                let chunks = (0..dice.roll(6)).map(|_| self.chunk()).collect();
                Op::MarkSent(job, chunks)
            }
            37..=40 => Op::SweepList(job, dice.roll(300), dice.roll(6) as u32),
            41..=42 => Op::Chunks(job, self.chunk(), dice.roll(6) as u32),
            43..=44 => Op::Pause(
                job,
                match dice.roll(3) {
                    0 => PauseReason::ByUser,
                    1 => PauseReason::CostCap,
                    _ => PauseReason::LaneParked {
                        detail: "quota".into(),
                    },
                },
            ),
            45..=48 => Op::Resume(job),
            49 => {
                let limits = Limits {
                    max_workers: dice.roll(9) as u32,
                    rate_limit: dice.once_in(2).then(|| 0.1 * dice.roll(99) as f64),
                    tokens_per_minute: dice.once_in(2).then(|| dice.roll(1 << 40)),
                    requests_per_minute: dice.once_in(2).then(|| dice.roll(999)),
                    max_cost: dice.once_in(2).then(|| NanoUsd(dice.roll(400))),
                };
                Op::SetLimits(job, limits)
            }
            50 => Op::Stop(
                job,
                match dice.roll(2) {
                    0 => Stop::Cancelled,
                    _ => Stop::Failed {
                        reason: "no access".into(),
                    },
                },
            ),
            51..=53 => Op::ElectFinisher(job, self.owner('a'), LEASE_MS),
            54..=55 => {
                let (job, epoch) = self.epoch();
                Op::RenewFinisher(job, epoch, dice.roll(2 * LEASE_MS))
            }
            56..=57 => {
                let (job, epoch) = self.epoch();
                let notice = (!dice.once_in(6)).then(|| {
                    let generation = self.generation(&job);
                    Box::new(due(&job, generation, self.time()))
                });
                Op::EndJob(job, epoch, End::CompletedWithErrors, notice)
            }
            58 => Op::Job(job),
            59 => Op::ListJobs,
            64..=69 => self.on_a_lane(),
            70..=73 => self.on_a_prefix(),
            74 => Op::LiveJobs,
            75 => {
                let states = ["COMPLETED_WITH_ERRORS", "FAILED", "RUNNING"];
                Op::EndedJobs(states[dice.roll(3) as usize].into(), dice.roll(3) as usize)
            }
            76..=77 => Op::GiveUpChunk(self.key(), "its message came too often".into()),
            78..=82 => {
                let any = self.dice.pick(&self.jobs).map(|(job, _)| job.clone());
                let job = any.filter(|_| self.dice.once_in(2)).unwrap_or(job);
                let ended = self.generation(&job) + u32::from(self.dice.once_in(10));
                let lost = (0..self.dice.roll(2)).map(|_| self.chunk()).collect();
                Op::NewGeneration(job, ended, lost)
            }
            83..=84 => Op::Notices(dice.roll(4) as usize),
            85..=88 => self.on_a_notice(),
            60 => {
                self.next_job();
                self.create()
            }
            _ => self.create(),
        }
    }

    /// A time that no other notice has.
    fn time(&self) -> u64 {
        self.dice.roll(1 << 40)
    }

    /// Mostly one that is kept, sometimes one that has moved on.
    fn on_a_notice(&self) -> Op {
        let Some(from) = self.dice.pick(&self.notices) else {
            return Op::Notices(1);
        };
        let to = DueNotice {
            not_before_ms: self.time(),
            ..from.clone()
        };
        let to = (!self.dice.once_in(4)).then(|| Box::new(to));
        Op::MoveNotice(Box::new(from.clone()), to)
    }

    fn on_a_lane(&self) -> Op {
        let dice = &self.dice;
        let (lane, worker) = (format!("lane {}", dice.roll(2)), self.owner('w'));
        let news = LaneNews {
            epoch: dice.roll(3),
            passed_ms: dice.roll(4) * LEASE_MS,
            held_tokens_ms: dice.roll(2) * LEASE_MS,
            held_requests_ms: dice.roll(2) * LEASE_MS,
            accepted: dice.roll(20) as i64 - 2,
            taken_tokens: dice.roll(9_000) as i64 - 900,
            refused_tokens: dice.roll(3),
            refused_requests: dice.roll(2),
        };
        match dice.roll(8) {
            0 | 1 => {
                let report = LaneReport {
                    number: dice.roll(9),
                    news,
                    leaves: dice.once_in(2),
                    pause_ms: dice.roll(2) * LEASE_MS,
                };
                return Op::LaneReport(lane, worker, report);
            }
            2 => return Op::Lane(lane),
            _ => {}
        }
        let ask = LaneAsk {
            weight: dice.roll(5),
            gap_ms: dice.roll(2 * LEASE_MS),
            news,
            ..lane_ask(dice.roll(9), dice.once_in(2).then_some(6_000.0))
        };
        Op::LaneReserve(lane, worker, ask)
    }

    fn on_a_prefix(&self) -> Op {
        let (key, owner) = ("prefix".to_string(), self.owner('w'));
        let what = match self.dice.roll(8) {
            0 => PrefixUse::Uncached,
            // Soon over, by the clock that the virtual time begins with.
            1 => PrefixUse::Warm {
                until_ms: 1_767_225_600_000 + self.dice.roll(20 * LEASE_MS),
            },
            2..=3 => PrefixUse::GaveUp { owner },
            _ => return Op::PrefixWarm(key, owner, LEASE_MS),
        };
        Op::PrefixUsed(key, what)
    }

    fn create(&self) -> Op {
        let known = if self.dice.once_in(4) {
            self.dice.pick(&self.jobs)
        } else {
            self.jobs.last()
        };
        let (job, mut spec) = known.cloned().expect("there is one");
        spec.rate_limit = Some(0.1 * self.dice.roll(1_000) as f64);
        Op::CreateJob(job, Box::new(spec))
    }
}

/// All that is to be seen of a job.
async fn state(ledger: &dyn Ledger, job: &JobId) -> (Option<JobRecord>, Vec<ChunkRecord>) {
    let record = ledger.job(job).await.unwrap();
    match record {
        None => (None, Vec::new()),
        Some(_) => (record, ledger.chunks(job, 0, u32::MAX).await.unwrap()),
    }
}

/// `steps` operations on both of `ledgers`, whose time is that of `clock`.
async fn compare(
    seed: u64,
    steps: usize,
    ledgers: [&dyn Ledger; 2],
    clock: &dyn Clock,
    coverage: &mut Coverage,
) {
    let [first, second] = ledgers;
    let mut actor = Actor::new(seed);
    for step in 0..steps {
        let op = actor.next();
        let one = op.apply(first).await;
        let other = op.apply(second).await;
        assert_eq!(one.text, other.text, "seed {seed}, step {step}: {op:?}");
        coverage.saw(op.name(), one.succeeded);
        actor.claims.extend(one.claim);
        if let (Some(epoch), Op::ElectFinisher(job, ..)) = (one.epoch, &op) {
            actor.epochs.push((job.clone(), epoch));
        }
        match &op {
            Op::EndJob(_, _, _, Some(due)) if one.succeeded => actor.notices.push((**due).clone()),
            Op::MoveNotice(_, Some(to)) if one.succeeded => actor.notices.push((**to).clone()),
            _ => {}
        }
        if let (Some(generation), Op::NewGeneration(job, ..)) = (one.generation, &op) {
            actor.generations.insert(job.clone(), generation);
        }
        for (job, _) in &actor.jobs {
            let (one, other) = (state(first, job).await, state(second, job).await);
            assert_eq!(one, other, "seed {seed}, step {step}: after {op:?}");
            if let (Some(job), chunks) = &one {
                i2_counters_are_exact(job, chunks)
                    .and_then(|()| i9_budget_is_exact(job, chunks))
                    .unwrap_or_else(|broken| panic!("seed {seed}, step {step}: {op:?}: {broken}"));
            }
        }
        let pause_ms = match actor.dice.roll(8) {
            0 => actor.dice.roll(2 * LEASE_MS),
            1..=3 => actor.dice.roll(LEASE_MS / 4),
            _ => 0,
        };
        clock.sleep(Duration::from_millis(pause_ms)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn memory_and_sqlite_keep_the_same_ledger() {
    let mut coverage = Coverage::default();
    for seed in 0..SEEDS {
        let clock = Arc::new(SimClock::new(seed));
        let folder = folder();
        let memory = EmbeddedLedger::new(MemoryStore::default(), clock.clone(), LIMITS);
        let sqlite = EmbeddedLedger::new(SqliteStore::new(open_db(&folder)), clock.clone(), LIMITS);
        compare(seed, STEPS, [&memory, &sqlite], &*clock, &mut coverage).await;
    }
    let cannot_fail = [
        (
            "list_jobs",
            "it lists what there is, and an empty list is an answer",
        ),
        ("lane_report", "whatever is told is taken in"),
        ("prefix_used", "whatever is told is taken in"),
    ];
    coverage.is_complete(&OPERATIONS, &cannot_fail);
}

/// Fewer than in memory: each takes some requests.
const REMOTE_SEEDS: u64 = 12;
const REMOTE_STEPS: usize = 300;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_and_dynamodb_keep_the_same_ledger() {
    let run = async |seed: u64| {
        let clock = StillClock::new(seed);
        let table = new_table(clock.clone()).await;
        let memory = EmbeddedLedger::new(MemoryStore::default(), clock.clone(), LIMITS);
        let aws = Emulator::shared().config();
        let dynamodb = DynamoLedger::new(&aws, &table, clock.clone(), LIMITS);
        let mut coverage = Coverage::default();
        let ledgers: [&dyn Ledger; 2] = [&memory, &dynamodb];
        compare(seed, REMOTE_STEPS, ledgers, &*clock, &mut coverage).await;
        coverage
    };
    let seen = join_all((100..100 + REMOTE_SEEDS).map(run)).await;
    let mut coverage = Coverage::default();
    seen.into_iter().for_each(|seen| coverage.add(seen));
    coverage.has_succeeded(&[
        "put_ranges",
        "take_sendable",
        "sweep_list",
        "claim_chunk",
        "release_claim",
        "calls_settled",
        "budget_settle",
        "commit_chunk",
        "quarantine_chunk",
        "park_chunk",
        "give_up_chunk",
        "stop",
        "end_job",
        "new_generation",
    ]);
}
