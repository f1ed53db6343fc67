//! One lane as the service keeps it: the quotas of the minute and of the day, and the prompt cache.
//!
//! Time is passed in, so that all of it can be tested without waiting.

use std::collections::HashMap;
use std::time::Duration;

use super::SimSetup;
use super::models::ModelRules;
use super::prefix::CacheTtl;
use super::request::Asked;
use crate::core::money::Usage;
use crate::pacing::quota::{Quota, QuotaSetup, Refused, reserved_tokens, settled_tokens};

const DAY: Duration = Duration::from_secs(86_400);
const HOUR: Duration = Duration::from_secs(3_600);

/// Why a call may not start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoStart {
    /// The quota of the minute.
    Minute(Refused),
    /// The quota of the day.
    Day,
}

/// The use of the prompt cache that a call makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cached {
    /// What it is known by.
    pub(super) sha256: [u8; 32],
    /// It was there; else this call writes it.
    pub(super) is_read: bool,
    ttl: Duration,
    asked_ttl: CacheTtl,
}

impl Cached {
    /// How long it lasts, as the service names it.
    pub(super) fn ttl_name(&self) -> &'static str {
        match self.asked_ttl {
            CacheTtl::Short => "5m",
            CacheTtl::Long => "1h",
        }
    }
}

/// What a call that was let in has taken.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ticket {
    /// What goes in; the output is not known yet.
    pub(super) usage: Usage,
    /// The use of the prompt cache; none: nothing to be cached, or too little.
    pub(super) cached: Option<Cached>,
    reserved: u64,
}

/// A lane.
pub(super) struct Lane {
    quota: Quota,
    /// Prefixes, and until when each lasts.
    cache: HashMap<[u8; 32], Duration>,
    day_began: Duration,
    of_day: u64,
}

impl Lane {
    /// A lane with full quotas and an empty cache.
    pub(super) fn new(setup: &SimSetup, rules: &ModelRules, now: Duration) -> Lane {
        let quota = QuotaSetup {
            tokens_per_minute: setup.settings.tokens_per_minute,
            requests_per_minute: setup.settings.requests_per_minute,
            bucket: setup.bucket,
            refill: setup.refill,
            burndown: setup.burndown.unwrap_or(rules.burndown),
        };
        Lane {
            quota: Quota::new(quota, now),
            cache: HashMap::new(),
            day_began: now,
            of_day: 0,
        }
    }

    /// Changes the quota of the minute.
    pub(super) fn set_limits(&mut self, now: Duration, tpm: Option<u64>, rpm: Option<u64>) {
        self.quota.set_limits(now, tpm, rpm);
    }

    /// Lets a call in, or not; a call that is not let in takes nothing.
    pub(super) fn start(
        &mut self,
        now: Duration,
        asked: &Asked,
        rules: &ModelRules,
        setup: &SimSetup,
    ) -> Result<Ticket, NoStart> {
        if now.saturating_sub(self.day_began) >= DAY {
            (self.day_began, self.of_day) = (now, 0);
        }
        let daily = setup.settings.daily_tokens;
        if daily.is_some_and(|limit| self.of_day >= limit) {
            return Err(NoStart::Day);
        }
        let (usage, cached) = self.prompt(now, asked, rules, setup);
        let cache_tokens = usage.cache_read_tokens + usage.cache_write_tokens;
        let reserved = reserved_tokens(usage.input_tokens, cache_tokens, asked.max_tokens);
        self.quota.start(now, reserved).map_err(NoStart::Minute)?;
        if let Some(read) = cached.filter(|cached| cached.is_read) {
            self.cache.insert(read.sha256, now + read.ttl);
        }
        Ok(Ticket {
            usage,
            cached,
            reserved,
        })
    }

    /// The tokens that go in, by kind.
    fn prompt(
        &self,
        now: Duration,
        asked: &Asked,
        rules: &ModelRules,
        setup: &SimSetup,
    ) -> (Usage, Option<Cached>) {
        let mut usage = Usage {
            input_tokens: rules.tokens(asked.other_bytes),
            ..Usage::default()
        };
        let Some(prefix) = &asked.prefix else {
            return (usage, None);
        };
        let tokens = rules.tokens(prefix.bytes);
        let minimum = setup.cache_minimum_tokens.or(rules.cache_minimum_tokens);
        if minimum.is_none_or(|minimum| tokens < minimum) {
            usage.input_tokens += tokens;
            return (usage, None);
        }
        let lasts_until = self.cache.get(&prefix.sha256);
        let is_read = lasts_until.is_some_and(|until| now < *until);
        let kind = if is_read {
            &mut usage.cache_read_tokens
        } else {
            &mut usage.cache_write_tokens
        };
        *kind = tokens;
        let cached = Cached {
            sha256: prefix.sha256,
            is_read,
            asked_ttl: prefix.ttl,
            ttl: match prefix.ttl {
                CacheTtl::Short => setup.cache_ttl,
                CacheTtl::Long => HOUR,
            },
        };
        (usage, Some(cached))
    }

    /// Settles a call that was answered with so many output tokens: what it used, and what that counts.
    pub(super) fn answered(
        &mut self,
        now: Duration,
        ticket: &Ticket,
        output_tokens: u64,
    ) -> (Usage, u64) {
        let usage = Usage {
            output_tokens,
            ..ticket.usage
        };
        let settled = settled_tokens(&usage, self.quota.setup().burndown);
        self.quota.settle(now, ticket.reserved, settled);
        self.of_day += settled;
        if let Some(cached) = ticket.cached {
            // A cold call's prefix is there from its end on: until then others write it too.
            self.cache.retain(|_, until| now < *until);
            self.cache.insert(cached.sha256, now + cached.ttl);
        }
        (usage, settled)
    }

    /// Settles a call that failed within the service: all comes back.
    pub(super) fn failed(&mut self, now: Duration, ticket: &Ticket) {
        self.quota.settle(now, ticket.reserved, 0);
    }
}

#[cfg(test)]
#[path = "lane_tests.rs"]
mod tests;
