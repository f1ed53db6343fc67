//! What may become of a job, and when (I6, S14).

use crate::core::chunk::ChunkRange;
use crate::core::ids::Epoch;
use crate::core::job::{Election, End, EndOutcome, Finisher, JobRecord, PauseReason, Phase, Stop};
use crate::core::plan::{Plan, SplitTotals};

/// Freezes `plan`; the plan that stands is returned, so a second splitter works under the first one's.
pub fn freeze_plan(job: &mut JobRecord, plan: Plan) -> Plan {
    job.plan.get_or_insert(plan).clone()
}

/// Why ranges were not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RangesRefused {
    /// The index holds another range under this number: the input or the scanner changed.
    #[error("chunk {chunk} is stored with another range: the input or the scanner has changed")]
    Differs {
        /// The first that differs.
        chunk: u32,
    },
    /// Ranges must come in order without a gap.
    #[error("chunk {found} came where chunk {expected} was due")]
    Gap {
        /// The next number.
        expected: u32,
        /// What came.
        found: u32,
    },
}

/// Checks `ranges` against what is stored (`stored` looks up one range) and returns those that are new.
pub fn new_ranges<'r>(
    job: &JobRecord,
    ranges: &'r [ChunkRange],
    stored: impl Fn(u32) -> Option<ChunkRange>,
) -> Result<&'r [ChunkRange], RangesRefused> {
    let mut known = 0;
    for range in ranges {
        if range.chunk >= job.stored_chunks {
            break;
        }
        if stored(range.chunk) != Some(*range) {
            return Err(RangesRefused::Differs { chunk: range.chunk });
        }
        known += 1;
    }
    let new = &ranges[known..];
    for (range, expected) in new.iter().zip(job.stored_chunks..) {
        if range.chunk != expected {
            return Err(RangesRefused::Gap {
                expected,
                found: range.chunk,
            });
        }
    }
    Ok(new)
}

/// The split is through. Said again with the same totals it changes nothing; totals that speak of more or fewer chunks
/// than are stored are refused, since a job under them would never be done, or be done without all its rows (I1).
pub fn split_complete(job: &mut JobRecord, totals: &SplitTotals) -> bool {
    match &job.split {
        Some(known) => known == totals,
        None if totals.chunks != job.stored_chunks => false,
        None => {
            job.split = Some(totals.clone());
            if job.phase == Phase::Splitting {
                job.phase = Phase::Running;
            }
            true
        }
    }
}

/// Sets a live job aside; false: it is not live.
pub fn pause(job: &mut JobRecord, reason: PauseReason) -> bool {
    let live = job.is_live();
    if live {
        job.paused.get_or_insert(reason);
    }
    live
}

/// Lets a paused job go on; false: it was not paused.
pub fn resume(job: &mut JobRecord) -> bool {
    job.paused.take().is_some()
}

/// Has the job end before all is done; the first reason stands. False: it is past that.
///
/// A failure can also be said while outputs are being written (they cannot be); whoever writes them is fenced off.
pub fn stop(job: &mut JobRecord, stop: Stop) -> bool {
    let cannot_finish = job.phase == Phase::Finishing && matches!(stop, Stop::Failed { .. });
    let may = job.stopping.is_none() && (job.is_live() || cannot_finish);
    if may {
        job.stopping = Some(stop);
        job.finisher = None;
        job.finisher_epoch += u64::from(cannot_finish);
    }
    may
}

/// Asks for the right to write the outputs until `now_ms + lease_ms`.
pub fn elect(job: &mut JobRecord, owner: &str, now_ms: u64, lease_ms: u64) -> Election {
    if job.is_over() {
        return Election::Over;
    }
    if !(job.is_done() || job.stopping.is_some()) {
        return Election::NotReady;
    }
    if let Some(other) = &job.finisher
        && other.until_ms > now_ms
        && other.owner != owner
    {
        return Election::Busy {
            until_ms: other.until_ms,
        };
    }
    job.phase = Phase::Finishing;
    job.completed_ms.get_or_insert(now_ms);
    job.finisher_epoch += 1;
    job.finisher = Some(Finisher {
        owner: owner.to_string(),
        until_ms: now_ms + lease_ms,
    });
    Election::Elected {
        epoch: job.finisher_epoch,
        job: Box::new(job.clone()),
    }
}

/// Whether somebody was elected under `epoch` and nobody since: an epoch that was only raised is nobody's.
fn is_elected(job: &JobRecord, epoch: Epoch) -> bool {
    !job.is_over() && job.finisher_epoch == epoch && job.finisher.is_some()
}

/// Extends a finisher's lease; false: a newer one was elected, or the job has ended.
pub fn renew_finisher(job: &mut JobRecord, epoch: Epoch, now_ms: u64, lease_ms: u64) -> bool {
    let holds = is_elected(job, epoch);
    if holds && let Some(finisher) = &mut job.finisher {
        finisher.until_ms = finisher.until_ms.max(now_ms + lease_ms);
    }
    holds
}

/// Ends the job (I6).
pub fn end(job: &mut JobRecord, epoch: Epoch, end: &End, now_ms: u64) -> EndOutcome {
    if let Phase::Ended(_) = &job.phase {
        let same = job.finisher_epoch == epoch && job.finisher.is_none();
        return if same {
            EndOutcome::Ended
        } else {
            EndOutcome::AlreadyEnded
        };
    }
    if !is_elected(job, epoch) {
        return EndOutcome::Fenced;
    }
    job.phase = Phase::Ended(end.clone());
    job.finisher = None;
    job.ended_ms = Some(now_ms);
    EndOutcome::Ended
}

/// How a job that is done (or is being stopped) has to end.
pub fn verdict(job: &JobRecord) -> End {
    match &job.stopping {
        Some(Stop::Failed { reason }) => End::Failed {
            reason: reason.clone(),
        },
        Some(Stop::Cancelled) => End::Cancelled,
        None if job.counters.tally.failed > 0 => End::CompletedWithErrors,
        None => End::Completed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::identity;

    fn job() -> JobRecord {
        let spec = identity::tests::spec();
        JobRecord::new(identity::job_id(&spec), spec, 0)
    }

    fn range(chunk: u32) -> ChunkRange {
        ChunkRange {
            chunk,
            start: 0,
            end: 1,
            first_row: 1,
            rows: 1,
        }
    }

    const NOTHING: SplitTotals = SplitTotals {
        chunks: 0,
        rows: 0,
        failed_records: 0,
    };

    #[test]
    fn i6_a_job_ends_once_and_under_the_newest_epoch() {
        let mut job = job();
        assert_eq!(elect(&mut job, "a", 0, 10), Election::NotReady);
        assert!(split_complete(&mut job, &NOTHING));
        let Election::Elected { epoch: old, .. } = elect(&mut job, "a", 5, 10) else {
            panic!()
        };
        assert_eq!(elect(&mut job, "b", 6, 10), Election::Busy { until_ms: 15 });
        let Election::Elected { epoch, .. } = elect(&mut job, "b", 15, 10) else {
            panic!()
        };
        assert!(!renew_finisher(&mut job, old, 16, 10));
        assert_eq!(end(&mut job, old, &End::Completed, 17), EndOutcome::Fenced);
        assert_eq!(end(&mut job, epoch, &End::Completed, 18), EndOutcome::Ended);
        assert_eq!(end(&mut job, epoch, &End::Completed, 19), EndOutcome::Ended);
        assert_eq!(
            end(&mut job, old, &End::Completed, 20),
            EndOutcome::AlreadyEnded
        );
        assert_eq!(elect(&mut job, "c", 99, 10), Election::Over);
        assert_eq!((job.completed_ms, job.ended_ms), (Some(5), Some(18)));
    }

    #[test]
    fn a_job_without_rows_ends_too() {
        let mut job = job();
        split_complete(&mut job, &NOTHING);
        assert!(job.is_done());
        assert_eq!(verdict(&job), End::Completed);
    }

    #[test]
    fn a_second_splitter_verifies_and_adds() {
        let mut job = job();
        job.stored_chunks = 2;
        let ranges = [range(0), range(1), range(2)];
        let stored = |chunk| Some(range(chunk));
        assert_eq!(new_ranges(&job, &ranges, stored).unwrap(), &ranges[2..]);
        let moved = |chunk| {
            Some(ChunkRange {
                end: 7,
                ..range(chunk)
            })
        };
        let refused = new_ranges(&job, &ranges, moved).unwrap_err();
        assert_eq!(refused, RangesRefused::Differs { chunk: 0 });
        let gap = new_ranges(&job, &[range(3)], stored).unwrap_err();
        assert_eq!(
            gap,
            RangesRefused::Gap {
                expected: 2,
                found: 3
            }
        );
    }

    #[test]
    fn the_first_reason_to_stop_stands() {
        let mut job = job();
        assert!(stop(
            &mut job,
            Stop::Failed {
                reason: "no access".into()
            }
        ));
        assert!(!stop(&mut job, Stop::Cancelled));
        assert_eq!(
            verdict(&job),
            End::Failed {
                reason: "no access".into()
            }
        );
        assert!(!pause(&mut job, PauseReason::ByUser));
    }

    #[test]
    fn the_states_go_by_the_names_of_the_contract() {
        let mut job = job();
        assert_eq!(job.state(), "SPLITTING");
        pause(&mut job, PauseReason::ByUser);
        assert_eq!(job.state(), "PAUSED");
        resume(&mut job);
        split_complete(&mut job, &NOTHING);
        assert_eq!(job.state(), "RUNNING");
        let Election::Elected { epoch, .. } = elect(&mut job, "a", 0, 1) else {
            panic!()
        };
        assert_eq!(job.state(), "FINISHING");
        end(&mut job, epoch, &End::CompletedWithErrors, 1);
        assert_eq!(job.state(), "COMPLETED_WITH_ERRORS");
    }
}
