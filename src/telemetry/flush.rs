//! Writes the metrics of a service every now and then, and nothing while nothing happens.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::emf::{Metric, line};
use super::metrics::{COUNTS, Count, Metrics};
use super::names;
use crate::pacing::lane::LaneSnapshot;
use crate::ports::{Clock, Queue};

/// How long the queue's counts may keep a line waiting.
const DEPTH_WAIT: Duration = Duration::from_secs(5);

/// What tells of the lanes, by name.
pub type Lanes = Box<dyn Fn() -> Vec<(String, LaneSnapshot)> + Send + Sync>;

/// What tells of a role's own counts: names, and how often since the start; always the same names in the same order.
pub type Counts = Box<dyn Fn() -> Vec<(&'static str, u64)> + Send + Sync>;

/// A value as it stands: name, CloudWatch's unit, value.
pub type Gauge = (&'static str, &'static str, f64);

/// What tells of a role's own gauges; always the same names in the same order.
pub type Gauges = Box<dyn Fn() -> Vec<Gauge> + Send + Sync>;

/// Writes the metrics of one service.
pub struct Flusher {
    fleet: String,
    service: &'static str,
    metrics: Arc<Metrics>,
    clock: Arc<dyn Clock>,
    every: Duration,
    /// The queue that the service works on.
    queue: Arc<dyn Queue>,
    lanes: Option<Lanes>,
    counts: Option<Counts>,
    gauges: Option<Gauges>,
    out: Mutex<Box<dyn Write + Send>>,
    before: Mutex<Before>,
}

/// What was written last.
#[derive(Default)]
struct Before {
    at: Duration,
    counts: [u64; COUNTS.len()],
    settled_tokens: BTreeMap<String, u64>,
    own: BTreeMap<&'static str, u64>,
    /// Metrics that were not 0 once. The others are left out: CloudWatch bills each name.
    known: BTreeSet<&'static str>,
    values: Vec<f64>,
}

impl Flusher {
    /// Writes lines for `service` of `fleet` to `out`.
    pub fn new(
        fleet: &str,
        service: &'static str,
        metrics: Arc<Metrics>,
        clock: Arc<dyn Clock>,
        every: Duration,
        queue: Arc<dyn Queue>,
        out: Box<dyn Write + Send>,
    ) -> Flusher {
        let before = Before {
            at: clock.monotonic(),
            ..Before::default()
        };
        Flusher {
            fleet: fleet.to_string(),
            service,
            metrics,
            clock,
            every,
            queue,
            lanes: None,
            counts: None,
            gauges: None,
            out: Mutex::new(out),
            before: Mutex::new(before),
        }
    }

    /// The same, with the use of lanes.
    pub fn with_lanes(mut self, lanes: Lanes) -> Flusher {
        self.lanes = Some(lanes);
        self
    }

    /// The same, with counts of the role's own.
    pub fn with_counts(mut self, counts: Counts) -> Flusher {
        self.counts = Some(counts);
        self
    }

    /// The same, with gauges of the role's own.
    pub fn with_gauges(mut self, gauges: Gauges) -> Flusher {
        self.gauges = Some(gauges);
        self
    }

    /// Writes for ever: in the middle of each interval of wall time, so that each minute has its line however long one
    /// takes. Scaling and alarms look at whole minutes.
    pub async fn run(&self) {
        loop {
            self.clock.sleep(self.until_next()).await;
            self.flush().await;
        }
    }

    fn until_next(&self) -> Duration {
        let every_ms = (self.every.as_millis() as u64).max(1);
        let into_ms = (self.clock.now_ms() + every_ms / 2) % every_ms;
        Duration::from_millis(every_ms - into_ms)
    }

    /// Writes what has happened since the last time, and what stands; nothing if there is neither.
    pub async fn flush(&self) {
        let now_ms = self.clock.now_ms();
        let backlog = self.backlog().await;
        let text = {
            let mut before = self.before.lock().expect("no panic while held");
            let mut metrics = self.measure(&mut before, backlog);
            let seen = metrics.iter().filter(|metric| metric.value != 0.0);
            before.known.extend(seen.map(|metric| metric.name));
            metrics.retain(|metric| before.known.contains(metric.name));
            let is_named =
                |metric: &Metric| names::is_named(self.service, metric.name, metric.unit);
            debug_assert!(
                metrics.iter().all(is_named),
                "a metric without a name: {metrics:?}"
            );
            let values: Vec<f64> = metrics.iter().map(|metric| metric.value).collect();
            if values.iter().all(|value| *value == 0.0) && before.values.iter().all(|v| *v == 0.0) {
                return;
            }
            before.values = values;
            line(&self.fleet, self.service, now_ms, &metrics)
        };
        let mut out = self.out.lock().expect("no panic while held");
        // A reader that has gone ends no work.
        let _ = writeln!(out, "{text}").and_then(|()| out.flush());
    }

    /// Messages that wait, for each process that works on the queue: so many as have what this one has in hand, of all that is
    /// in hand. Asked only while there is work: an idle service asks nobody.
    async fn backlog(&self) -> f64 {
        let in_hand = self.metrics.in_hand();
        let received = self.metrics.get(Count::Received);
        let was_received = {
            let before = self.before.lock().expect("no panic while held");
            before.counts[Count::Received as usize]
        };
        if in_hand == 0 && received == was_received {
            return 0.0;
        }
        let depth = tokio::select! {
            biased;
            depth = self.queue.depth() => depth,
            () = self.clock.sleep(DEPTH_WAIT) => return 0.0,
        };
        depth.map_or(0.0, |depth| {
            let processes = depth.in_flight as f64 / in_hand.max(1) as f64;
            depth.visible as f64 / processes.max(1.0)
        })
    }

    fn measure(&self, before: &mut Before, backlog: f64) -> Vec<Metric> {
        let mut metrics: Vec<Metric> = COUNTS
            .iter()
            .map(|(count, name, unit)| {
                let now = self.metrics.get(*count);
                let since = now - std::mem::replace(&mut before.counts[*count as usize], now);
                let value = match count {
                    Count::Cost => since as f64 / 1e9,
                    _ => since as f64,
                };
                Metric { name, unit, value }
            })
            .collect();
        for (name, total) in self.counts.iter().flat_map(|counts| counts()) {
            let was = before.own.insert(name, total).unwrap_or_default();
            let value = total.saturating_sub(was) as f64;
            metrics.push(Metric {
                name,
                unit: "Count",
                value,
            });
        }
        let mut gauge = |name, unit, value| metrics.push(Metric { name, unit, value });
        for (name, unit, value) in self.gauges.iter().flat_map(|gauges| gauges()) {
            gauge(name, unit, round(value));
        }
        gauge("InHand", "Count", self.metrics.in_hand() as f64);
        let oldest_s = self.metrics.take_oldest_ms() as f64 / 1e3;
        gauge("OldestMessageAge", "Seconds", oldest_s);
        gauge("BacklogPerWorker", "Count", round(backlog));
        let now = self.clock.monotonic();
        let span = now.saturating_sub(std::mem::replace(&mut before.at, now));
        if let Some(lanes) = &self.lanes {
            let used = lane_use(&lanes(), &mut before.settled_tokens, span);
            gauge("LaneUse", "Percent", round(used));
        }
        metrics
    }
}

/// Tokens settled in `span` as a percentage of what the limit lets through, of the lane that is used most.
fn lane_use(
    lanes: &[(String, LaneSnapshot)],
    before: &mut BTreeMap<String, u64>,
    span: Duration,
) -> f64 {
    let mut most = 0.0_f64;
    for (name, lane) in lanes {
        let was = before
            .insert(name.clone(), lane.settled_tokens)
            .unwrap_or_default();
        let settled = lane.settled_tokens.saturating_sub(was) as f64;
        let room = lane.tokens_per_minute.unwrap_or_default() as f64 * span.as_secs_f64() / 60.0;
        if room > 0.0 {
            most = most.max(100.0 * settled / room);
        }
    }
    most
}

fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests;
