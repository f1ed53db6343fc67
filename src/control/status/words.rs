//! How progress is worded, for `annexa status` and for a run's own progress alike. Lines fit 80 columns for jobs of up to
//! ten million rows.

use std::time::Duration;

use super::JobStatus;
use super::pace::{Speed, span, time_left};
use super::work::AtWork;
use crate::shown::safe;

/// Rows done of all.
pub fn done_of(status: &JobStatus) -> String {
    match status.rows_total {
        Some(total) => format!("{} of {total}", status.rows_done),
        None if status.ended.is_some() => format!("{} of an unknown number", status.rows_done),
        None => format!("{} (still being counted)", status.rows_done),
    }
}

/// Rows, rate and time left.
pub fn rows(status: &JobStatus, speed: &Speed) -> String {
    let mut line = format!("{} rows", done_of(status));
    if let Some(rate) = speed.rows_per_second.filter(|rate| *rate > 0.0) {
        line.push_str(&format!(", {rate:.1} a second"));
    }
    let left = time_left(status, speed.rows_per_second).filter(|left| !left.is_zero());
    if status.state == "FINISHING" || is_all_done(status) {
        line.push_str(", writing outputs");
    } else if let Some(left) = left {
        line.push_str(&format!(", {} left", span(left)));
    }
    line
}

fn is_all_done(status: &JobStatus) -> bool {
    let is_done = status.rows_total == Some(status.rows_done);
    is_done && status.state == "RUNNING"
}

/// Rows by outcome.
pub fn outcomes(status: &JobStatus) -> String {
    format!(
        "{} coded, {} insufficient, {} empty, {} failed",
        status.coded, status.insufficient, status.empty, status.failed
    )
}

/// Rows that a person should read.
pub fn review(status: &JobStatus) -> String {
    format!("{} for review", status.review)
}

/// What committed rows cost, and what counts under the cap.
pub fn money(status: &JobStatus) -> String {
    let cost = match &status.cost_usd {
        Some(cost) => format!("{cost} US dollars"),
        None => "not known: the model's price is not".to_string(),
    };
    match &status.max_cost_usd {
        Some(cap) => format!(
            "{cost}, {} counted under the cap of {cap}",
            status.counted_under_cap_usd
        ),
        None => cost,
    }
}

/// Calls, and what went wrong with some; empty where nobody is called.
pub fn calls(status: &JobStatus, speed: &Speed) -> String {
    let mut parts = vec![format!(
        "{} calls, {} retries, {} throttled",
        status.calls, status.retries, status.throttles
    )];
    if status.paid_answers_reused > 0 {
        parts.push(format!(
            "{} paid answers reused",
            status.paid_answers_reused
        ));
    }
    if let Some(tokens) = speed.tokens_per_minute.filter(|tokens| *tokens > 0.0) {
        parts.push(format!("{tokens:.0} tokens a minute"));
    }
    parts.join(", ")
}

/// Who is at work.
pub fn work(work: &AtWork) -> String {
    let mut parts = vec![match work.workers {
        0 => "nobody".to_string(),
        1 => "1 process".to_string(),
        many => format!("{many} processes"),
    }];
    if let Some(chunks) = work.chunks_in_hand.filter(|_| work.workers > 0) {
        parts.push(format!("{chunks} chunks in hand"));
    }
    if let Some(tokens) = work.quota_tokens_per_minute {
        parts.push(format!("{tokens} tokens a minute of the quota (all jobs)"));
    }
    parts.join(", ")
}

/// One line that says all that changes, for a log.
pub fn line(status: &JobStatus, speed: &Speed) -> String {
    let mut line = format!("{:<9}  {}", status.state, rows(status, speed));
    if status.failed > 0 {
        line.push_str(&format!(", {} failed", status.failed));
    }
    if let Some(cost) = &status.cost_usd {
        line.push_str(&format!(", {cost} US dollars"));
    }
    if status.throttles > 0 {
        line.push_str(&format!(", throttled {} times", status.throttles));
    }
    line
}

/// Several lines for a screen that is drawn again and again. `still_for`: how long nothing has moved on.
pub fn screen(
    status: &JobStatus,
    speed: &Speed,
    at_work: Option<&AtWork>,
    still_for: Duration,
) -> Vec<String> {
    let mut lines = vec![
        format!("{}  {}", status.job_id, status.state),
        format!("rows     {}", rows(status, speed)),
        format!("         {}", outcomes(status)),
        format!("         {}", review(status)),
        format!("cost     {}", money(status)),
        format!("calls    {}", calls(status, speed)),
    ];
    if let Some(at_work) = at_work {
        lines.push(format!("at work  {}", work(at_work)));
        lines.extend(
            at_work
                .last_seen
                .iter()
                .map(|seen| format!("         last seen {seen}")),
        );
    }
    if still_for >= STILL {
        lines.push(format!("still    nothing was done for {}", span(still_for)));
    }
    if let Some(reason) = &status.reason {
        lines.push(format!("reason   {}", safe(reason)));
    }
    lines
}

/// Less is no news: rows count chunk by chunk.
const STILL: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::status::tests::status;

    const SPEED: Speed = Speed {
        rows_per_second: Some(39.66),
        tokens_per_minute: Some(412_345.6),
    };

    fn half() -> JobStatus {
        JobStatus {
            rows_done: 160,
            coded: 150,
            failed: 10,
            review: 12,
            calls: 85,
            throttles: 2,
            cost_usd: Some("0.254679255".to_string()),
            max_cost_usd: Some("5.000000000".to_string()),
            counted_under_cap_usd: "0.300000000".to_string(),
            ..status(300)
        }
    }

    #[test]
    fn a_screen_says_rows_outcomes_cost_calls_and_who_is_at_work() {
        let at_work = AtWork {
            workers: 3,
            quota_tokens_per_minute: Some(90_000),
            last_seen: Some("2026-11-23T00:42:34Z".to_string()),
            ..AtWork::default()
        };
        let screen = screen(&half(), &SPEED, Some(&at_work), Duration::from_secs(12));
        insta::assert_snapshot!(screen.join("\n"), @r"
        job-efcb88d994b4c105b31e  RUNNING
        rows     160 of 300 rows, 39.7 a second, 3.5 s left
                 150 coded, 0 insufficient, 0 empty, 10 failed
                 12 for review
        cost     0.254679255 US dollars, 0.300000000 counted under the cap of 5.000000000
        calls    85 calls, 0 retries, 2 throttled, 412346 tokens a minute
        at work  3 processes, 90000 tokens a minute of the quota (all jobs)
                 last seen 2026-11-23T00:42:34Z
        still    nothing was done for 12 s
        ");
        insta::assert_snapshot!(line(&half(), &SPEED), @"RUNNING    160 of 300 rows, 39.7 a second, 3.5 s left, 10 failed, 0.254679255 US dollars, throttled 2 times");
    }

    #[test]
    fn lines_fit_80_columns_at_ten_million_rows() {
        let most = JobStatus {
            rows_done: 8_888_888,
            coded: 8_888_888,
            insufficient: 88_888,
            empty: 88_888,
            failed: 88_888,
            review: 888_888,
            ..status(10_000_000)
        };
        let speed = Speed {
            rows_per_second: Some(88.88),
            ..SPEED
        };
        for line in screen(&most, &speed, None, Duration::ZERO) {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }

    #[test]
    fn i10_a_reason_does_not_steer_the_terminal() {
        let bad = JobStatus {
            reason: Some("the column '\u{1b}[2J\u{9b}31m\u{202e}'\nis not there".to_string()),
            ..half()
        };
        let screen = screen(&bad, &SPEED, None, Duration::ZERO);
        assert_eq!(
            screen.last().unwrap(),
            "reason   the column '\u{b7}[2J\u{b7}31m\u{b7}' is not there"
        );
    }

    #[test]
    fn a_job_whose_rows_are_all_done_writes_its_outputs() {
        let done = JobStatus {
            rows_done: 300,
            ..half()
        };
        assert!(rows(&done, &SPEED).ends_with(", writing outputs"));
    }
}
