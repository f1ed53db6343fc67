//! The ledger's operations as data: made once, applied to any ledger, answered in a form that can be compared.

use std::collections::BTreeSet;

use annexa::core::chunk::{
    ChunkRange, Claim, ClaimOutcome, Commit, CommitOutcome, GivenUp, Release, ReleaseOutcome,
};
use annexa::core::ids::{ChunkKey, ChunkNo, Epoch, Generation, JobId, RowNo};
use annexa::core::job::{Election, End, EndOutcome, NewGeneration, PauseReason, Reserved, Stop};
use annexa::core::lane::{LaneAsk, LaneNews, LaneReport, Rates};
use annexa::core::money::NanoUsd;
use annexa::core::notice::DueNotice;
use annexa::core::plan::{Plan, SplitTotals};
use annexa::core::prefix::{PrefixUse, PrefixWarm};
use annexa::core::spec::{JobSpec, Limits};
use annexa::ports::Ledger;
use annexa::ports::error::PortResult;
use annexa::ports::ledger::{Created, Held};

use crate::conformance::ledger::notices::due;
use crate::conformance::ledger::{commit_of, plan, ranges, spec, totals};

/// One operation with what it is given: the ledger's own names and arguments.
#[derive(Debug, Clone)]
pub enum Op {
    CreateJob(JobId, Box<JobSpec>),
    Job(JobId),
    ListJobs,
    LiveJobs,
    EndedJobs(String, usize),
    FreezePlan(JobId, Box<Plan>),
    PutRanges(JobId, Vec<ChunkRange>),
    SplitComplete(JobId, SplitTotals),
    TakeSendable(JobId, u32, u32),
    MarkSent(JobId, Vec<ChunkNo>),
    SweepList(JobId, u64, u32),
    Chunks(JobId, ChunkNo, u32),
    ClaimChunk(ChunkKey, String, u64),
    RenewClaim(Claim, u64),
    ReleaseClaim(Claim, Release),
    CallsIntended(Claim, u64),
    CallsSettled(Claim, u64),
    BudgetReserve(Claim, NanoUsd),
    BudgetSettle(Claim, NanoUsd, NanoUsd),
    LaneReserve(String, String, LaneAsk),
    LaneReport(String, String, LaneReport),
    Lane(String),
    PrefixWarm(String, String, u64),
    PrefixUsed(String, PrefixUse),
    SetCursor(Claim, Option<RowNo>),
    CommitChunk(Claim, Box<Commit>),
    QuarantineChunk(Claim, String),
    ParkChunk(Claim),
    Pause(JobId, PauseReason),
    Resume(JobId),
    SetLimits(JobId, Limits),
    Stop(JobId, Stop),
    ElectFinisher(JobId, String, u64),
    RenewFinisher(JobId, Epoch, u64),
    EndJob(JobId, Epoch, End, Option<Box<DueNotice>>),
    Notices(usize),
    MoveNotice(Box<DueNotice>, Option<Box<DueNotice>>),
    GiveUpChunk(ChunkKey, String),
    NewGeneration(JobId, Generation, BTreeSet<ChunkNo>),
}

/// What an operation came to.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The whole answer, to be compared.
    pub text: String,
    /// It did what it is for, and did not find itself refused or empty-handed.
    pub succeeded: bool,
    /// A claim, if one was granted.
    pub claim: Option<Claim>,
    /// A finisher's epoch, if one was elected.
    pub epoch: Option<Epoch>,
    /// A job's new generation, if one was begun.
    pub generation: Option<Generation>,
}

/// All operations, in this file's order.
pub const OPERATIONS: [&str; 39] = [
    "create_job",
    "job",
    "list_jobs",
    "live_jobs",
    "ended_jobs",
    "freeze_plan",
    "put_ranges",
    "split_complete",
    "take_sendable",
    "mark_sent",
    "sweep_list",
    "chunks",
    "claim_chunk",
    "renew_claim",
    "release_claim",
    "calls_intended",
    "calls_settled",
    "budget_reserve",
    "budget_settle",
    "lane_reserve",
    "lane_report",
    "prefix_warm",
    "prefix_used",
    "set_cursor",
    "commit_chunk",
    "quarantine_chunk",
    "park_chunk",
    "pause",
    "resume",
    "set_limits",
    "stop",
    "elect_finisher",
    "renew_finisher",
    "end_job",
    "notices",
    "move_notice",
    "give_up_chunk",
    "new_generation",
    "lane",
];

fn outcome<T: std::fmt::Debug>(answer: PortResult<T>, succeeded: impl Fn(&T) -> bool) -> Outcome {
    Outcome {
        text: format!("{answer:?}"),
        succeeded: answer.as_ref().is_ok_and(succeeded),
        claim: None,
        epoch: None,
        generation: None,
    }
}

fn held(answer: PortResult<Held>) -> Outcome {
    outcome(answer, |held| *held == Held::Yes)
}

impl Op {
    /// Its name in the trait.
    pub fn name(&self) -> &'static str {
        let place = match self {
            Op::CreateJob(..) => 0,
            Op::Job(..) => 1,
            Op::ListJobs => 2,
            Op::LiveJobs => 3,
            Op::EndedJobs(..) => 4,
            Op::FreezePlan(..) => 5,
            Op::PutRanges(..) => 6,
            Op::SplitComplete(..) => 7,
            Op::TakeSendable(..) => 8,
            Op::MarkSent(..) => 9,
            Op::SweepList(..) => 10,
            Op::Chunks(..) => 11,
            Op::ClaimChunk(..) => 12,
            Op::RenewClaim(..) => 13,
            Op::ReleaseClaim(..) => 14,
            Op::CallsIntended(..) => 15,
            Op::CallsSettled(..) => 16,
            Op::BudgetReserve(..) => 17,
            Op::BudgetSettle(..) => 18,
            Op::LaneReserve(..) => 19,
            Op::LaneReport(..) => 20,
            Op::PrefixWarm(..) => 21,
            Op::PrefixUsed(..) => 22,
            Op::SetCursor(..) => 23,
            Op::CommitChunk(..) => 24,
            Op::QuarantineChunk(..) => 25,
            Op::ParkChunk(..) => 26,
            Op::Pause(..) => 27,
            Op::Resume(..) => 28,
            Op::SetLimits(..) => 29,
            Op::Stop(..) => 30,
            Op::ElectFinisher(..) => 31,
            Op::RenewFinisher(..) => 32,
            Op::EndJob(..) => 33,
            Op::Notices(..) => 34,
            Op::MoveNotice(..) => 35,
            Op::GiveUpChunk(..) => 36,
            Op::NewGeneration(..) => 37,
            Op::Lane(..) => 38,
        };
        OPERATIONS[place]
    }

    /// Does it.
    pub async fn apply(&self, ledger: &dyn Ledger) -> Outcome {
        match self {
            Op::CreateJob(job, spec) => {
                outcome(ledger.create_job(job, spec).await, |c| *c == Created::New)
            }
            Op::Job(job) => outcome(ledger.job(job).await, Option::is_some),
            Op::ListJobs => outcome(ledger.list_jobs().await, |_| true),
            Op::LiveJobs => outcome(ledger.live_jobs().await, |jobs| !jobs.is_empty()),
            Op::EndedJobs(state, max) => outcome(ledger.ended_jobs(state, *max).await, |jobs| {
                !jobs.is_empty()
            }),
            Op::FreezePlan(job, plan) => outcome(ledger.freeze_plan(job, plan).await, |stands| {
                *stands == **plan
            }),
            Op::PutRanges(job, ranges) => outcome(ledger.put_ranges(job, ranges).await, |()| true),
            Op::SplitComplete(job, totals) => {
                outcome(ledger.split_complete(job, totals).await, |()| true)
            }
            Op::TakeSendable(job, window, max) => {
                let taken = ledger.take_sendable(job, *window, *max).await;
                outcome(taken, |chunks| !chunks.is_empty())
            }
            Op::MarkSent(job, chunks) => outcome(ledger.mark_sent(job, chunks).await, |()| true),
            Op::SweepList(job, silent_ms, max) => {
                let swept = ledger.sweep_list(job, *silent_ms, *max).await;
                outcome(swept, |chunks| !chunks.is_empty())
            }
            Op::Chunks(job, from, max) => {
                outcome(ledger.chunks(job, *from, *max).await, |chunks| {
                    !chunks.is_empty()
                })
            }
            Op::ClaimChunk(key, owner, lease_ms) => {
                let answer = ledger.claim_chunk(key, owner, *lease_ms).await;
                let claim = match &answer {
                    Ok(ClaimOutcome::Granted(claim)) => Some(claim.clone()),
                    _ => None,
                };
                let granted = claim.is_some();
                Outcome {
                    claim,
                    ..outcome(answer, |_| granted)
                }
            }
            Op::RenewClaim(claim, lease_ms) => held(ledger.renew_claim(claim, *lease_ms).await),
            Op::ReleaseClaim(claim, how) => {
                let released = ledger.release_claim(claim, how).await;
                outcome(released, |released| *released != ReleaseOutcome::Lost)
            }
            Op::CallsIntended(claim, calls) => held(ledger.calls_intended(claim, *calls).await),
            Op::CallsSettled(claim, calls) => held(ledger.calls_settled(claim, *calls).await),
            Op::BudgetReserve(claim, amount) => {
                let reserved = ledger.budget_reserve(claim, *amount).await;
                outcome(reserved, |reserved| *reserved == Reserved::Yes)
            }
            Op::BudgetSettle(claim, reserved, spent) => {
                held(ledger.budget_settle(claim, *reserved, *spent).await)
            }
            Op::LaneReserve(lane, worker, ask) => {
                let share = ledger.lane_reserve(lane, worker, ask).await;
                outcome(share, |share| share.rates.tokens != Some(0.0))
            }
            Op::LaneReport(lane, worker, report) => {
                outcome(ledger.lane_report(lane, worker, report).await, |()| true)
            }
            Op::Lane(lane) => outcome(ledger.lane(lane).await, Option::is_some),
            Op::PrefixWarm(key, owner, lead_ms) => {
                let stands = ledger.prefix_warm(key, owner, *lead_ms).await;
                outcome(stands, |stands| *stands == PrefixWarm::Lead)
            }
            Op::PrefixUsed(key, what) => outcome(ledger.prefix_used(key, what).await, |()| true),
            Op::SetCursor(claim, row) => held(ledger.set_cursor(claim, *row).await),
            Op::CommitChunk(claim, commit) => {
                let committed = ledger.commit_chunk(claim, commit).await;
                outcome(committed, |outcome| *outcome == CommitOutcome::Committed)
            }
            Op::QuarantineChunk(claim, reason) => {
                held(ledger.quarantine_chunk(claim, reason).await)
            }
            Op::ParkChunk(claim) => held(ledger.park_chunk(claim).await),
            Op::Pause(job, reason) => outcome(ledger.pause(job, reason).await, |did| *did),
            Op::Resume(job) => outcome(ledger.resume(job).await, |did| *did),
            Op::SetLimits(job, limits) => outcome(ledger.set_limits(job, limits).await, |()| true),
            Op::Stop(job, stop) => outcome(ledger.stop(job, stop).await, |did| *did),
            Op::ElectFinisher(job, owner, lease_ms) => {
                let answer = ledger.elect_finisher(job, owner, *lease_ms).await;
                let epoch = match &answer {
                    Ok(Election::Elected { epoch, .. }) => Some(*epoch),
                    _ => None,
                };
                Outcome {
                    epoch,
                    ..outcome(answer, |_| epoch.is_some())
                }
            }
            Op::RenewFinisher(job, epoch, lease_ms) => {
                held(ledger.renew_finisher(job, *epoch, *lease_ms).await)
            }
            Op::EndJob(job, epoch, end, notice) => {
                let ended = ledger.end_job(job, *epoch, end, notice.as_deref()).await;
                outcome(ended, |ended| *ended == EndOutcome::Ended)
            }
            Op::Notices(max) => {
                let notices = ledger.notices(*max).await;
                outcome(notices, |notices| !notices.is_empty())
            }
            Op::MoveNotice(from, to) => {
                let moved = ledger.move_notice(from, to.as_deref()).await;
                outcome(moved, |moved| *moved)
            }
            Op::GiveUpChunk(key, reason) => {
                let given_up = ledger.give_up_chunk(key, reason).await;
                outcome(given_up, |given_up| *given_up == GivenUp::Yes)
            }
            Op::NewGeneration(job, ended, lost) => {
                let answer = ledger.new_generation(job, *ended, lost).await;
                let generation = match &answer {
                    Ok(NewGeneration::Begun { generation, .. }) => Some(*generation),
                    _ => None,
                };
                Outcome {
                    generation,
                    ..outcome(answer, |_| generation.is_some())
                }
            }
        }
    }
}

/// An ask for a part of a lane of which so many tokens a minute were told.
pub fn lane_ask(number: u64, tokens: Option<f64>) -> LaneAsk {
    LaneAsk {
        number,
        told: Rates {
            tokens,
            requests: None,
        },
        weight: 1,
        gap_ms: 0,
        news: LaneNews::default(),
    }
}

/// Each operation once, about `job`.
pub fn one_of_each(job: &JobId) -> Vec<Op> {
    let job = || job.clone();
    let key = ChunkKey {
        job_id: job(),
        generation: 0,
        chunk: 0,
    };
    let claim = Claim {
        key: key.clone(),
        epoch: 1,
        until_ms: 0,
        range: ranges(1)[0],
        failed_attempts: 0,
        isolated: false,
        poisoned_rows: vec![],
        previous: None,
    };
    let claim = || claim.clone();
    vec![
        Op::CreateJob(job(), Box::new(spec("one of each"))),
        Op::Job(job()),
        Op::ListJobs,
        Op::LiveJobs,
        Op::EndedJobs("COMPLETED".into(), 1),
        Op::FreezePlan(job(), Box::new(plan("v1"))),
        Op::PutRanges(job(), ranges(1)),
        Op::SplitComplete(job(), totals(1)),
        Op::TakeSendable(job(), 1, 1),
        Op::MarkSent(job(), vec![0]),
        Op::SweepList(job(), 1, 1),
        Op::Chunks(job(), 0, 1),
        Op::ClaimChunk(key.clone(), "w".into(), 1),
        Op::RenewClaim(claim(), 1),
        Op::ReleaseClaim(claim(), Release::Interrupted),
        Op::CallsIntended(claim(), 1),
        Op::CallsSettled(claim(), 1),
        Op::BudgetReserve(claim(), NanoUsd(1)),
        Op::BudgetSettle(claim(), NanoUsd(1), NanoUsd(1)),
        Op::LaneReserve("lane".into(), "w".into(), lane_ask(1, Some(60.0))),
        Op::LaneReport("lane".into(), "w".into(), LaneReport::default()),
        Op::PrefixWarm("prefix".into(), "w".into(), 1),
        Op::PrefixUsed("prefix".into(), PrefixUse::Uncached),
        Op::SetCursor(claim(), None),
        Op::CommitChunk(claim(), Box::new(commit_of(&claim()))),
        Op::QuarantineChunk(claim(), "no".into()),
        Op::ParkChunk(claim()),
        Op::Pause(job(), PauseReason::ByUser),
        Op::Resume(job()),
        Op::SetLimits(job(), Limits::default()),
        Op::Stop(job(), Stop::Cancelled),
        Op::ElectFinisher(job(), "a".into(), 1),
        Op::RenewFinisher(job(), 1, 1),
        Op::EndJob(job(), 1, End::Completed, None),
        Op::Notices(1),
        Op::MoveNotice(Box::new(due(&job(), 0, 1)), None),
        Op::GiveUpChunk(key, "no".into()),
        Op::NewGeneration(job(), 0, BTreeSet::new()),
        Op::Lane("lane".into()),
    ]
}

#[test]
fn every_operation_of_the_ledger_is_compared() {
    let source = include_str!("../../../src/ports/ledger.rs");
    let mut known: Vec<&str> = OPERATIONS.to_vec();
    known.sort_unstable();
    assert_eq!(known, super::operations_of(source, "Ledger"));
    let made: Vec<&str> = one_of_each(&JobId("job-1".into()))
        .iter()
        .map(Op::name)
        .collect();
    assert_eq!(made, OPERATIONS);
}
