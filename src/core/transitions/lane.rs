//! Who may use how much of a lane that a fleet shares (I9, DESIGN §7).
//!
//! A worker gets its fair part of what may be leased, by weight, as far as it is free: the sum of leases that have not run
//! out never exceeds the limit. Where others hold what is fair for it, they shrink when they renew, and it gets the rest
//! when it asks again. Leases are short, so that this takes two of them at most; and the more workers, the longer, so that
//! the record is not written too often.

mod limit;
#[cfg(test)]
mod tests;

use crate::core::lane::{LaneAsk, LaneNews, LaneRecord, LaneReport, LaneShare, Member, Rates};

/// No pause of a whole lane is longer.
pub const MOST_PAUSE_MS: u64 = 60_000;

/// A part counts as in use for so long after its holder has stopped using it: clocks differ.
const SKEW_MS: u64 = 1_000;

/// A worker asks again after this at least, after so much more with each worker, and after that at most.
const FIRST_RENEW_MS: u64 = 2_000;
const RENEW_MS_OF_WORKER: u64 = 250;
const LAST_RENEW_MS: u64 = 10_000;

/// A lease is so many times as long as the time after which it is renewed: one renewal may fail.
const LEASE_RENEWALS: u64 = 2;

/// Who got less than this of what is fair for it may ask again in half of the time.
const ENOUGH: f64 = 0.8;

/// Who was not held back wants so many times what it used.
const WANTS_OF_USE: f64 = 2.0;

/// But at least this part of what is fair: its next calls shall not have to wait for a renewal.
const LEAST_WANTED: f64 = 0.1;

/// What a worker asks for, granted as far as it is fair and free.
pub fn reserve(record: &mut LaneRecord, worker: &str, ask: &LaneAsk, now_ms: u64) -> LaneShare {
    let now_ms = expire(record, now_ms);
    let known = record.members.get(worker).copied();
    if known.is_none_or(|member| member.number != ask.number) {
        take_in(record, worker, &ask.news, now_ms);
    }
    let mut member = known.unwrap_or_default();
    let news = &ask.news;
    if news.passed_ms > 0 && known.is_none_or(|member| member.number != ask.number) {
        let per_minute =
            |amount: i64| (amount.max(0) as u64).saturating_mul(60_000) / news.passed_ms;
        member.uses = (per_minute(news.taken_tokens), per_minute(news.accepted));
    }
    let is_held = news.held_tokens_ms + news.held_requests_ms > 0 || news.passed_ms == 0;
    member.wants = match is_held {
        true => Rates::default(),
        false => Rates {
            tokens: Some(member.uses.0 as f64 * WANTS_OF_USE),
            requests: Some(member.uses.1 as f64 * WANTS_OF_USE),
        },
    };
    member.number = ask.number;
    member.weight = ask.weight.max(1);
    member.told = ask.told;
    record.members.insert(worker.to_string(), member);
    hold_to_told(record);

    let (tokens, fair_tokens) = grant(record, worker, record.tokens.rate, |rates| rates.tokens);
    let (requests, fair_requests) =
        grant(record, worker, record.requests.rate, |rates| rates.requests);
    let is_enough = tokens.unwrap_or(0.0) >= fair_tokens * ENOUGH
        && requests.unwrap_or(0.0) >= fair_requests * ENOUGH;
    let usual_ms = usual_renew_ms(record).max(ask.gap_ms);
    let renew_ms = match is_enough {
        true => usual_ms,
        false => (usual_ms / 2).max(ask.gap_ms),
    };
    let lease_ms = usual_ms * LEASE_RENEWALS;
    let rates = Rates { tokens, requests };
    if let Some(member) = record.members.get_mut(worker) {
        member.leased = rates;
        member.until_ms = now_ms + lease_ms;
    }
    LaneShare {
        rates,
        lease_ms,
        renew_ms,
        epoch: record.epoch,
        pause_ms: record.pause_until_ms.saturating_sub(now_ms),
    }
}

/// Takes in what a worker tells without asking for more.
pub fn report(record: &mut LaneRecord, worker: &str, report: &LaneReport, now_ms: u64) {
    let now_ms = expire(record, now_ms);
    let is_new = match record.members.get_mut(worker) {
        Some(member) => std::mem::replace(&mut member.number, report.number) != report.number,
        None => true,
    };
    if is_new {
        take_in(record, worker, &report.news, now_ms);
    }
    if report.pause_ms > 0 {
        let until_ms = now_ms + report.pause_ms.min(MOST_PAUSE_MS);
        record.pause_until_ms = record.pause_until_ms.max(until_ms);
    }
    if report.leaves {
        record.members.remove(worker);
    }
}

/// What of a limit is leased now: for checks, and for people.
pub fn leased(record: &LaneRecord) -> Rates {
    let sum =
        |of: fn(&Rates) -> Option<f64>| record.members.values().filter_map(|m| of(&m.leased)).sum();
    Rates {
        tokens: Some(sum(|rates| rates.tokens)),
        requests: Some(sum(|rates| rates.requests)),
    }
}

/// Forgets whose time is over. Returns the time, which never goes back.
fn expire(record: &mut LaneRecord, now_ms: u64) -> u64 {
    let now_ms = now_ms.max(record.now_ms);
    record.now_ms = now_ms;
    record
        .members
        .retain(|_, member| member.until_ms + SKEW_MS > now_ms);
    now_ms
}

/// Learns from what became of a worker's calls.
fn take_in(record: &mut LaneRecord, worker: &str, news: &LaneNews, now_ms: u64) {
    let leased = record
        .members
        .get(worker)
        .map(|m| m.leased)
        .unwrap_or_default();
    let uses = record.members.values().fold((0, 0), |sum, member| {
        (sum.0 + member.uses.0, sum.1 + member.uses.1)
    });
    // Refusals of calls that were on their way when the lane was lowered belong to that event.
    let counts = |refused: u64| {
        if news.epoch == record.epoch {
            refused
        } else {
            0
        }
    };
    let (refused_tokens, refused_requests) =
        (counts(news.refused_tokens), counts(news.refused_requests));
    let calls = news.accepted as f64;
    let of_tokens = limit::Told {
        taken: news.taken_tokens as f64,
        calls,
        refused: refused_tokens as f64,
        held_ms: news.held_tokens_ms.min(news.passed_ms) as f64,
        passed_ms: news.passed_ms as f64,
        leased: leased.tokens.unwrap_or(0.0),
        fleet_uses: uses.0 as f64,
        late_ms: usual_renew_ms(record),
    };
    let of_requests = limit::Told {
        taken: calls,
        refused: refused_requests as f64,
        held_ms: news.held_requests_ms.min(news.passed_ms) as f64,
        leased: leased.requests.unwrap_or(0.0),
        fleet_uses: uses.1 as f64,
        ..of_tokens
    };
    let lowered_tokens = record.tokens.take_in(&of_tokens, now_ms);
    let lowered_requests = record.requests.take_in(&of_requests, now_ms);
    let Some(pause_ms) = lowered_tokens.max(lowered_requests) else {
        return;
    };
    record.epoch += 1;
    record.pause_until_ms = record.pause_until_ms.max(now_ms + pause_ms);
}

/// The lowest that any worker was told holds, and what was told is where a limit begins.
fn hold_to_told(record: &mut LaneRecord) {
    let told = record
        .members
        .values()
        .fold(Rates::default(), |told, member| told.min(member.told));
    record.tokens.hold_to(told.tokens);
    record.requests.hold_to(told.requests);
}

/// What a worker gets of a limit, and what would be fair.
fn grant(
    record: &LaneRecord,
    worker: &str,
    rate: Option<f64>,
    of: fn(&Rates) -> Option<f64>,
) -> (Option<f64>, f64) {
    let Some(rate) = rate else {
        return (None, 0.0);
    };
    let fair = fair_part(record, worker, rate, of);
    let others = record.members.iter().filter(|(name, _)| *name != worker);
    let taken: f64 = others.filter_map(|(_, member)| of(&member.leased)).sum();
    let granted = whole(fair.min(rate - taken).max(0.0));
    (Some(granted), fair)
}

/// A worker's fair part: by weight, where those that want less leave the rest to the others.
fn fair_part(record: &LaneRecord, worker: &str, rate: f64, of: fn(&Rates) -> Option<f64>) -> f64 {
    let (mut left, mut weights) = (rate, total_weight(record) as f64);
    let mut open: Vec<(&String, &Member)> = record.members.iter().collect();
    loop {
        let by_weight = |member: &Member| left * member.weight as f64 / weights;
        let wants = |member: &Member| {
            let wanted = of(&member.wants).unwrap_or(f64::INFINITY);
            wanted.max(by_weight(member) * LEAST_WANTED)
        };
        let modest = open
            .iter()
            .position(|(_, member)| wants(member) < by_weight(member));
        let Some(modest) = modest else {
            let mine = open.iter().find(|(name, _)| *name == worker);
            return mine.map_or(0.0, |(_, member)| by_weight(member));
        };
        let (name, member) = open.swap_remove(modest);
        let wanted = wants(member);
        if name == worker {
            return wanted;
        }
        left -= wanted;
        weights -= member.weight as f64;
    }
}

/// After how long a worker asks again: the more there are, the later.
fn usual_renew_ms(record: &LaneRecord) -> u64 {
    let of_many = RENEW_MS_OF_WORKER * record.members.len() as u64;
    of_many.clamp(FIRST_RENEW_MS, LAST_RENEW_MS)
}

fn total_weight(record: &LaneRecord) -> u64 {
    record.members.values().map(|member| member.weight).sum()
}

/// Rounded down to what adds up exactly, and is short to write.
fn whole(rate: f64) -> f64 {
    match rate >= 1_000.0 {
        true => rate.floor(),
        false => (rate * 1_024.0).floor() / 1_024.0,
    }
}
