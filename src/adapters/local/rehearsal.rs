//! The offline model in the guise of a paid one: answers cost something, take time, are booked and kept. For tests and
//! rehearsals of what happens to paid work when processes die; it never leaves the machine.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use super::precedents::{self, PrecedentsModel};
use crate::core::identity::sha256_hex;
use crate::core::money::{Price, Usage};
use crate::core::outcome::AnsweredBy;
use crate::ports::error::{PortError, PortResult};
use crate::ports::model::{Answer, ModelInfo, Request};
use crate::ports::{Clock, Model};
use crate::precedents::CodedReports;
use crate::terms::TermTable;

/// The model's id, in specs and on the command line.
pub const MODEL_ID: &str = "rehearsal";

/// Calls take this long, in milliseconds (environment).
pub const LATENCY_VARIABLE: &str = "ANNEXA_REHEARSAL_LATENCY_MS";
/// A file that gets one line for each text of each call, its SHA-256, before the call is answered (environment).
pub const LOG_VARIABLE: &str = "ANNEXA_REHEARSAL_LOG";
/// A file with the number of calls of this process that are answered; further ones wait until it says more, or is gone
/// (environment). It holds a run at a known place for as long as somebody looks at it.
pub const GATE_VARIABLE: &str = "ANNEXA_REHEARSAL_GATE";

/// Time between two looks at the gate.
const GATE_EVERY: Duration = Duration::from_millis(10);

/// About four characters of English a token: good enough for a rehearsal.
const CHARS_PER_TOKEN: u64 = 4;

/// The rehearsal model.
pub struct RehearsalModel {
    info: ModelInfo,
    inner: PrecedentsModel,
    clock: Arc<dyn Clock>,
    latency: Duration,
    log: Option<PathBuf>,
    gate: Option<PathBuf>,
    /// Calls that came to the gate.
    calls: AtomicU64,
}

/// What its tokens cost. Made up: 1 and 5 US dollars per million.
pub const PRICE: Price = Price {
    input_pico_usd: 1_000_000,
    output_pico_usd: 5_000_000,
    cache_read_pico_usd: 100_000,
    cache_write_pico_usd: 1_250_000,
    long_prompt: None,
};

/// What is fixed about the rehearsal model.
pub fn info(coded: &CodedReports) -> ModelInfo {
    ModelInfo {
        model_id: MODEL_ID.to_string(),
        answered_by: AnsweredBy::Model,
        price: Some(PRICE),
        is_paid: true,
        ..precedents::info(coded)
    }
}

impl RehearsalModel {
    /// Set up from the environment.
    pub fn open(
        terms: Arc<TermTable>,
        clock: Arc<dyn Clock>,
        coded: &CodedReports,
    ) -> PortResult<RehearsalModel> {
        let latency_ms = match std::env::var(LATENCY_VARIABLE) {
            Ok(text) => text.parse().map_err(|_| {
                PortError::permanent_job(format!(
                    "{LATENCY_VARIABLE} is '{text}': expected milliseconds"
                ))
            })?,
            Err(_) => 0,
        };
        Ok(RehearsalModel {
            info: info(coded),
            inner: PrecedentsModel::of(terms, coded),
            clock,
            latency: Duration::from_millis(latency_ms),
            log: std::env::var_os(LOG_VARIABLE).map(PathBuf::from),
            gate: std::env::var_os(GATE_VARIABLE).map(PathBuf::from),
            calls: AtomicU64::new(0),
        })
    }

    /// Waits until the gate lets this call through.
    async fn wait_at_gate(&self) -> PortResult<()> {
        let Some(path) = &self.gate else {
            return Ok(());
        };
        let own = self.calls.fetch_add(1, Ordering::Relaxed);
        loop {
            let text = match std::fs::read_to_string(path) {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
                text => text.map_err(|error| unusable(path, &error))?,
            };
            let open = text.trim().parse::<u64>();
            if own < open.map_err(|error| unusable(path, &error))? {
                return Ok(());
            }
            self.clock.sleep(GATE_EVERY).await;
        }
    }

    /// One write for the whole call: appended lines of several processes do not mix.
    fn note(&self, request: &Request) -> PortResult<()> {
        let Some(path) = &self.log else { return Ok(()) };
        let lines: String = request
            .incidents
            .iter()
            .map(|incident| sha256_hex(incident.text.as_bytes()) + "\n")
            .collect();
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .and_then(|mut file| file.write_all(lines.as_bytes()))
            .map_err(|error| unusable(path, &error))
    }
}

fn unusable(path: &Path, error: &dyn std::error::Error) -> PortError {
    PortError::permanent_job(format!("{}: {error}", path.display()))
}

#[async_trait]
impl Model for RehearsalModel {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    async fn answer(&self, request: &Request) -> PortResult<Answer> {
        self.note(request)?;
        self.wait_at_gate().await?;
        self.clock.sleep(self.latency).await;
        let answer = self.inner.answer(request).await?;
        let sent: usize = request
            .incidents
            .iter()
            .map(|incident| incident.text.len())
            .sum();
        let received = answer
            .tool_input
            .as_ref()
            .map_or(0, |input| input.to_string().len());
        let usage = Usage {
            input_tokens: sent as u64 / CHARS_PER_TOKEN,
            output_tokens: received as u64 / CHARS_PER_TOKEN,
            ..Usage::default()
        };
        let request_id = format!("rehearsal-{:016x}", self.clock.random());
        Ok(Answer {
            usage,
            latency: self.latency,
            request_id,
            ..answer
        })
    }
}
