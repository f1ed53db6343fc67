//! A lane's rules one by one, without a runtime.

use std::time::Duration;

use crate::ports::error::Throttle;

use super::setup::{Demand, LaneSetup};
use super::state::{LaneState, Ticket, Turn};

/// A call that reserves and settles at a hundred tokens.
const CALL: Demand = Demand {
    reserved_tokens: 100,
    expected_tokens: 100,
};

fn at(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn lane(tokens_per_minute: Option<u64>, requests_per_minute: Option<u64>) -> LaneState {
    let setup = LaneSetup::told(tokens_per_minute, requests_per_minute);
    LaneState::new(&setup, Duration::ZERO)
}

fn started(state: &mut LaneState, now: Duration, demand: Demand) -> Ticket {
    match state.try_start(now, demand) {
        Turn::Started(ticket) => ticket,
        Turn::Wait(until) => panic!("call waits at {now:?} until {until:?}"),
    }
}

/// Starts a call as soon as the lane lets it, from `now` on.
fn start_next(state: &mut LaneState, now: &mut Duration, demand: Demand) -> Ticket {
    loop {
        match state.try_start(*now, demand) {
            Turn::Started(ticket) => return ticket,
            Turn::Wait(until) => *now = until.expect("the lane says until when"),
        }
    }
}

#[test]
fn told_tokens_and_told_requests_both_hold() {
    for (tokens, requests, demand, most) in [
        (Some(60_000), None, CALL, 10.0),
        (None, Some(600), CALL, 10.0),
        (Some(60_000), Some(120), CALL, 2.0),
    ] {
        let mut state = lane(tokens, requests);
        let mut now = Duration::ZERO;
        let mut calls = 0.0;
        while now < at(600.0) {
            let ticket = start_next(&mut state, &mut now, demand);
            state.settled(now, ticket, 100);
            calls += 1.0;
        }
        let rate = calls / now.as_secs_f64();
        assert!(
            (0.98 * most..=most).contains(&rate),
            "{rate} calls a second of {most}"
        );
    }
}

#[test]
fn what_calls_cost_more_than_predicted_is_made_up_for() {
    let mut state = lane(Some(60_000), None);
    let mut now = Duration::ZERO;
    while now < at(600.0) {
        let ticket = start_next(&mut state, &mut now, CALL);
        state.settled(now, ticket, 250);
    }
    let settled = state.snapshot(now, 0).settled_tokens as f64;
    let rate = settled / now.as_secs_f64();
    assert!((980.0..=1_000.0).contains(&rate), "{rate} tokens a second");
}

#[test]
fn reservations_in_flight_fit_what_the_bucket_holds() {
    // The bucket holds 60,000, and a call reserves 10,000 for the 100 that it settles at.
    let mut state = lane(Some(60_000), None);
    let demand = Demand {
        reserved_tokens: 10_000,
        ..CALL
    };
    let mut tickets = Vec::new();
    let mut now = Duration::ZERO;
    while now < at(5.0) {
        match state.try_start(now, demand) {
            Turn::Started(ticket) => tickets.push(ticket),
            Turn::Wait(_) => now += at(0.1),
        }
    }
    // Five seconds refill less than another call reserves.
    assert_eq!(tickets.len(), 6);
    state.settled(now, tickets.remove(0), 100);
    started(&mut state, now, demand);
}

#[test]
fn a_demand_larger_than_the_bucket_starts_when_the_lane_is_full() {
    for tokens in [100_000, u64::MAX] {
        let mut state = lane(Some(60_000), None);
        let demand = Demand {
            reserved_tokens: tokens,
            expected_tokens: tokens,
        };
        let mut now = Duration::ZERO;
        let ticket = start_next(&mut state, &mut now, demand);
        assert!(now < at(1.0), "the lane was full at once");
        let other = state.try_start(now, CALL);
        assert!(matches!(other, Turn::Wait(Some(_))), "it starts alone");
        state.settled(at(1.0), ticket, 100);
        let mut now = at(1.0);
        start_next(&mut state, &mut now, CALL);
        assert!(now < at(62.0), "the lane waits a minute at most, {now:?}");
        let ticket = start_next(&mut state, &mut now, demand);
        state.settled(now, ticket, u64::MAX);
        start_next(&mut state, &mut now, CALL);
        assert!(now < at(200.0), "{now:?}");
    }
}

#[test]
fn a_quota_of_zero_starts_nothing_and_is_a_problem() {
    for (tokens, requests) in [(Some(0), None), (None, Some(0))] {
        let mut state = lane(tokens, requests);
        let turn = state.try_start(at(3_600.0), CALL);
        assert!(matches!(turn, Turn::Wait(None)), "{turn:?}");
        let problems = LaneSetup::told(tokens, requests).problems();
        assert_eq!(problems.len(), 1, "{problems:?}");
    }
    assert!(LaneSetup::default().problems().is_empty());
    assert!(LaneSetup::told(Some(1), Some(1)).problems().is_empty());
}

#[test]
fn an_untold_lane_starts_low_doubles_and_soon_limits_nothing() {
    let mut state = lane(None, None);
    let mut now = Duration::ZERO;
    let mut rounds = Vec::new();
    for _ in 0..7 {
        let mut tickets = Vec::new();
        while let Turn::Started(ticket) = state.try_start(now, CALL) {
            tickets.push(ticket);
        }
        rounds.push(tickets.len());
        now += at(1.0);
        for ticket in tickets {
            state.settled(now, ticket, 100);
        }
    }
    assert_eq!(rounds, [10, 20, 40, 80, 160, 320, 640]);
    assert_eq!(state.snapshot(now, 0).tokens_per_minute, None);
}

#[test]
fn refusals_of_calls_that_were_in_flight_count_once() {
    let mut state = lane(None, None);
    let tickets: Vec<Ticket> = (0..10)
        .map(|_| started(&mut state, Duration::ZERO, CALL))
        .collect();
    for ticket in &tickets[4..] {
        state.throttled(at(0.05), *ticket, Some(Throttle::Tokens), 7);
    }
    let snapshot = state.snapshot(at(0.05), 0);
    assert_eq!((snapshot.throttled, snapshot.lowered), (6, 1));
    assert_eq!(snapshot.in_flight, 4);
    assert!(snapshot.tokens_per_minute.is_some());
    assert_eq!(snapshot.requests_per_minute, None, "the service said which");
}

#[test]
fn a_throttle_that_does_not_say_which_lowers_both() {
    let mut state = lane(None, None);
    let ticket = started(&mut state, Duration::ZERO, CALL);
    state.throttled(at(0.05), ticket, None, 7);
    let snapshot = state.snapshot(at(0.05), 0);
    assert!(snapshot.tokens_per_minute.is_some());
    assert!(snapshot.requests_per_minute.is_some());
}

#[test]
fn one_refusal_of_a_told_lane_is_chance_and_does_not_slow_it() {
    let mut state = lane(Some(60_000), None);
    let mut now = Duration::ZERO;
    for call in 0..400 {
        let ticket = start_next(&mut state, &mut now, CALL);
        if call % 100 == 99 {
            state.throttled(now, ticket, Some(Throttle::Tokens), 7);
        } else {
            state.settled(now, ticket, 100);
        }
    }
    let snapshot = state.snapshot(now, 0);
    assert_eq!((snapshot.throttled, snapshot.lowered), (4, 0));
    assert_eq!(snapshot.tokens_per_minute, Some(59_400));
}

#[test]
fn after_refusals_the_lane_pauses_and_one_call_goes_ahead() {
    let mut state = lane(None, Some(600));
    let mut now = Duration::ZERO;
    let tickets = [0, 1].map(|_| start_next(&mut state, &mut now, CALL));
    for ticket in tickets {
        state.throttled(now + at(0.05), ticket, Some(Throttle::Requests), u64::MAX);
    }
    now += at(0.05);
    let paused = state.snapshot(now, 0).paused;
    assert!(paused > Duration::ZERO && paused <= at(1.0), "{paused:?}");
    now += paused;
    started(&mut state, now, CALL);
    let Turn::Wait(Some(until)) = state.try_start(now, CALL) else {
        panic!("others wait for what becomes of the first");
    };
    assert!(until <= now + at(0.2), "{until:?}");
    started(&mut state, until, CALL);
}

#[test]
fn failed_calls_give_their_reservation_back() {
    let mut state = lane(Some(6_000), None);
    let demand = Demand {
        reserved_tokens: 6_000,
        expected_tokens: 100,
    };
    let ticket = started(&mut state, Duration::ZERO, demand);
    let turn = state.try_start(at(1.0), demand);
    assert!(matches!(turn, Turn::Wait(Some(_))), "{turn:?}");
    state.failed(at(1.0), ticket);
    started(&mut state, at(1.0), demand);
    let snapshot = state.snapshot(at(1.0), 0);
    assert_eq!((snapshot.in_flight, snapshot.failed), (1, 1));
    assert_eq!(snapshot.reserved_tokens, 6_000);
}
