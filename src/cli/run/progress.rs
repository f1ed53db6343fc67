//! What is seen while a run works: three lines that renew themselves on a terminal, plain lines elsewhere.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use ratatui::crossterm;

use super::estimate::cents;
use super::meter::{Meter, Seen};
use super::prepare::Prepared;
use crate::control::status::pace::{Pace, Speed};
use crate::control::status::{JobStatus, words};
use crate::core::job::JobRecord;
use crate::ports::Clock;
use crate::shown;

/// Columns of the bar, with the space behind it.
const BAR_COLUMNS: usize = 17;
/// Time between two plain lines.
const PLAIN_EVERY: Duration = Duration::from_secs(10);

/// Says on stderr what begins, or goes on.
pub fn announce(prepared: &Prepared, job: &JobRecord) {
    let out = prepared.folder.path().display();
    let spec = &prepared.spec;
    let done = job.counters.tally.rows;
    let verb = if job.plan.is_some() {
        "going on with"
    } else {
        "coding"
    };
    eprint!(
        "{verb} {} with {} into {out}",
        spec.input_key, spec.model_id
    );
    if done > 0 {
        eprint!(" ({done} rows are done)");
    }
    eprintln!();
}

/// The progress of a run.
pub struct Progress {
    clock: Arc<dyn Clock>,
    bar: Option<ProgressBar>,
    is_quiet: bool,
    next_plain: Duration,
    pace: Pace,
    meter: Option<Arc<Meter>>,
}

impl Progress {
    /// Begins now. `meter` counts what is asked and spent. `is_quiet`: nothing is shown (somebody wants JSON).
    pub fn new(clock: Arc<dyn Clock>, meter: Option<Arc<Meter>>, is_quiet: bool) -> Progress {
        let is_screen = std::io::stderr().is_terminal() && !is_quiet;
        let bar = is_screen.then(|| {
            let bar = ProgressBar::new(0);
            let style = ProgressStyle::with_template("{bar:16} {prefix}\n{msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        Progress {
            next_plain: clock.monotonic() + PLAIN_EVERY,
            clock,
            bar,
            is_quiet,
            pace: Pace::default(),
            meter,
        }
    }

    /// Shows how far the job is.
    pub fn show(&mut self, job: &JobRecord) {
        if self.is_quiet {
            return;
        }
        let now = self.clock.monotonic();
        let status = JobStatus::new(job);
        let speed = self.pace.look(now, &status);
        if self.bar.is_none() && now < self.next_plain {
            return;
        }
        let seen = self.meter.as_ref().map(|meter| meter.seen());
        let lines = lines(&status, &speed, seen.as_ref());
        match &self.bar {
            Some(bar) => {
                bar.set_length(status.rows_total.unwrap_or(0));
                bar.set_position(status.rows_done);
                let [rows, rest @ ..] = &lines;
                bar.set_prefix(cut(rows, BAR_COLUMNS));
                let rest = rest.each_ref().map(|line| cut(line, 0));
                bar.set_message(rest.join("\n"));
            }
            None => {
                self.next_plain = now + PLAIN_EVERY;
                eprintln!("{}", lines.join(", "));
            }
        }
    }

    /// Takes the lines away.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// What fits the terminal of `line` behind so many columns: one that wraps would be two.
fn cut(line: &str, taken: usize) -> String {
    let columns = crossterm::terminal::size().map_or(80, |(columns, _)| usize::from(columns));
    shown::cut(line, columns.saturating_sub(taken + 1)).to_string()
}

/// Rows, rate and time left; outcomes; cost and calls. `seen`: what this run has asked so far, committed or not.
fn lines(status: &JobStatus, speed: &Speed, seen: Option<&Seen>) -> [String; 3] {
    let cost = match seen.and_then(|seen| seen.projected) {
        Some((spent, all)) => format!("{} of about {} US dollars", cents(spent), cents(all)),
        None => match &status.cost_usd {
            Some(cost) => format!("{} US dollars", cents_of(cost)),
            None => "cost not known".to_string(),
        },
    };
    let mut money = vec![cost];
    if let Some(cap) = &status.max_cost_usd {
        money.push(format!(
            "cap {} ({} counted)",
            cents_of(cap),
            cents_of(&status.counted_under_cap_usd)
        ));
    }
    if let Some(seen) = seen {
        money.push(format!("{} calls in flight", seen.in_flight));
        if seen.throttles > 0 {
            money.push(format!("{} throttled", seen.throttles));
        }
    }
    if status.retries > 0 {
        money.push(format!("{} retries", status.retries));
    }
    [
        words::rows(status, speed),
        format!("{}, {}", words::outcomes(status), words::review(status)),
        money.join(", "),
    ]
}

/// An amount as the ledger writes it, in whole cents where it is large enough.
fn cents_of(amount: &str) -> String {
    amount.parse().map_or_else(|_| amount.to_string(), cents)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::status::tests::status;
    use crate::core::money::NanoUsd;

    fn quarter() -> JobStatus {
        JobStatus {
            rows_done: 500,
            coded: 490,
            empty: 4,
            failed: 6,
            review: 20,
            cost_usd: Some("1.250000000".to_string()),
            ..status(2_000)
        }
    }

    const SPEED: Speed = Speed {
        rows_per_second: Some(200.0),
        tokens_per_minute: None,
    };

    #[test]
    fn the_lines_say_rows_rate_outcomes_cost_and_time_left() {
        insta::assert_snapshot!(lines(&quarter(), &SPEED, None).join("\n"), @r"
        500 of 2000 rows, 200.0 a second, 7.5 s left
        490 coded, 0 insufficient, 4 empty, 6 failed, 20 for review
        1.25 US dollars
        ");
    }

    #[test]
    fn the_lines_of_a_paid_model_say_what_will_be_spent_the_cap_and_calls_in_flight() {
        let capped = JobStatus {
            max_cost_usd: Some("20.000000000".to_string()),
            counted_under_cap_usd: "1.420000000".to_string(),
            retries: 3,
            ..quarter()
        };
        let seen = Seen {
            projected: Some((NanoUsd(1_300_000_000), NanoUsd(5_210_000_000))),
            throttles: 7,
            in_flight: 32,
        };
        insta::assert_snapshot!(lines(&capped, &SPEED, Some(&seen)).join("\n"), @r"
        500 of 2000 rows, 200.0 a second, 7.5 s left
        490 coded, 0 insufficient, 4 empty, 6 failed, 20 for review
        1.30 of about 5.21 US dollars, cap 20.00 (1.42 counted), 32 calls in flight, 7 throttled, 3 retries
        ");
    }
}
