use super::*;
use crate::adapters::sim_bedrock::Settings;
use crate::adapters::sim_bedrock::prefix::{CacheTtl, Prefix};

const SHA: [u8; 32] = [7; 32];

fn rules() -> &'static ModelRules {
    // Burndown 5, cache from 1,024 tokens on.
    ModelRules::find("us.anthropic.claude-sonnet-4-6").unwrap()
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// 100 tokens of message behind a prefix of 2,000.
fn asked(max_tokens: u32) -> Asked {
    Asked {
        reports: Vec::new(),
        problem_type: None,
        is_forced: true,
        thinks: false,
        max_tokens,
        prefix: Some(Prefix {
            sha256: SHA,
            bytes: 7_400,
            ttl: CacheTtl::Short,
        }),
        other_bytes: 370,
        system: String::new(),
    }
}

fn setup(tpm: Option<u64>) -> SimSetup {
    SimSetup {
        settings: Settings {
            tokens_per_minute: tpm,
            ..Settings::default()
        },
        ..SimSetup::default()
    }
}

fn start(lane: &mut Lane, setup: &SimSetup, now: Duration) -> Result<Ticket, NoStart> {
    lane.start(now, &asked(1_000), rules(), setup)
}

fn usage(input: u64, read: u64, write: u64) -> Usage {
    Usage {
        input_tokens: input,
        output_tokens: 0,
        cache_read_tokens: read,
        cache_write_tokens: write,
    }
}

#[test]
fn calls_that_start_cold_each_write_and_later_ones_read_until_the_end_of_its_life() {
    let setup = setup(None);
    let mut lane = Lane::new(&setup, rules(), at(0));
    let cold = [0, 1].map(|_| start(&mut lane, &setup, at(0)).unwrap());
    for ticket in &cold {
        assert_eq!(ticket.usage, usage(100, 0, 2_000));
    }
    // A write counts from its end on.
    lane.answered(at(10), &cold[0], 1);
    let warm = start(&mut lane, &setup, at(309)).unwrap();
    assert_eq!(warm.usage, usage(100, 2_000, 0));
    // The read has lengthened its life.
    let still = start(&mut lane, &setup, at(608)).unwrap();
    assert_eq!(still.usage, usage(100, 2_000, 0));
    let late = start(&mut lane, &setup, at(908)).unwrap();
    assert_eq!(late.usage, usage(100, 0, 2_000));
}

#[test]
fn a_failed_call_writes_no_prefix_and_gets_all_back() {
    // A reservation is 100 + 2,000 + 1,000.
    let setup = setup(Some(3_100));
    let mut lane = Lane::new(&setup, rules(), at(0));
    let ticket = start(&mut lane, &setup, at(0)).unwrap();
    let refused = start(&mut lane, &setup, at(0)).unwrap_err();
    assert_eq!(refused, NoStart::Minute(Refused::Tokens));
    lane.failed(at(0), &ticket);
    let again = start(&mut lane, &setup, at(0)).unwrap();
    assert_eq!(again.usage, usage(100, 0, 2_000));
}

#[test]
fn an_answer_settles_at_input_writes_and_burnt_output() {
    let setup = setup(Some(3_100));
    let mut lane = Lane::new(&setup, rules(), at(0));
    let ticket = start(&mut lane, &setup, at(0)).unwrap();
    let (used, settled) = lane.answered(at(0), &ticket, 40);
    assert_eq!((used.output_tokens, settled), (40, 100 + 2_000 + 40 * 5));
    // 800 are left: too few for a reservation that counts cache reads, which is 3,100 again.
    assert!(start(&mut lane, &setup, at(0)).is_err());
    // 2,300 refill in 44.5 s.
    assert!(start(&mut lane, &setup, at(44)).is_err());
    let ticket = start(&mut lane, &setup, at(45)).unwrap();
    let (_, settled) = lane.answered(at(45), &ticket, 40);
    assert_eq!(settled, 100 + 40 * 5, "reads are free at the end");
}

#[test]
fn what_is_too_short_to_be_cached_is_input() {
    let setup = SimSetup {
        cache_minimum_tokens: Some(2_001),
        ..setup(None)
    };
    let mut lane = Lane::new(&setup, rules(), at(0));
    for _ in 0..2 {
        let ticket = start(&mut lane, &setup, at(0)).unwrap();
        assert_eq!(ticket.usage, usage(2_100, 0, 0));
        lane.answered(at(0), &ticket, 1);
    }
}

#[test]
fn the_day_s_quota_refuses_until_the_day_is_over() {
    let mut setup = setup(None);
    setup.settings.daily_tokens = Some(2_000);
    let mut lane = Lane::new(&setup, rules(), at(0));
    let ticket = start(&mut lane, &setup, at(0)).unwrap();
    lane.answered(at(1), &ticket, 10);
    assert_eq!(start(&mut lane, &setup, at(86_399)), Err(NoStart::Day));
    assert!(start(&mut lane, &setup, at(86_400)).is_ok());
}

#[test]
fn other_limits_hold_at_once() {
    let setup = setup(Some(3_100));
    let mut lane = Lane::new(&setup, rules(), at(0));
    lane.set_limits(at(0), Some(3_099), None);
    assert!(start(&mut lane, &setup, at(0)).is_err());
    lane.set_limits(at(0), None, Some(1));
    assert!(start(&mut lane, &setup, at(0)).is_ok());
    let refused = start(&mut lane, &setup, at(0)).unwrap_err();
    assert_eq!(refused, NoStart::Minute(Refused::Requests));
}
