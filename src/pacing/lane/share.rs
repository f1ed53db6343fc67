//! The process's part of a lane that the fleet shares: until when it holds, what is to be told of it, and when.

use std::time::Duration;

use crate::core::lane::{LaneAsk, LaneNews, LaneReport, LaneShare, Rates};

/// What a keeper has to tell the ledger.
#[derive(Debug, Clone, Copy)]
pub enum Say {
    /// It asks for its part, for so many calls at once.
    Ask(LaneAsk),
    /// It tells, and asks for nothing.
    Report(LaneReport),
}

/// What holds the next call back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeldBy {
    Tokens,
    /// Or there is no part at all.
    Requests,
}

/// The part, and what became of calls since the last word about it.
#[derive(Debug, Clone, Default)]
pub(super) struct Shared {
    /// Told of the lane's whole quota.
    pub(super) told: Rates,
    /// The part ends then; nothing starts after that.
    until: Duration,
    /// It is to be renewed then.
    renew: Duration,
    /// Nothing starts before this.
    pub(super) pause_until: Duration,
    /// Nothing is free yet.
    is_empty: bool,
    /// When the last word was said; none: none was.
    said: Option<Duration>,
    number: u64,
    /// The word that was not heard yet.
    unheard: Option<Say>,
    news: LaneNews,
    /// Since when the news are.
    since: Duration,
    /// Most calls in progress since then.
    most_calls: u64,
    /// The books' sums then.
    taken: f64,
    accepted: i64,
    held: Option<(Duration, HeldBy)>,
    /// The last word was that nothing was held back.
    was_modest: bool,
    /// The whole lane shall pause for so long.
    pause_wish: Duration,
    /// No two words are closer.
    pub(super) gap: Duration,
    /// The keeper sleeps until then; none: until it is woken.
    pub(super) armed: Option<Duration>,
}

impl Shared {
    pub(super) fn new(told: Rates, now: Duration) -> Shared {
        Shared {
            told,
            since: now,
            ..Shared::default()
        }
    }

    /// Whether no call may start.
    pub(super) fn is_closed(&self, now: Duration) -> bool {
        self.is_empty || self.until <= now
    }

    /// Calls in progress, for the weight.
    pub(super) fn note_calls(&mut self, calls: u64) {
        self.most_calls = self.most_calls.max(calls);
    }

    /// The head of the line is held back, or nobody is any more.
    pub(super) fn hold(&mut self, now: Duration, by: Option<HeldBy>) {
        if let Some((since, by)) = self.held.take() {
            let held_ms = now.saturating_sub(since).as_millis() as u64;
            match by {
                HeldBy::Tokens => self.news.held_tokens_ms += held_ms,
                HeldBy::Requests => self.news.held_requests_ms += held_ms,
            }
        }
        self.held = by.map(|by| (now, by));
    }

    /// A call was refused that had started under the present epoch.
    pub(super) fn refused(&mut self, tokens: bool, requests: bool) {
        self.news.refused_tokens += u64::from(tokens);
        self.news.refused_requests += u64::from(requests);
    }

    /// The whole lane shall pause.
    pub(super) fn wish_pause(&mut self, pause: Duration) {
        self.pause_wish = self.pause_wish.max(pause);
    }

    /// When something is to be told, with `calls` in progress; none: nothing is, as things are.
    pub(super) fn due(&self, now: Duration, calls: u64) -> Option<Duration> {
        let earliest = self.said.map_or(now, |said| said + self.gap);
        let is_refused = self.news.refused_tokens + self.news.refused_requests > 0;
        let is_short = self.held.is_some() && (self.was_modest || self.is_closed(now));
        if self.unheard.is_some() || !self.pause_wish.is_zero() || is_refused || is_short {
            return Some(earliest);
        }
        self.is_in_use(now, calls).then(|| self.renew.max(earliest))
    }

    /// Whether there is a part, or calls that want one.
    pub(super) fn is_in_use(&self, now: Duration, calls: u64) -> bool {
        self.until > now || calls > 0 || self.most_calls > 0
    }

    /// What is to be told now. The same until it was heard. `taken` and `accepted` are the books' sums.
    pub(super) fn say(
        &mut self,
        now: Duration,
        calls: u64,
        (taken, accepted): (f64, i64),
        epoch: u64,
    ) -> Say {
        self.said = Some(now);
        if let Some(unheard) = self.unheard {
            return unheard;
        }
        self.hold(now, self.held.map(|(_, by)| by));
        self.number += 1;
        let news = LaneNews {
            epoch,
            passed_ms: now.saturating_sub(self.since).as_millis() as u64,
            accepted: accepted - self.accepted,
            taken_tokens: (taken - self.taken) as i64,
            ..std::mem::take(&mut self.news)
        };
        // What was rounded away is told the next time.
        self.taken += news.taken_tokens as f64;
        self.accepted = accepted;
        self.since = now;
        self.was_modest = news.held_tokens_ms + news.held_requests_ms == 0;
        let weight = std::mem::take(&mut self.most_calls).max(calls);
        let pause = std::mem::take(&mut self.pause_wish);
        let number = self.number;
        let said = if weight == 0 || !pause.is_zero() {
            Say::Report(LaneReport {
                number,
                news,
                leaves: weight == 0,
                pause_ms: pause.as_millis() as u64,
            })
        } else {
            Say::Ask(LaneAsk {
                number,
                told: self.told,
                weight,
                gap_ms: self.gap.as_millis() as u64,
                news,
            })
        };
        self.unheard = Some(said);
        said
    }

    /// The process does not want its part any more; none: it has none.
    pub(super) fn leave(&mut self, now: Duration) -> Option<LaneReport> {
        if std::mem::take(&mut self.until) <= now {
            return None;
        }
        self.number += 1;
        Some(LaneReport {
            number: self.number,
            leaves: true,
            ..LaneReport::default()
        })
    }

    /// A report was heard.
    pub(super) fn heard(&mut self, asked: Duration) {
        match self.unheard.take() {
            Some(Say::Report(report)) if report.leaves => self.until = Duration::ZERO,
            _ => self.renew = asked,
        }
    }

    /// An ask was answered.
    pub(super) fn set(&mut self, asked: Duration, share: &LaneShare) {
        self.unheard = None;
        let ms = Duration::from_millis;
        self.until = asked + ms(share.lease_ms);
        self.renew = asked + ms(share.renew_ms);
        if share.pause_ms > 0 {
            self.pause_until = asked + ms(share.pause_ms);
        }
        let Rates { tokens, requests } = share.rates;
        self.is_empty = [tokens, requests].contains(&Some(0.0));
    }
}
