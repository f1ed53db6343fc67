//! What is seen while a run works: a line that renews itself on a terminal, plain lines elsewhere.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::estimate::cents;
use super::meter::Meter;
use super::prepare::Prepared;
use crate::core::job::JobRecord;
use crate::core::money::NanoUsd;
use crate::ports::Clock;

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
    begun: Duration,
    rows_at_begin: u64,
    next_plain: Duration,
    meter: Option<Arc<Meter>>,
}

impl Progress {
    /// Begins now; `rows_at_begin` were done before and do not count into the rate. `meter` counts what is spent.
    pub fn new(clock: Arc<dyn Clock>, rows_at_begin: u64, meter: Option<Arc<Meter>>) -> Progress {
        let begun = clock.monotonic();
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(0);
            bar.set_style(
                ProgressStyle::with_template("{bar:24} {msg}")
                    .unwrap_or_else(|_| ProgressStyle::default_bar()),
            );
            bar
        });
        Progress {
            clock,
            bar,
            begun,
            rows_at_begin,
            next_plain: begun + PLAIN_EVERY,
            meter,
        }
    }

    /// Shows how far the job is.
    pub fn show(&mut self, job: &JobRecord) {
        let now = self.clock.monotonic();
        let is_plain_due = self.bar.is_none() && now >= self.next_plain;
        if self.bar.is_none() && !is_plain_due {
            return;
        }
        let projected = self.meter.as_ref().and_then(|meter| meter.projected());
        let elapsed = now.saturating_sub(self.begun);
        let mut line = line(job, self.rows_at_begin, elapsed, projected);
        let throttles = self.meter.as_ref().map_or(0, |meter| meter.throttles());
        if throttles > 0 {
            line.push_str(&format!(", throttled {throttles} times"));
        }
        match &self.bar {
            Some(bar) => {
                bar.set_length(job.split.as_ref().map_or(0, |split| split.rows));
                bar.set_position(job.counters.tally.rows);
                bar.set_message(line);
            }
            None => {
                self.next_plain = now + PLAIN_EVERY;
                eprintln!("{line}");
            }
        }
    }

    /// Takes the line away.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Rows, rate, outcomes, cost and time left. `projected`: what this run has spent, and what it will have by the end.
fn line(
    job: &JobRecord,
    rows_at_begin: u64,
    elapsed: Duration,
    projected: Option<(NanoUsd, NanoUsd)>,
) -> String {
    let tally = &job.counters.tally;
    let total = job.split.as_ref().map(|split| split.rows);
    let of = total.map_or("?".to_string(), |rows| rows.to_string());
    let rate = (tally.rows - rows_at_begin) as f64 / elapsed.as_secs_f64().max(0.001);
    let left = match total {
        _ if job.is_done() => ", writing outputs".to_string(),
        Some(rows) if rate > 0.0 => {
            let seconds = (rows - tally.rows) as f64 / rate;
            format!(", {} left", span(Duration::from_secs_f64(seconds.min(1e9))))
        }
        _ => String::new(),
    };
    let cost = match projected {
        Some((spent, all)) => format!("{} USD of about {}", cents(spent), cents(all)),
        None => format!("{} USD", cents(tally.total_cost())),
    };
    format!(
        "{}/{of} rows, {rate:.0}/s, {} coded, {} insufficient, {} empty, {} failed, {cost}{left}",
        tally.rows, tally.coded, tally.insufficient, tally.empty, tally.failed,
    )
}

/// A span of time for people.
pub fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..=9 => format!("{:.1} s", duration.as_secs_f64()),
        10..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::identity;
    use crate::core::plan::SplitTotals;
    use crate::core::tally::Tally;

    #[test]
    fn the_line_says_rows_rate_outcomes_cost_and_time_left() {
        let spec = identity::tests::spec();
        let mut job = JobRecord::new(identity::job_id(&spec), spec, 0);
        job.split = Some(SplitTotals {
            chunks: 20,
            rows: 2000,
            failed_records: 0,
        });
        job.counters.tally = Tally {
            rows: 500,
            coded: 490,
            empty: 4,
            failed: 6,
            cost: NanoUsd(1_250_000_000),
            ..Tally::default()
        };
        let line = |projected| super::line(&job, 100, Duration::from_secs(2), projected);
        assert_eq!(
            line(None),
            "500/2000 rows, 200/s, 490 coded, 0 insufficient, 4 empty, 6 failed, 1.25 USD, 7.5 s left"
        );
        let projected = Some((NanoUsd(1_300_000_000), NanoUsd(5_210_000_000)));
        assert!(line(projected).contains(", 1.30 USD of about 5.21, "));
    }

    #[test]
    fn spans_are_short() {
        let of = |seconds| span(Duration::from_secs(seconds));
        assert_eq!(
            [of(3), of(90), of(600), of(9000)],
            ["3.0 s", "90 s", "10 min", "2 h 30 min"]
        );
    }
}
