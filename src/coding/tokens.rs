//! How many tokens a call will take: a rule before the first answer, what answers really took from then on.
//!
//! The rule: a token is so many bytes of English, by the models file; an answer takes 150 tokens a report
//! and problem type. Corrected by use: the prefix of a job is the same in every call, so its tokens are known exactly
//! once one answer told them; a message's tokens go by the ratio seen; output goes by reports and problem types seen.
//!
//! `maxTokens` is a reservation against the quota (FACTS §1: a small one is the largest lever on throughput), and an
//! answer that it cuts is paid twice. So it is a high quantile of what answers took, with a margin.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

use crate::core::money::{NanoUsd, Price, Usage};
use crate::ports::model::ServiceFacts;

/// Output tokens that one report and problem type may take while nothing is known.
const SAFE_OUTPUT: u32 = 500;
/// Output tokens that one report and problem type takes, about, while nothing is known.
const TYPICAL_OUTPUT: f64 = 150.0;
/// Bytes around a report in a message: its element and its share of the rest.
const REPORT_BYTES: u64 = 40;
/// Tokens that a service adds to a request (how tools are called), at most.
const SERVICE_TOKENS: u64 = 1_000;
/// Answers of one size that are looked at.
const KEPT_ANSWERS: usize = 400;
/// Answers of one size before their quantile is trusted.
const TRUSTED_ANSWERS: usize = 60;
/// The share of answers that the quantile covers.
const QUANTILE: f64 = 0.995;
/// What the quantile is multiplied with: room costs a reservation that comes back, a cut costs a whole call.
const MARGIN: f64 = 1.5;

/// What one call is expected to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forecast {
    /// Tokens of system prompt and tool.
    pub prefix_tokens: u64,
    /// Whether the prefix comes from the prompt cache once it was written.
    pub is_prefix_cached: bool,
    /// Tokens of the message.
    pub message_tokens: u64,
    /// Tokens of the answer.
    pub output_tokens: u64,
    /// The most tokens that the answer is given.
    pub max_tokens: u32,
}

/// Bytes of a message that holds reports of these lengths.
pub fn message_bytes(texts: impl IntoIterator<Item = usize>) -> u64 {
    texts
        .into_iter()
        .map(|bytes| bytes as u64 + REPORT_BYTES)
        .sum()
}

/// What is known of a job's tokens; shared by its calls.
#[derive(Debug)]
pub struct TokenBook {
    prefix_bytes: u64,
    bytes_per_token: f64,
    cache_minimum_tokens: Option<u64>,
    most: u32,
    problems: u32,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// The prefix, once an answer told it apart.
    prefix_tokens: Option<u64>,
    /// The shortest prompt so far: no prefix is longer.
    least_prompt_tokens: Option<u64>,
    /// Whether the last answer used the cache.
    is_cached: Option<bool>,
    /// Of a cut answer: what each of its reports may need at least.
    floor_a_report: u32,
    message_bytes: u64,
    message_tokens: u64,
    reports: u64,
    output_tokens: u64,
    /// Output tokens of the latest answers, by the number of their reports.
    answers: BTreeMap<usize, Answers>,
}

#[derive(Debug, Default)]
struct Answers {
    latest: VecDeque<u32>,
    /// Quantile with margin; recomputed now and then.
    bound: Option<u32>,
    since: usize,
}

impl TokenBook {
    /// Nothing is seen yet. `problems`: problem types asked in one call.
    pub fn new(facts: Option<&ServiceFacts>, problems: usize) -> TokenBook {
        TokenBook {
            prefix_bytes: facts.map_or(0, |facts| facts.prefix_bytes),
            bytes_per_token: facts.map_or(4.0, |facts| facts.bytes_per_token).max(0.5),
            cache_minimum_tokens: facts.and_then(|facts| facts.cache_minimum_tokens),
            most: facts.map_or(u32::MAX, |facts| facts.max_output_tokens),
            problems: problems.max(1) as u32,
            seen: Mutex::default(),
        }
    }

    /// What a call for `reports` reports in a message of `message_bytes` will take.
    pub fn forecast(&self, reports: usize, message_bytes: u64) -> Forecast {
        let seen = self.seen.lock().expect("no panic while held");
        let by_rule = |bytes: u64| (bytes as f64 / self.bytes_per_token).ceil() as u64;
        let message_tokens = match (seen.message_bytes, seen.message_tokens) {
            (0, _) | (_, 0) => by_rule(message_bytes),
            (bytes, tokens) => (message_bytes as f64 * tokens as f64 / bytes as f64).ceil() as u64,
        };
        let each = match seen.reports {
            0 => TYPICAL_OUTPUT * f64::from(self.problems),
            reports => seen.output_tokens as f64 / reports as f64,
        };
        let safe = SAFE_OUTPUT
            .saturating_mul(self.problems)
            .saturating_mul(reports as u32);
        let bound = seen.answers.get(&reports).and_then(|answers| answers.bound);
        let floor = seen.floor_a_report.saturating_mul(reports as u32);
        let prefix_tokens = seen
            .prefix_tokens
            .unwrap_or_else(|| by_rule(self.prefix_bytes));
        let reaches_minimum = self
            .cache_minimum_tokens
            .is_some_and(|minimum| prefix_tokens >= minimum);
        Forecast {
            prefix_tokens,
            is_prefix_cached: seen.is_cached.unwrap_or(reaches_minimum),
            message_tokens,
            output_tokens: (each * reports as f64).ceil() as u64,
            max_tokens: bound.unwrap_or(safe).max(floor).min(self.most),
        }
    }

    /// Learns from an answer to `reports` reports in a message of `message_bytes`. `was_cut`: at the most tokens that it
    /// was given.
    pub fn learn(&self, reports: usize, message_bytes: u64, usage: &Usage, was_cut: bool) {
        let all_tokens = usage.prompt_tokens();
        if all_tokens == 0 {
            // Stopped before the model was asked: it tells nothing.
            return;
        }
        let mut seen = self.seen.lock().expect("no panic while held");
        let least = seen.least_prompt_tokens.unwrap_or(all_tokens);
        seen.least_prompt_tokens = Some(least.min(all_tokens));
        let cached = usage.cache_read_tokens + usage.cache_write_tokens;
        seen.is_cached = Some(cached > 0);
        if cached > 0 {
            // The prefix ends with the cache point, so what is left is the message.
            seen.prefix_tokens = Some(cached);
        }
        let prefix = seen.prefix_tokens.unwrap_or_else(|| {
            let all = usage.prompt_tokens() as f64;
            (all * self.prefix_bytes as f64 / (self.prefix_bytes + message_bytes).max(1) as f64)
                as u64
        });
        let message = match cached {
            0 => usage.input_tokens.saturating_sub(prefix),
            _ => usage.input_tokens,
        };
        if cached == 0 && self.prefix_bytes > 0 {
            seen.prefix_tokens = Some(prefix);
        }
        seen.message_bytes += message_bytes;
        seen.message_tokens += message;
        let output = u32::try_from(usage.output_tokens).unwrap_or(u32::MAX);
        if was_cut {
            let each = output
                .saturating_mul(2)
                .div_ceil(u32::try_from(reports.max(1)).unwrap_or(u32::MAX));
            seen.floor_a_report = seen.floor_a_report.max(each);
        }
        if !was_cut {
            seen.reports += reports as u64;
            seen.output_tokens += usage.output_tokens;
        }
        seen.answers.entry(reports).or_default().add(output);
    }

    /// The most that a call can cost whose message is sent in `message_bytes`: no token is shorter than a byte, and a
    /// prefix may have to be written anew.
    pub fn upper_bound(&self, message_bytes: u64, max_tokens: u32, price: &Price) -> NanoUsd {
        let seen = self.seen.lock().expect("no panic while held");
        let least = seen.least_prompt_tokens.unwrap_or(u64::MAX);
        let prefix = least.min(self.prefix_bytes) + SERVICE_TOKENS;
        let dearest = Price {
            cache_write_pico_usd: price.cache_write_pico_usd.max(price.input_pico_usd),
            ..*price
        };
        let most = Usage {
            input_tokens: message_bytes,
            output_tokens: u64::from(max_tokens),
            cache_read_tokens: 0,
            cache_write_tokens: prefix,
        };
        most.cost(&dearest)
    }
}

impl Answers {
    fn add(&mut self, tokens: u32) {
        if self.latest.len() == KEPT_ANSWERS {
            self.latest.pop_front();
        }
        self.latest.push_back(tokens);
        self.since += 1;
        let is_due = self.bound.is_none_or(|bound| tokens > bound) || self.since >= 32;
        if self.latest.len() >= TRUSTED_ANSWERS && is_due {
            self.since = 0;
            let mut sorted: Vec<u32> = self.latest.iter().copied().collect();
            sorted.sort_unstable();
            let place = (sorted.len() as f64 * QUANTILE).ceil() as usize;
            let quantile = sorted[place.clamp(1, sorted.len()) - 1];
            self.bound = Some((f64::from(quantile) * MARGIN).ceil() as u32 + 16);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn facts() -> ServiceFacts {
        ServiceFacts {
            lane: "l".into(),
            burndown: 5,
            prefix_bytes: 78_000,
            prefix_sha256: String::new(),
            bytes_per_token: 3.9,
            cache_minimum_tokens: Some(1_024),
            cache_ttl: Duration::from_secs(300),
            max_output_tokens: 64_000,
        }
    }

    fn usage(input: u64, output: u64, read: u64) -> Usage {
        Usage {
            input_tokens: input,
            output_tokens: output,
            cache_read_tokens: read,
            cache_write_tokens: 0,
        }
    }

    #[test]
    fn before_the_first_answer_the_stated_rule_holds() {
        let book = TokenBook::new(Some(&facts()), 2);
        let forecast = book.forecast(2, 780);
        let expected = Forecast {
            prefix_tokens: 20_000,
            is_prefix_cached: true,
            message_tokens: 200,
            output_tokens: 600,
            max_tokens: 2_000,
        };
        assert_eq!(forecast, expected);
    }

    #[test]
    fn answers_correct_the_rule() {
        let book = TokenBook::new(Some(&facts()), 1);
        book.learn(1, 1_000, &usage(500, 80, 26_000), false);
        book.learn(1, 3_000, &usage(1_500, 120, 26_000), false);
        let forecast = book.forecast(2, 400);
        let seen = (
            forecast.prefix_tokens,
            forecast.message_tokens,
            forecast.output_tokens,
        );
        assert_eq!(seen, (26_000, 200, 200));
    }

    #[test]
    fn without_a_cache_the_prefix_is_told_apart_by_its_share_of_bytes() {
        let book = TokenBook::new(Some(&facts()), 1);
        book.learn(1, 2_000, &usage(20_000, 80, 0), false);
        let forecast = book.forecast(1, 2_000);
        assert_eq!(forecast.prefix_tokens, 19_500);
        assert_eq!(forecast.message_tokens, 500);
    }

    #[test]
    fn max_tokens_is_safe_at_first_and_then_a_high_quantile_with_a_margin() {
        let book = TokenBook::new(Some(&facts()), 1);
        for n in 0..(TRUSTED_ANSWERS as u64 - 1) {
            book.learn(2, 500, &usage(100, 200 + n % 10, 1), false);
        }
        assert_eq!(book.forecast(2, 500).max_tokens, 2 * SAFE_OUTPUT);
        book.learn(2, 500, &usage(100, 200, 1), false);
        let most = book.forecast(2, 500).max_tokens;
        assert_eq!(most, (209.0 * MARGIN).ceil() as u32 + 16);
        assert_eq!(
            book.forecast(1, 500).max_tokens,
            SAFE_OUTPUT,
            "another size is another matter"
        );
        // One cut answer is enough to double it, for any number of reports.
        book.learn(2, 500, &usage(100, u64::from(most), 1), true);
        assert!(book.forecast(2, 500).max_tokens >= 2 * most);
        assert!(book.forecast(1, 500).max_tokens >= most);
    }

    #[test]
    fn i9_no_call_costs_more_than_its_upper_bound() {
        let price = Price {
            input_pico_usd: 1_100_000,
            output_pico_usd: 5_500_000,
            cache_read_pico_usd: 110_000,
            cache_write_pico_usd: 1_375_000,
            long_prompt: None,
        };
        let book = TokenBook::new(Some(&facts()), 1);
        let bound = book.upper_bound(5_000, 900, &price);
        // As dear as can be: every byte a token, the prefix written, the answer as long as it may be.
        let worst = Usage {
            input_tokens: 5_000,
            output_tokens: 900,
            cache_read_tokens: 0,
            cache_write_tokens: 78_000,
        };
        assert!(worst.cost(&price) <= bound);
        book.learn(1, 100, &usage(30, 80, 20_000), false);
        assert!(
            book.upper_bound(5_000, 900, &price) < bound,
            "the prefix is known by now"
        );
    }
}
