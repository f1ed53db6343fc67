//! Who warms a prompt prefix for the fleet: one call leads for a stated time, and what it found out is known to all.

use crate::core::prefix::{PrefixRecord, PrefixUse, PrefixWarm};

/// How long a prefix is believed not to be cached.
const UNCACHED_MS: u64 = 3_600_000;

/// Asks how a prefix stands; the first to ask leads for `lead_ms`, and when a lead runs out the next one does. Said again
/// by the same owner, the lead is the same.
pub fn warm(record: &mut PrefixRecord, owner: &str, lead_ms: u64, now_ms: u64) -> PrefixWarm {
    match record {
        PrefixRecord::Warm { until_ms } if *until_ms > now_ms => {
            return PrefixWarm::Warm {
                until_ms: *until_ms,
            };
        }
        PrefixRecord::Uncached { until_ms } if *until_ms > now_ms => return PrefixWarm::Uncached,
        PrefixRecord::Leading {
            owner: leader,
            until_ms,
        } if *until_ms > now_ms => {
            if leader == owner {
                return PrefixWarm::Lead;
            }
            return PrefixWarm::Wait {
                until_ms: *until_ms,
            };
        }
        _ => {}
    }
    *record = PrefixRecord::Leading {
        owner: owner.to_string(),
        until_ms: now_ms + lead_ms,
    };
    PrefixWarm::Lead
}

/// Notes what a call found out. A shorter time changes nothing, a call that found the prefix cached is right against one
/// that did not, and only the leader can give up the lead.
pub fn used(record: &mut PrefixRecord, what: &PrefixUse, now_ms: u64) {
    let known_ms = match record {
        PrefixRecord::Warm { until_ms } if *until_ms > now_ms => Some(*until_ms),
        _ => None,
    };
    match what {
        PrefixUse::Warm { until_ms } => {
            let until_ms = (*until_ms).max(known_ms.unwrap_or(0));
            *record = PrefixRecord::Warm { until_ms };
        }
        PrefixUse::Uncached if known_ms.is_none() => {
            let until_ms = now_ms + UNCACHED_MS;
            *record = PrefixRecord::Uncached { until_ms };
        }
        PrefixUse::GaveUp { owner } if is_led_by(record, owner) => *record = PrefixRecord::Cold,
        PrefixUse::Uncached | PrefixUse::GaveUp { .. } => {}
    }
}

fn is_led_by(record: &PrefixRecord, by: &str) -> bool {
    matches!(record, PrefixRecord::Leading { owner, .. } if owner == by)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gave_up(owner: &str) -> PrefixUse {
        PrefixUse::GaveUp {
            owner: owner.to_string(),
        }
    }

    #[test]
    fn one_leads_until_it_is_answered_or_its_time_is_over() {
        let mut record = PrefixRecord::default();
        assert_eq!(warm(&mut record, "a", 50, 100), PrefixWarm::Lead);
        let wait = PrefixWarm::Wait { until_ms: 150 };
        assert_eq!(warm(&mut record, "b", 50, 149), wait);
        assert_eq!(warm(&mut record, "a", 50, 149), PrefixWarm::Lead);
        assert_eq!(warm(&mut record, "b", 50, 150), PrefixWarm::Lead);
        used(&mut record, &gave_up("a"), 150);
        let wait = PrefixWarm::Wait { until_ms: 200 };
        assert_eq!(warm(&mut record, "a", 50, 150), wait);
        used(&mut record, &gave_up("b"), 150);
        assert_eq!(warm(&mut record, "c", 50, 151), PrefixWarm::Lead);
    }

    #[test]
    fn warmth_lasts_as_long_as_the_latest_use_said() {
        let mut record = PrefixRecord::default();
        for until_ms in [400, 300] {
            used(&mut record, &PrefixUse::Warm { until_ms }, 100);
        }
        used(&mut record, &PrefixUse::Uncached, 100);
        let until = PrefixWarm::Warm { until_ms: 400 };
        assert_eq!(warm(&mut record, "a", 50, 399), until);
        assert_eq!(warm(&mut record, "a", 50, 400), PrefixWarm::Lead);
    }

    #[test]
    fn nobody_waits_for_what_is_not_cached_and_it_is_tried_again_after_an_hour() {
        let mut record = PrefixRecord::default();
        used(&mut record, &PrefixUse::Uncached, 100);
        assert_eq!(warm(&mut record, "a", 50, 200), PrefixWarm::Uncached);
        let later = 100 + UNCACHED_MS;
        assert_eq!(warm(&mut record, "a", 50, later), PrefixWarm::Lead);
        let until_ms = later + 9;
        used(&mut record, &PrefixUse::Warm { until_ms }, later);
        assert_eq!(
            warm(&mut record, "a", 50, later),
            PrefixWarm::Warm { until_ms }
        );
    }
}
