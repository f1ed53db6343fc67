//! The sum as it is printed: for people line by line, for programs as JSON.

use std::io::Write;

use serde::Serialize;

use super::{CapacityArgs, Sum};
use crate::pacing::capacity::CallTokens;

/// As `--json` prints it; fields are only ever added.
#[derive(Debug, Serialize)]
pub(super) struct Printed<'a> {
    model: &'a str,
    worker_tasks_max: u64,
    /// None: no quota is told.
    useful_calls_in_flight: Option<u64>,
    tokens_charged_per_call: u64,
    tokens_reserved_per_call: u64,
    calls_per_minute: Option<f64>,
    /// `tokens`, `requests`, `reservations` or `unknown`.
    bound_by: &'static str,
    rows_per_hour: Option<u64>,
    latency_s: f64,
    is_latency_assumed: bool,
    notes: &'a [String],
}

impl Sum {
    fn rows_per_hour(&self, args: &CapacityArgs) -> Option<u64> {
        let answers = self.fed.answers_per_minute(self.latency_s)?;
        Some((answers * 60.0 * f64::from(args.batch_size)) as u64)
    }

    /// For `--json`.
    pub(super) fn printed<'s>(&'s self, args: &'s CapacityArgs) -> Printed<'s> {
        let fed = &self.fed;
        Printed {
            model: &args.model,
            worker_tasks_max: fed.worker_tasks_max,
            useful_calls_in_flight: fed.useful_calls_in_flight,
            tokens_charged_per_call: self.call.charged(),
            tokens_reserved_per_call: self.call.reserved(),
            calls_per_minute: fed.calls_per_minute,
            bound_by: fed.bound.name(),
            rows_per_hour: self.rows_per_hour(args),
            latency_s: self.latency_s,
            is_latency_assumed: args.latency_s.is_none(),
            notes: &self.notes,
        }
    }

    /// The arithmetic, line by line.
    ///
    /// # Errors
    /// `out` cannot be written.
    pub(super) fn table(&self, args: &CapacityArgs, out: &mut dyn Write) -> anyhow::Result<()> {
        let Sum {
            call,
            latency_s,
            fed,
            notes,
        } = self;
        let CallTokens {
            input,
            cache_read,
            output,
            max_tokens,
            burndown,
        } = call;
        let mut line = |what: &str, sum: String| writeln!(out, "{what:<24}{sum}");
        line("model", args.model.clone())?;
        let batch = args.batch_size;
        line(
            "a call",
            format!(
                "{batch} reports of {} bytes, {}",
                args.text_bytes, args.problem
            ),
        )?;
        let (charged, reserved) = (call.charged(), call.reserved());
        line(
            "tokens charged",
            format!("{input} input + {output} output x {burndown} = {charged}"),
        )?;
        line(
            "tokens reserved",
            format!(
                "{input} input + {cache_read} cached + {max_tokens} output at most = {reserved}"
            ),
        )?;
        line("latency", format!("{latency_s} s"))?;
        if let (Some(rate), Some(by_rate)) = (fed.calls_per_minute, fed.by_rate) {
            let by_tokens = args
                .tokens_per_minute
                .map(|limit| format!("{limit} / {charged}"));
            let by_requests = args.requests_per_minute.map(|limit| limit.to_string());
            let limits: Vec<String> = by_tokens.into_iter().chain(by_requests).collect();
            let limits = match limits.len() {
                1 => limits.concat(),
                _ => format!("min({})", limits.join(", ")),
            };
            line("calls a minute", format!("{limits} = {rate:.1}"))?;
            line(
                "in flight by rate",
                format!("{rate:.1} / 60 x {latency_s} = {by_rate:.1}"),
            )?;
        }
        if let (Some(limit), Some(held)) = (args.tokens_per_minute, fed.by_reservations) {
            line(
                "in flight by room",
                format!("{limit} / {reserved} = {held:.1}"),
            )?;
        }
        if let Some(useful) = fed.useful_calls_in_flight {
            line("useful calls in flight", useful.to_string())?;
        }
        if let Some(rows) = self.rows_per_hour(args) {
            line("rows an hour", rows.to_string())?;
        }
        let tasks = match fed.useful_calls_in_flight {
            Some(useful) => format!(
                "{useful} / {} a task = {}",
                args.calls_in_flight, fed.worker_tasks_max
            ),
            None => fed.worker_tasks_max.to_string(),
        };
        line("worker tasks at most", tasks)?;
        for note in notes {
            writeln!(out, "note: {note}")?;
        }
        Ok(())
    }
}
