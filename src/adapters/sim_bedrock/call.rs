//! A call from its request to its answer: let in or refused, answered by the offline model, spoilt where a fault says so,
//! settled and booked.
//!
//! A call is a task of its own. It goes on when its client has gone, as in the service, and is paid all the same.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::chance::{Draw, draw};
use super::errors::ServiceError;
use super::faults::{Fault, Stage};
use super::lane::{Lane, NoStart, Ticket};
use super::listing::Listing;
use super::models::{self, CONTEXT_TOKENS, ModelRules};
use super::reply::Said;
use super::request::Asked;
use super::server::{Outcome, Reply};
use super::service::{Service, State};
use super::spoil::spoil;
use super::stats::digests;
use super::{Counts, SimSetup};

/// A Converse request as it came.
pub(super) struct Arrived<'a> {
    pub(super) model_id: &'a str,
    pub(super) has_authorization: bool,
    pub(super) body: &'a [u8],
}

/// A call that was let in.
struct Call {
    model: String,
    rules: &'static ModelRules,
    asked: Asked,
    listing: Option<Arc<Listing>>,
    fault: Option<Fault>,
    /// Which report a fault of the answer is about.
    victim: usize,
    ticket: Ticket,
    began: Duration,
    latency: Duration,
    stall: Option<Duration>,
}

impl Service {
    /// Lets a Converse request in and begins to work on it. What becomes of it arrives later; an error has become of it now.
    pub(super) fn begin(
        self: &Arc<Self>,
        arrived: &Arrived<'_>,
    ) -> Result<oneshot::Receiver<Outcome>, Outcome> {
        let call = self.let_in(arrived)?;
        let (sender, receiver) = oneshot::channel();
        let mut calls = self.calls.lock().expect("no panic while held");
        while calls.try_join_next().is_some() {}
        calls.spawn(self.clone().work(call, sender));
        Ok(receiver)
    }

    fn let_in(&self, arrived: &Arrived<'_>) -> Result<Call, Outcome> {
        let (setup, began) = (self.setup(), self.clock.monotonic());
        let number = {
            let mut state = self.state();
            state.book.count(None, |counts| counts.requests += 1);
            state.calls += 1;
            state.calls
        };
        let unnamed = |error| self.refuse(None, error);
        if !arrived.has_authorization {
            return Err(unnamed(ServiceError::missing_authorization()));
        }
        let rules = ModelRules::find(arrived.model_id).map_err(unnamed)?;
        let model = models::name(arrived.model_id).to_string();
        self.state()
            .book
            .count_model(&model, |counts| counts.requests += 1);
        let refuse = |error| self.refuse(Some(&model), error);
        let mut asked = Asked::read(arrived.body, rules).map_err(refuse)?;
        // A prompt is long, and thousands of calls can be in work.
        let system = std::mem::take(&mut asked.system);
        let listing = match asked.problem_type {
            Some(_) => Some(self.listings.of(&system).map_err(refuse)?),
            None => None,
        };
        check_length(&asked, rules).map_err(refuse)?;
        let (fault, victim) = choose_fault(&asked, &setup, number).map_err(refuse)?;
        // A fault is counted where it hits: the quota may refuse a call before it gets that far.
        let hits = |fault: Fault| {
            let count = |counts: &mut Counts| {
                *counts.faults.entry(fault.name()).or_default() += 1;
            };
            self.state().book.count(Some(&model), count);
        };
        if let Some(fault) = fault.filter(|fault| fault.row().stage == Stage::Before) {
            hits(fault);
            return Err(match fault {
                Fault::DropBefore => Outcome::Close,
                _ => refuse(ServiceError::of(fault)),
            });
        }
        let ticket = self.start(&model, &asked, rules, &setup, began);
        let ticket = ticket.map_err(|no| {
            refuse(match no {
                NoStart::Minute(refused) => ServiceError::refused(refused),
                NoStart::Day => ServiceError::daily(),
            })
        })?;
        fault.into_iter().for_each(hits);
        Ok(Call {
            latency: setup.settings.latency.of(setup.seed, number),
            stall: setup.settings.stall,
            model,
            rules,
            asked,
            listing,
            fault,
            victim,
            ticket,
            began,
        })
    }

    fn start(
        &self,
        model: &str,
        asked: &Asked,
        rules: &ModelRules,
        setup: &SimSetup,
        now: Duration,
    ) -> Result<Ticket, NoStart> {
        let mut state = self.state();
        let lane = state
            .lanes
            .entry(model.to_string())
            .or_insert_with(|| Lane::new(setup, rules, now));
        let ticket = lane.start(now, asked, rules, setup)?;
        state.book.begins();
        Ok(ticket)
    }

    fn refuse(&self, model: Option<&str>, error: ServiceError) -> Outcome {
        let count = |counts: &mut Counts| *counts.refused.entry(error.kind).or_default() += 1;
        self.state().book.count(model, count);
        Outcome::Whole(Reply::error(&error, Some(self.request_id())))
    }

    /// Answers a call that was let in, as late as it is to be answered.
    async fn work(self: Arc<Self>, call: Call, mut client: oneshot::Sender<Outcome>) {
        let said = self.say(&call).await;
        let mut is_silent = false;
        if call.fault == Some(Fault::Stall) {
            tokio::select! {
                () = self.pause(call.stall) => {}
                () = client.closed() => {}
                () = self.stopping.draining() => is_silent = true,
            }
        } else {
            let passed = self.clock.monotonic().saturating_sub(call.began);
            tokio::select! {
                () = self.pause(Some(call.latency.saturating_sub(passed))) => {}
                () = self.stopping.draining() => {}
            }
        }
        let model = call.model.clone();
        let is_paid = said.is_ok();
        let outcome = self.finish(call, said);
        let outcome = if is_silent { Outcome::Close } else { outcome };
        if client.send(outcome).is_err() && is_paid {
            let count = |counts: &mut Counts| counts.abandoned += 1;
            self.state().book.count(Some(&model), count);
        }
    }

    async fn pause(&self, duration: Option<Duration>) {
        match duration {
            Some(Duration::ZERO) => {}
            Some(duration) => self.clock.sleep(duration).await,
            None => std::future::pending().await,
        }
    }

    async fn say(&self, call: &Call) -> Result<Said, ServiceError> {
        if let Some(fault) = call.fault.filter(|f| f.row().stage == Stage::Reserved) {
            return Err(ServiceError::of(fault));
        }
        let asked = &call.asked;
        let mut entries = None;
        if let (Some(problem_type), Some(listing)) = (asked.problem_type, &call.listing)
            && !asked.reports.is_empty()
        {
            let made = self
                .answers
                .entries(listing, problem_type, &asked.reports)
                .await;
            let mut made = made.ok_or_else(|| ServiceError::of(Fault::Internal))?;
            if let Some(fault) = call.fault {
                spoil(fault, &mut made, call.victim, problem_type, listing);
            }
            entries = Some(made);
        }
        Ok(Said::new(entries, asked, call.rules, call.fault))
    }

    /// Settles and books the call, and words its answer.
    fn finish(&self, call: Call, said: Result<Said, ServiceError>) -> Outcome {
        let (setup, now) = (self.setup(), self.clock.monotonic());
        let latency = now.saturating_sub(call.began).max(call.latency);
        let mut state = self.state();
        let State { lanes, book, .. } = &mut *state;
        book.in_flight -= 1;
        // A reset may have taken the lane away.
        let lane = lanes
            .entry(call.model.clone())
            .or_insert_with(|| Lane::new(&setup, call.rules, now));
        let said = match said {
            Ok(said) => said,
            Err(error) => {
                lane.failed(now, &call.ticket);
                drop(state);
                return self.refuse(Some(&call.model), error);
            }
        };
        let (usage, settled) = lane.answered(now, &call.ticket, said.tokens);
        book.paid(&call.model, &usage, settled);
        if let Some(cached) = call.ticket.cached {
            book.prefix(cached.sha256, cached.is_read);
        }
        book.texts(&digests(&call.asked.reports));
        drop(state);
        let id = self.request_id();
        let body = said.body(&usage, &call.ticket, latency, &id);
        let reply = Reply::json(200, &body, Some(id));
        match call.fault {
            Some(Fault::DropAfter) => Outcome::Close,
            Some(Fault::Truncate) => Outcome::Half(reply),
            _ => Outcome::Whole(reply),
        }
    }
}

fn check_length(asked: &Asked, rules: &ModelRules) -> Result<(), ServiceError> {
    let prefix = asked.prefix.as_ref().map_or(0, |prefix| prefix.bytes);
    let tokens = rules.tokens(prefix + asked.other_bytes);
    if tokens <= CONTEXT_TOKENS {
        return Ok(());
    }
    Err(ServiceError::invalid(
        "too_long",
        format!(
            "The model returned the following errors: prompt is too long: {tokens} tokens > {CONTEXT_TOKENS} maximum"
        ),
    ))
}

/// The fault that the call gets, and which of its reports the fault is about: what a text asks for, else what is drawn.
fn choose_fault(
    asked: &Asked,
    setup: &SimSetup,
    number: u64,
) -> Result<(Option<Fault>, usize), ServiceError> {
    for (place, report) in asked.reports.iter().enumerate() {
        let wanted = Fault::asked_for(&report.text).map_err(|_| {
            ServiceError::invalid(
                "not_ours",
                "annexa sim-bedrock: a text asks for a fault that is not known: see annexa sim-bedrock --list-faults",
            )
        })?;
        if wanted.is_some() {
            return Ok((wanted, place));
        }
    }
    let fault = setup
        .settings
        .faults
        .draw(draw(setup.seed, number, Draw::Fault));
    let victim = draw(setup.seed, number, Draw::Victim) * asked.reports.len() as f64;
    Ok((fault, victim as usize))
}
