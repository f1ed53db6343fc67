//! Money in whole nano-dollars, and the one rule by which a call's tokens and cost are split over its rows.
//!
//! Integers, so that rows plus overhead equal the total to the last nano-dollar (DESIGN §6, §8).

use serde::{Deserialize, Serialize};

/// An amount in nano-USD (10⁻⁹ US dollar).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct NanoUsd(pub u64);

impl NanoUsd {
    /// Nothing.
    pub const ZERO: NanoUsd = NanoUsd(0);
}

impl std::ops::Add for NanoUsd {
    type Output = NanoUsd;
    fn add(self, other: NanoUsd) -> NanoUsd {
        NanoUsd(self.0.saturating_add(other.0))
    }
}

impl std::ops::AddAssign for NanoUsd {
    fn add_assign(&mut self, other: NanoUsd) {
        *self = *self + other;
    }
}

impl std::iter::Sum for NanoUsd {
    fn sum<I: Iterator<Item = NanoUsd>>(amounts: I) -> NanoUsd {
        amounts.fold(NanoUsd::ZERO, |total, amount| total + amount)
    }
}

impl std::fmt::Display for NanoUsd {
    /// Dollars with all nine decimals, so that nothing is rounded away.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}.{:09}",
            self.0 / 1_000_000_000,
            self.0 % 1_000_000_000
        )
    }
}

/// Dollars as people write them, to the last nano-dollar: no float in between.
impl std::str::FromStr for NanoUsd {
    type Err = BadAmount;

    fn from_str(text: &str) -> Result<NanoUsd, BadAmount> {
        let (dollars, decimals) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if dollars.is_empty() || !digits(dollars) || !digits(decimals) || decimals.len() > 9 {
            return Err(BadAmount);
        }
        let nano = format!("{decimals:0<9}")
            .parse::<u64>()
            .map_err(|_| BadAmount)?;
        let whole = dollars.parse::<u64>().map_err(|_| BadAmount)?;
        let whole = whole.checked_mul(1_000_000_000).ok_or(BadAmount)?;
        whole.checked_add(nano).map(NanoUsd).ok_or(BadAmount)
    }
}

/// A text that is no amount of dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected US dollars as 12 or 12.50, with nine decimals at most")]
pub struct BadAmount;

/// Price of one token of each kind, in pico-USD (10⁻¹² US dollar): 1 USD per million tokens is 1,000,000.
///
/// Finer than amounts are, because a price per million with a geographic factor is not a whole number of nano-dollars a
/// token (0.125 × 1.1 USD per million = 137.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Price {
    /// Input tokens that are neither read from nor written to the cache.
    pub input_pico_usd: u64,
    /// Output tokens.
    pub output_pico_usd: u64,
    /// Tokens read from the prompt cache.
    pub cache_read_pico_usd: u64,
    /// Tokens written to the prompt cache.
    pub cache_write_pico_usd: u64,
    /// Long prompts cost a multiple; none: all prompts cost the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub long_prompt: Option<LongPrompt>,
}

/// A call whose prompt is longer than so many tokens (cache tokens among them) costs a multiple.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LongPrompt {
    /// Up to here the plain price holds.
    pub above_tokens: u64,
    /// What all its prices are multiplied with beyond.
    pub factor: u64,
}

/// A price per token as people know it: US dollars per million tokens, with two decimals at least.
pub fn usd_per_million(pico_usd: u64) -> String {
    let decimals = format!("{:06}", pico_usd % 1_000_000);
    let kept = decimals.trim_end_matches('0').len().max(2);
    format!("{}.{}", pico_usd / 1_000_000, &decimals[..kept])
}

/// What calls used, in tokens. Cache tokens are not part of `input` (FACTS §1, Converse).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Plain input tokens.
    pub input_tokens: u64,
    /// Output tokens.
    pub output_tokens: u64,
    /// Tokens read from the prompt cache.
    pub cache_read_tokens: u64,
    /// Tokens written to the prompt cache.
    pub cache_write_tokens: u64,
}

impl Usage {
    /// All tokens that went in, from the cache or not.
    pub fn prompt_tokens(&self) -> u64 {
        self.input_tokens + self.cache_read_tokens + self.cache_write_tokens
    }

    /// What this use of one call costs at `price`, rounded to the nano-dollar, half up.
    pub fn cost(&self, price: &Price) -> NanoUsd {
        let factor = match price.long_prompt {
            Some(long) if self.prompt_tokens() > long.above_tokens => long.factor,
            _ => 1,
        };
        let pico = [
            (self.input_tokens, price.input_pico_usd),
            (self.output_tokens, price.output_pico_usd),
            (self.cache_read_tokens, price.cache_read_pico_usd),
            (self.cache_write_tokens, price.cache_write_pico_usd),
        ]
        .iter()
        .map(|(tokens, each)| u128::from(*tokens) * u128::from(*each))
        .sum::<u128>()
            * u128::from(factor);
        NanoUsd(u64::try_from((pico + 500) / 1_000).unwrap_or(u64::MAX))
    }

    /// What the prompt cache saved at `price`, in nano-dollars; below zero where writing cost more than reading saved.
    pub fn cache_saving_nano_usd(&self, price: &Price) -> i64 {
        let signed = |pico: u64| i128::from(pico);
        let read = i128::from(self.cache_read_tokens)
            * (signed(price.input_pico_usd) - signed(price.cache_read_pico_usd));
        let write = i128::from(self.cache_write_tokens)
            * (signed(price.cache_write_pico_usd) - signed(price.input_pico_usd));
        i64::try_from((read - write) / 1_000).unwrap_or(i64::MAX)
    }

    /// The use of one call split over its rows by `weights` (see [`split`]).
    pub fn split(&self, weights: &[u64]) -> Vec<Usage> {
        let input = split(self.input_tokens, weights);
        let output = split(self.output_tokens, weights);
        let read = split(self.cache_read_tokens, weights);
        let write = split(self.cache_write_tokens, weights);
        (0..weights.len())
            .map(|i| Usage {
                input_tokens: input[i],
                output_tokens: output[i],
                cache_read_tokens: read[i],
                cache_write_tokens: write[i],
            })
            .collect()
    }
}

impl std::ops::AddAssign for Usage {
    fn add_assign(&mut self, other: Usage) {
        // As money does: numbers that no job has stay at the end of the scale.
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
        self.cache_read_tokens = self
            .cache_read_tokens
            .saturating_add(other.cache_read_tokens);
        self.cache_write_tokens = self
            .cache_write_tokens
            .saturating_add(other.cache_write_tokens);
    }
}

/// Splits `total` in proportion to `weights` by largest remainder: the parts always add up to `total`.
///
/// Ties go to the earlier part; without any weight the parts are as equal as they can be.
pub fn split(total: u64, weights: &[u64]) -> Vec<u64> {
    if weights.is_empty() {
        return Vec::new();
    }
    let sum: u128 = weights.iter().map(|w| u128::from(*w)).sum();
    let ones = vec![1; weights.len()];
    let (weights, sum) = if sum == 0 {
        (ones.as_slice(), weights.len() as u128)
    } else {
        (weights, sum)
    };
    let mut parts = Vec::with_capacity(weights.len());
    let mut remainders = Vec::with_capacity(weights.len());
    for (i, weight) in weights.iter().enumerate() {
        let exact = u128::from(total) * u128::from(*weight);
        parts.push((exact / sum) as u64);
        remainders.push((std::cmp::Reverse(exact % sum), i));
    }
    let left = total - parts.iter().sum::<u64>();
    remainders.sort_unstable();
    for (_, i) in remainders.into_iter().take(left as usize) {
        parts[i] += 1;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amounts_show_every_nano_dollar() {
        assert_eq!(NanoUsd(1_234_567_890_123).to_string(), "1234.567890123");
        assert_eq!(NanoUsd(7).to_string(), "0.000000007");
    }

    #[test]
    fn amounts_are_read_to_the_nano_dollar_and_nothing_else_is() {
        let read = |text: &str| text.parse::<NanoUsd>();
        assert_eq!(read("12.5"), Ok(NanoUsd(12_500_000_000)));
        assert_eq!(read("0.000000001"), Ok(NanoUsd(1)));
        assert_eq!(read("7"), Ok(NanoUsd(7_000_000_000)));
        for bad in [
            "",
            ".5",
            "-1",
            "1e3",
            "1,5",
            "0.0000000001",
            "NaN",
            "99999999999999",
            "+1",
            " 1",
        ] {
            assert_eq!(read(bad), Err(BadAmount), "{bad}");
        }
    }

    #[test]
    fn prices_show_every_digit() {
        let shown = [137_500, 1_000_000, 3_300_000, 0].map(usd_per_million);
        assert_eq!(shown, ["0.1375", "1.00", "3.30", "0.00"]);
    }

    #[test]
    fn a_call_costs_its_tokens_times_the_price_rounded_once() {
        let price = Price {
            input_pico_usd: 110_000,
            output_pico_usd: 550_000,
            cache_read_pico_usd: 11_000,
            cache_write_pico_usd: 137_500,
            long_prompt: Some(LongPrompt {
                above_tokens: 100_000,
                factor: 5,
            }),
        };
        let usage = Usage {
            input_tokens: 3,
            output_tokens: 2,
            cache_read_tokens: 5,
            cache_write_tokens: 7,
        };
        // 330 + 1,100 + 55 + 962.5 nano-dollars.
        assert_eq!(usage.cost(&price), NanoUsd(2_448));
        assert_eq!(
            usage.cache_saving_nano_usd(&price),
            302,
            "5 x 99 won, 7 x 27.5 lost"
        );
        let long = Usage {
            input_tokens: 100_001,
            ..Usage::default()
        };
        assert_eq!(long.cost(&price), NanoUsd(100_001 * 110 * 5));
    }

    #[test]
    fn ties_go_to_the_earlier_part() {
        assert_eq!(split(10, &[1, 1, 1]), [4, 3, 3]);
        assert_eq!(split(1, &[0, 0]), [1, 0]);
    }

    proptest! {
        #[test]
        fn i8_parts_add_up_to_the_total(total in 0u64..1 << 50, weights in prop::collection::vec(0u64..1 << 40, 1..12)) {
            let parts = split(total, &weights);
            prop_assert_eq!(parts.len(), weights.len());
            prop_assert_eq!(parts.iter().sum::<u64>(), total);
        }
    }
}
