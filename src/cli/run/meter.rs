//! What calls really took, seen where they pass: corrects the estimate while a job runs.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use crate::coding::incidents::incident_bytes;
use crate::coding::tokens::{TokenBook, message_bytes};
use crate::coding::workload::{Workload, cost_of, project};
use crate::core::money::NanoUsd;
use crate::ports::Model;
use crate::ports::error::{ErrorClass, PortResult};
use crate::ports::model::{Answer, ModelInfo, Request, StopReason};

/// Calls between two lines of the log.
const LOG_EVERY: u64 = 100;

/// A model whose answers are counted.
pub struct MeteredModel {
    inner: Arc<dyn Model>,
    meter: Arc<Meter>,
}

/// What was counted, and what it says of the whole.
pub struct Meter {
    workload: Workload,
    info: ModelInfo,
    book: TokenBook,
    done: Mutex<Done>,
}

/// What this run has asked so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// What is spent now, and by the end; none: not known yet.
    pub projected: Option<(NanoUsd, NanoUsd)>,
    /// Calls that the quota refused.
    pub throttles: u64,
    /// Calls that have begun and not ended.
    pub in_flight: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Done {
    in_flight: u64,
    calls: u64,
    throttles: u64,
    planned_calls: u64,
    reports: u64,
    message_bytes: u64,
    cost: NanoUsd,
}

impl MeteredModel {
    /// Counts the answers of `inner`, of which `workload` is to be asked.
    pub fn new(inner: Arc<dyn Model>, workload: Workload, problems: usize) -> MeteredModel {
        let info = inner.info().clone();
        let meter = Meter {
            book: TokenBook::new(info.service.as_ref(), problems),
            workload,
            info,
            done: Mutex::default(),
        };
        MeteredModel {
            inner,
            meter: Arc::new(meter),
        }
    }

    /// What is counted.
    pub fn meter(&self) -> Arc<Meter> {
        self.meter.clone()
    }
}

#[async_trait]
impl Model for MeteredModel {
    fn info(&self) -> &ModelInfo {
        self.inner.info()
    }

    async fn answer(&self, request: &Request) -> PortResult<Answer> {
        let _flight = InFlight::begin(&self.meter);
        let answer = self.inner.answer(request).await;
        match &answer {
            Ok(answer) => self.meter.count(request, answer),
            Err(error) if error.class == ErrorClass::Throttled => {
                let mut done = self.meter.done.lock().expect("no panic while held");
                done.throttles += 1;
            }
            Err(_) => {}
        }
        answer
    }
}

/// A call that has begun; it counts until this is dropped, also where nobody waits for its end.
struct InFlight<'m>(&'m Meter);

impl InFlight<'_> {
    fn begin(meter: &Meter) -> InFlight<'_> {
        meter.done.lock().expect("no panic while held").in_flight += 1;
        InFlight(meter)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        let mut done = self.0.done.lock().expect("no panic while held");
        done.in_flight -= 1;
    }
}

impl Meter {
    fn count(&self, request: &Request, answer: &Answer) {
        let reports = request.incidents.len();
        let bytes = message_bytes(request.incidents.iter().map(incident_bytes));
        let was_cut = answer.stop == StopReason::MaxTokens;
        self.book.learn(reports, bytes, &answer.usage, was_cut);
        let mut done = self.done.lock().expect("no panic while held");
        done.calls += 1;
        // A repair, and a call that is made again with more room, were not planned.
        let is_planned = !was_cut && request.incidents.iter().all(|i| i.fault.is_none());
        if is_planned {
            done.planned_calls += 1;
            done.reports += reports as u64;
            done.message_bytes += bytes;
        }
        if let Some(price) = &self.info.price {
            done.cost += answer.usage.cost(price);
        }
        let calls = done.calls;
        drop(done);
        if calls.is_multiple_of(LOG_EVERY)
            && let Some((spent, all)) = self.projected()
        {
            tracing::info!(calls, %spent, projected = %all, "cost so far and by the end, in US dollars");
        }
    }

    /// What is counted now.
    pub fn seen(&self) -> Seen {
        let projected = self.projected();
        let done = self.done.lock().expect("no panic while held");
        Seen {
            projected,
            throttles: done.throttles,
            in_flight: done.in_flight,
        }
    }

    /// What is spent now, and what this run will have spent in the end by what answers took so far; none: the price is
    /// not known, or nothing was answered yet.
    pub fn projected(&self) -> Option<(NanoUsd, NanoUsd)> {
        let done = *self.done.lock().expect("no panic while held");
        let price = self.info.price.as_ref()?;
        if done.calls == 0 {
            return None;
        }
        let left = project(
            &self.book,
            self.workload.calls.saturating_sub(done.planned_calls),
            (self.workload.asked_texts + self.workload.sampled_texts).saturating_sub(done.reports),
            self.workload
                .message_bytes
                .saturating_sub(done.message_bytes),
            true,
        );
        Some((done.cost, done.cost + cost_of(&left.usage, price)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::local::rehearsal;
    use crate::core::money::Usage;
    use crate::core::problem::ProblemType;
    use crate::ports::model::Incident;
    use crate::precedents::CodedReports;

    /// Answers everything with the same use a byte.
    struct Even(ModelInfo);

    #[async_trait]
    impl Model for Even {
        fn info(&self) -> &ModelInfo {
            &self.0
        }

        async fn answer(&self, request: &Request) -> PortResult<Answer> {
            let bytes: usize = request.incidents.iter().map(|i| i.text.len()).sum();
            Ok(Answer {
                stop: StopReason::ToolUse,
                tool_input: None,
                usage: Usage {
                    input_tokens: bytes as u64 / 2,
                    output_tokens: 70 * request.incidents.len() as u64,
                    ..Usage::default()
                },
                latency: std::time::Duration::ZERO,
                request_id: String::new(),
            })
        }
    }

    #[tokio::test]
    async fn the_projection_goes_by_what_answers_took() {
        let text = "x".repeat(960);
        let incident = Incident {
            text,
            examples: Vec::new(),
            fault: None,
        };
        let request = Request {
            problem_type: ProblemType::Both,
            incidents: vec![incident; 2],
            max_tokens: 1_000,
            is_second_sample: false,
        };
        let workload = Workload {
            asked_texts: 200,
            calls: 100,
            message_bytes: 200_000,
            ..Workload::default()
        };
        let info = rehearsal::info(&CodedReports::builtin().unwrap());
        let model = MeteredModel::new(Arc::new(Even(info)), workload, 2);
        let meter = model.meter();
        assert_eq!(meter.projected(), None);
        assert_eq!(meter.seen().in_flight, 0);
        {
            let _flight = InFlight::begin(&meter);
            assert_eq!(meter.seen().in_flight, 1);
        }
        for _ in 0..25 {
            model.answer(&request).await.unwrap();
        }
        let (spent, all) = meter.projected().unwrap();
        // 960 + 140 x 5 micro-dollars a call.
        assert_eq!(spent, NanoUsd(25 * (960 + 700) * 1_000));
        let off = all.0 as f64 / (100.0 * 1_660.0 * 1_000.0);
        assert!((0.99..1.01).contains(&off), "{off}");
        assert_eq!(meter.seen().in_flight, 0);
    }
}
