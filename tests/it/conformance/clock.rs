//! Time and chance: the virtual clock and the system's.

use std::sync::Arc;
use std::time::Duration;

use annexa::adapters::local::clock::SystemClock;
use annexa::adapters::memory::clock::SimClock;
use annexa::ports::Clock;
use annexa::ports::clock::full_jitter;

/// 2025-01-01T00:00:00Z: before any clock that is right.
const A_TIME_PAST_MS: u64 = 1_735_689_600_000;

fn every_clock() -> Vec<Arc<dyn Clock>> {
    vec![Arc::new(SimClock::new(1)), Arc::new(SystemClock::new())]
}

#[tokio::test]
async fn s3_a_sleep_lasts_at_least_what_was_asked() {
    for clock in every_clock() {
        for ms in [0, 1, 25] {
            let (began, wall_ms) = (clock.monotonic(), clock.now_ms());
            clock.sleep(Duration::from_millis(ms)).await;
            assert!(clock.monotonic() - began >= Duration::from_millis(ms));
            // Wall time may jump; on a quiet machine it goes on, at a millisecond's grain.
            assert!(clock.now_ms() + 1 >= wall_ms + ms);
        }
    }
}

#[tokio::test]
async fn s3_monotonic_time_never_goes_back() {
    for clock in every_clock() {
        let mut last = clock.monotonic();
        for _ in 0..10_000 {
            let now = clock.monotonic();
            assert!(now >= last);
            last = now;
        }
    }
}

#[tokio::test]
async fn wall_time_is_in_milliseconds_since_1970() {
    for clock in every_clock() {
        let now_ms = clock.now_ms();
        assert!(
            (A_TIME_PAST_MS..A_TIME_PAST_MS * 2).contains(&now_ms),
            "{now_ms}"
        );
    }
}

#[tokio::test]
async fn every_bit_of_chance_is_free() {
    for clock in every_clock() {
        let first = clock.random();
        let (mut flipped, mut ones) = (0, 0);
        for _ in 0..1_000 {
            let number = clock.random();
            flipped |= number ^ first;
            ones += number.count_ones();
        }
        assert_eq!(flipped, u64::MAX, "no bit is fixed");
        // 64,000 fair bits: the mean is 32,000, and 1,500 is almost twelve standard deviations.
        assert!(
            ones.abs_diff(32_000) < 1_500,
            "{ones} of 64,000 bits are set"
        );
    }
}

#[tokio::test]
async fn s4_full_jitter_stays_under_its_ceiling_and_uses_it_all() {
    for clock in every_clock() {
        let ceiling = Duration::from_secs(8);
        let pauses: Vec<Duration> = (0..400).map(|_| full_jitter(&*clock, ceiling)).collect();
        assert!(pauses.iter().all(|pause| *pause < ceiling));
        for quarter in 0..4 {
            let part = ceiling / 4 * quarter..ceiling / 4 * (quarter + 1);
            assert!(pauses.iter().any(|pause| part.contains(pause)));
        }
        assert_eq!(full_jitter(&*clock, Duration::ZERO), Duration::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_draws_the_same_numbers_and_another_others() {
    let draw = |seed| {
        let clock = SimClock::new(seed);
        std::array::from_fn::<u64, 100, _>(|_| clock.random())
    };
    assert_eq!(draw(7), draw(7));
    assert_ne!(draw(7), draw(8));
}

#[tokio::test(start_paused = true)]
async fn years_of_virtual_time_pass_at_once() {
    let clock = SimClock::new(1);
    let (began, wall_ms) = (clock.monotonic(), clock.now_ms());
    let year = Duration::from_secs(365 * 86_400);
    clock.sleep(year).await;
    assert!(clock.monotonic() - began >= year);
    assert!(clock.now_ms() - wall_ms >= year.as_millis() as u64);
}
