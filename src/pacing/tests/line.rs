//! Who waits for a lane: in order, at no cost, and free to go.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;

use crate::adapters::memory::clock::SimClock;
use crate::pacing::lane::{Demand, Lane, LaneSetup};
use crate::ports::Clock;
use crate::ports::error::Throttle;

const CALL: Demand = Demand {
    reserved_tokens: 100,
    expected_tokens: 100,
};

fn lane(clock: &Arc<dyn Clock>, requests_per_minute: u64) -> Lane {
    Lane::new(
        clock.clone(),
        LaneSetup::told(None, Some(requests_per_minute)),
    )
}

#[tokio::test(start_paused = true)]
async fn calls_start_in_the_order_of_asking_and_at_the_rate() {
    let clock: Arc<dyn Clock> = Arc::new(SimClock::new(1));
    let lane = lane(&clock, 600);
    let order = Mutex::new(Vec::new());
    let call = async |number: u64| {
        let start = lane.start(CALL).await;
        order.lock().unwrap().push(number);
        // Later calls are shorter: their ends do not decide who starts.
        clock.sleep(Duration::from_millis(3_000 - 5 * number)).await;
        start.settled(100);
    };
    join_all((0..500).map(call)).await;
    assert_eq!(order.into_inner().unwrap(), (0..500).collect::<Vec<u64>>());
    // Five are the burst; 9.9 a second is what is used of ten.
    let seconds = clock.monotonic().as_secs_f64();
    assert!((49.0..=53.0).contains(&seconds), "{seconds} s");
}

#[tokio::test(start_paused = true)]
async fn a_throttled_call_goes_before_those_that_have_not_started() {
    let clock: Arc<dyn Clock> = Arc::new(SimClock::new(1));
    let lane = lane(&clock, 60);
    let order = Mutex::new(Vec::new());
    let throttled = async {
        let start = lane.start(CALL).await;
        start.throttled(Some(Throttle::Requests));
        let start = lane.start_again(CALL).await;
        order.lock().unwrap().push(0);
        start.settled(100);
    };
    let others = (1..100).map(async |number: u32| {
        let start = lane.start(CALL).await;
        order.lock().unwrap().push(number);
        start.settled(100);
    });
    tokio::join!(throttled, join_all(others));
    let order = order.into_inner().unwrap();
    let place = order.iter().position(|number| *number == 0).unwrap();
    assert!(place <= 4, "it came as number {place}");
    assert_eq!(order.len(), 100);
}

#[tokio::test(start_paused = true)]
async fn waiters_that_leave_take_nothing_with_them() {
    for seed in 1..=5 {
        let clock: Arc<dyn Clock> = Arc::new(SimClock::new(seed));
        let lane = Lane::new(clock.clone(), LaneSetup::told(Some(60_000), None));
        let call = async |_| {
            let patience = match clock.random() % 2 {
                0 => Duration::from_millis(clock.random() % 30_000),
                _ => Duration::from_secs(3_600),
            };
            tokio::select! {
                biased;
                start = lane.start(CALL) => {
                    clock.sleep(Duration::from_millis(clock.random() % 5_000)).await;
                    match clock.random() % 10 {
                        // Some fail, and some are cut off with their start in hand.
                        0 => drop(start),
                        _ => start.settled(100),
                    }
                    true
                }
                () = clock.sleep(patience) => false,
            }
        };
        let began = join_all((0..400).map(call)).await;
        let started = began.iter().filter(|started| **started).count() as u64;
        let snapshot = lane.snapshot();
        assert!((200..400).contains(&started), "{started} started");
        assert_eq!(snapshot.started, started);
        assert_eq!(snapshot.settled + snapshot.failed, started);
        assert_eq!(snapshot.waiting, 0);
        assert_eq!(snapshot.in_flight, 0);
        assert_eq!(snapshot.reserved_tokens, 0);
        // All that is left was not lost: a whole burst can start at once.
        clock.sleep(Duration::from_secs(60)).await;
        let begin = clock.monotonic();
        join_all((0..4).map(async |_| lane.start(CALL).await.settled(100))).await;
        assert_eq!(clock.monotonic(), begin);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_cut_off_in_flight_gives_its_place_to_the_next() {
    let clock: Arc<dyn Clock> = Arc::new(SimClock::new(1));
    let setup = LaneSetup {
        first_in_flight: 1,
        ..LaneSetup::default()
    };
    let lane = Lane::new(clock.clone(), setup);
    let first = lane.start(CALL).await;
    let second = async {
        lane.start(CALL).await.settled(100);
        clock.monotonic()
    };
    let cut_off = async {
        clock.sleep(Duration::from_secs(5)).await;
        assert_eq!(lane.snapshot().waiting, 1);
        drop(first);
    };
    let (at, ()) = tokio::join!(second, cut_off);
    assert_eq!(at, Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn a_lane_without_quota_waits_without_end_and_can_be_left() {
    let clock: Arc<dyn Clock> = Arc::new(SimClock::new(1));
    let lane = lane(&clock, 0);
    tokio::select! {
        biased;
        _ = lane.start(CALL) => panic!("started with a quota of zero"),
        () = clock.sleep(Duration::from_secs(86_400)) => {}
    }
    assert_eq!(lane.snapshot().waiting, 0);
}
