//! What becomes of a notice that is told: taken, told, tried again later and later, given up after a day.

use std::collections::BTreeMap;

use crate::core::notice::{DueNotice, Target, Wait};

/// Whoever takes a notice has so long before others try, in milliseconds: more than all that one try may take.
pub const TAKEN_MS: u64 = 60_000;
/// After so long without success a notice is given up, in milliseconds.
pub const GIVEN_UP_AFTER_MS: u64 = 24 * 3_600_000;
/// Pauses after the first tries, in milliseconds; the last one stands for all further ones.
const PAUSES_MS: [u64; 6] = [5_000, 30_000, 120_000, 600_000, 1_800_000, 3_600_000];
/// The least pause where the receiver refuses as things stand: somebody has to mend it first.
const REFUSED_PAUSE_MS: u64 = 900_000;
/// The longest pause that a receiver may wish for.
const MOST_WISHED_MS: u64 = 3_600_000;

/// What a try found out about one target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// It has the notice.
    Told,
    /// It wants none.
    Gone,
    /// Not now; not before so many milliseconds, where it said so.
    Later(u64),
    /// Not as things stand.
    Refused,
}

/// What becomes of a notice after a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// Nobody is left to be told.
    Through,
    /// It is tried again.
    Again(Box<DueNotice>),
    /// These have not been told within the time, and will not be.
    GivenUp(BTreeMap<Target, Wait>),
}

/// Takes the notice for one try of all targets whose time has come; none: nobody's has. Who is not due keeps its time.
pub fn take(due: &DueNotice, now_ms: u64) -> Option<DueNotice> {
    let until_ms = now_ms + TAKEN_MS;
    let mut taken = due.clone();
    let mut is_due = false;
    for wait in taken.targets.values_mut() {
        if wait.not_before_ms <= now_ms {
            is_due = true;
            wait.not_before_ms = until_ms;
            wait.tries = wait.tries.saturating_add(1);
        }
    }
    taken.not_before_ms = until_ms;
    (due.not_before_ms <= now_ms && is_due).then_some(taken)
}

/// What becomes of a notice that was taken: `heard` are the targets that were asked; `random` spreads the next tries.
/// Those in hand that were not asked wait as after a failure, or are due again where `passed_over` has them: there was no
/// time for them, and that was no try. All others keep their time.
pub fn settle(
    taken: &DueNotice,
    heard: &[(Target, Heard)],
    passed_over: &[Target],
    now_ms: u64,
    random: u64,
) -> Fate {
    let over_ms = taken.since_ms.saturating_add(GIVEN_UP_AFTER_MS);
    let mut left = taken.targets.clone();
    for target in taken.in_hand() {
        let Some(wait) = left.get_mut(&target) else {
            continue;
        };
        let pause_ms = pause_ms(wait.tries, random);
        let told = heard.iter().find(|(asked, _)| *asked == target);
        let pause_ms = match told.map(|(_, heard)| heard) {
            Some(Heard::Told | Heard::Gone) => {
                left.remove(&target);
                continue;
            }
            Some(Heard::Later(least_ms)) => pause_ms.max((*least_ms).min(MOST_WISHED_MS)),
            Some(Heard::Refused) => pause_ms.max(REFUSED_PAUSE_MS),
            None if passed_over.contains(&target) => {
                wait.tries = wait.tries.saturating_sub(1);
                0
            }
            None => pause_ms,
        };
        // The last try is at the end of the time.
        wait.not_before_ms = now_ms.saturating_add(pause_ms).min(over_ms);
    }
    let Some(next_ms) = left.values().map(|wait| wait.not_before_ms).min() else {
        return Fate::Through;
    };
    if now_ms >= over_ms {
        return Fate::GivenUp(left);
    }
    Fate::Again(Box::new(DueNotice {
        // Never back to the time that it had: there it would not be told apart.
        not_before_ms: match next_ms == taken.not_before_ms {
            true => next_ms + 1,
            false => next_ms,
        },
        targets: left,
        ..taken.clone()
    }))
}

/// Half of the pause after so many tries, and a random part of the other half.
fn pause_ms(tries: u32, random: u64) -> u64 {
    let place = (tries.saturating_sub(1) as usize).min(PAUSES_MS.len() - 1);
    let half = PAUSES_MS[place] / 2;
    half + random % (half + 1)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::core::ids::JobId;
    use crate::core::notice::{JOB_ENDED, Notice, Tokens, notice_id};

    pub(crate) fn notice(job_id: &JobId, state: &str) -> Notice {
        Notice {
            kind: JOB_ENDED.to_string(),
            timestamp: "2026-01-01T00:00:00Z".to_string(),
            schema_version: 1,
            notice_id: notice_id(job_id, 0),
            job_id: job_id.to_string(),
            generation: 0,
            state: state.to_string(),
            reason: None,
            partial: false,
            model_id: "memory".to_string(),
            rows: 2,
            outcomes: [("coded".to_string(), 2)].into(),
            review_rows: 0,
            cost_usd: None,
            tokens: Tokens::default(),
            started: "2026-01-01T00:00:00Z".to_string(),
            ended: "2026-01-01T00:00:00Z".to_string(),
            output_bucket: "out".to_string(),
            output_prefix: "results/".to_string(),
            outputs: vec!["results.csv".to_string()],
            annexa_version: "0".to_string(),
        }
    }

    fn due() -> DueNotice {
        let targets = [Target::EventBus, Target::Webhook].into();
        DueNotice::new(notice(&JobId("job-1".into()), "COMPLETED"), targets, 1_000)
    }

    fn again(fate: Fate) -> DueNotice {
        match fate {
            Fate::Again(again) => *again,
            other => panic!("somebody has to be told, and there is time: {other:?}"),
        }
    }

    #[test]
    fn a_notice_in_hand_is_nobody_else_s_until_its_time_is_over() {
        assert_eq!(take(&due(), 999), None);
        let taken = take(&due(), 1_000).unwrap();
        assert_eq!(taken.not_before_ms, 61_000);
        assert!(taken.in_hand().eq([Target::EventBus, Target::Webhook]));
        assert_eq!(take(&taken, 60_999), None);
        let tries = |taken: &DueNotice| taken.targets[&Target::Webhook].tries;
        assert_eq!(tries(&taken), 1);
        assert_eq!(tries(&take(&taken, 61_000).unwrap()), 2);
    }

    #[test]
    fn who_was_told_is_not_told_again_because_another_failed() {
        let taken = take(&due(), 1_000).unwrap();
        let heard = [
            (Target::EventBus, Heard::Told),
            (Target::Webhook, Heard::Later(0)),
        ];
        let again = again(settle(&taken, &heard, &[], 2_000, 0));
        assert!(again.targets.keys().eq([&Target::Webhook]));
        assert_eq!(again.not_before_ms, 2_000 + 2_500);
        let heard = [(Target::Webhook, Heard::Gone)];
        let taken = take(&again, 10_000).unwrap();
        assert_eq!(settle(&taken, &heard, &[], 10_001, 0), Fate::Through);
    }

    #[test]
    fn a_receiver_that_refuses_or_wants_time_keeps_no_other_waiting() {
        for slow in [Heard::Refused, Heard::Later(3_000_000)] {
            let taken = take(&due(), 1_000).unwrap();
            let heard = [(Target::EventBus, Heard::Later(0)), (Target::Webhook, slow)];
            let first = again(settle(&taken, &heard, &[], 2_000, 0));
            assert_eq!(first.not_before_ms, 2_000 + 2_500, "the bus's own pause");
            let webhook = first.targets[&Target::Webhook];
            assert!(webhook.not_before_ms >= 2_000 + REFUSED_PAUSE_MS);
            let taken = take(&first, 4_500).unwrap();
            assert!(taken.in_hand().eq([Target::EventBus]));
            assert_eq!(taken.targets[&Target::Webhook], webhook);
            let left = again(settle(
                &taken,
                &[(Target::EventBus, Heard::Told)],
                &[],
                4_600,
                0,
            ));
            assert_eq!(left.not_before_ms, webhook.not_before_ms);
            assert_eq!(left.targets, [(Target::Webhook, webhook)].into());
        }
    }

    #[test]
    fn who_was_passed_over_is_due_at_once_and_has_not_been_tried() {
        let taken = take(&due(), 1_000).unwrap();
        let heard = [(Target::EventBus, Heard::Told)];
        let left = again(settle(&taken, &heard, &[Target::Webhook], 2_000, 0));
        let webhook = Wait {
            not_before_ms: 2_000,
            tries: 0,
        };
        assert_eq!(left.targets, [(Target::Webhook, webhook)].into());
    }

    #[test]
    fn pauses_grow_and_a_receiver_s_wish_and_a_refusal_make_them_longer() {
        let mut taken = take(&due(), 1_000).unwrap();
        let mut set_tries = |tries: u32| {
            for wait in taken.targets.values_mut() {
                wait.tries = tries;
            }
            taken.clone()
        };
        let mut last = 0;
        for tries in 1..10 {
            let again = again(settle(&set_tries(tries), &[], &[], 2_000, u64::MAX));
            let pause = again.not_before_ms - 2_000;
            assert!(pause >= last && pause <= 3_600_000, "{tries}: {pause}");
            last = pause;
        }
        let taken = set_tries(1);
        for (heard, least_ms) in [
            (Heard::Later(400_000), 400_000),
            (Heard::Later(u64::MAX), MOST_WISHED_MS),
            (Heard::Refused, REFUSED_PAUSE_MS),
        ] {
            let again = again(settle(&taken, &[(Target::Webhook, heard)], &[], 2_000, 7));
            let webhook = again.targets[&Target::Webhook];
            assert_eq!(webhook.not_before_ms, 2_000 + least_ms);
        }
    }

    #[test]
    fn after_a_day_it_is_given_up_and_the_last_try_is_at_its_end() {
        let end_ms = 1_000 + GIVEN_UP_AFTER_MS;
        let heard = [
            (Target::Webhook, Heard::Refused),
            (Target::EventBus, Heard::Told),
        ];
        let late = DueNotice {
            not_before_ms: end_ms - 5_000,
            ..due()
        };
        let taken = take(&late, end_ms - 5_000).unwrap();
        let last = again(settle(&taken, &heard, &[], end_ms - 4_000, 0));
        assert_eq!(last.not_before_ms, end_ms);
        let taken = take(&last, end_ms).unwrap();
        match settle(&taken, &heard, &[], end_ms + 1, 0) {
            Fate::GivenUp(left) => assert!(left.keys().eq([&Target::Webhook])),
            other => panic!("its time is over: {other:?}"),
        }
    }

    #[test]
    fn the_key_is_the_job_s_id_and_a_retry_has_its_own() {
        let job_id = JobId("job-0a".into());
        assert_eq!(notice_id(&job_id, 0), "job-0a");
        assert_eq!(notice_id(&job_id, 2), "job-0a-retry-2");
    }
}
