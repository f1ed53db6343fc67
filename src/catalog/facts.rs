//! The facts of one model.

use crate::core::money::Price;

/// What a model does about thinking (FACTS §1, structured answers).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thinking {
    /// It does not think unless asked.
    Off,
    /// It thinks unless `{"thinking":{"type":"disabled"}}` is sent.
    OnByDefault,
    /// It always thinks, and takes no forced tool: the tool choice is `auto`.
    Always,
}

impl Thinking {
    /// Its word in the file.
    pub fn name(self) -> &'static str {
        match self {
            Thinking::Off => "off",
            Thinking::OnByDefault => "on-by-default",
            Thinking::Always => "always",
        }
    }
}

/// How long a model will be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lifecycle {
    /// It is offered; `until` (a date) where its end is announced.
    Active {
        /// The announced end, or the date before which it will not end.
        until: Option<String>,
    },
    /// It still answers those who use it, and will end.
    Legacy {
        /// The announced end.
        until: Option<String>,
    },
    /// It answers nobody.
    EndOfLife {
        /// Since when, where known.
        since: Option<String>,
    },
}

impl Lifecycle {
    /// Its word in the file.
    pub fn name(&self) -> &'static str {
        match self {
            Lifecycle::Active { .. } => "active",
            Lifecycle::Legacy { .. } => "legacy",
            Lifecycle::EndOfLife { .. } => "end-of-life",
        }
    }

    /// The date that goes with it, where known.
    pub fn date(&self) -> Option<&str> {
        match self {
            Lifecycle::Active { until } | Lifecycle::Legacy { until } => until.as_deref(),
            Lifecycle::EndOfLife { since } => since.as_deref(),
        }
    }

    /// Whether it answers nobody any more.
    pub fn is_end_of_life(&self) -> bool {
        matches!(self, Lifecycle::EndOfLife { .. })
    }
}

impl std::fmt::Display for Lifecycle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let date = self.date();
        match (self, date) {
            (Lifecycle::Active { .. }, Some(date)) => write!(f, "active, not ending before {date}"),
            (Lifecycle::Legacy { .. }, Some(date)) => write!(f, "legacy, ends {date}"),
            (Lifecycle::EndOfLife { .. }, Some(date)) => write!(f, "end of life since {date}"),
            (Lifecycle::EndOfLife { .. }, None) => f.write_str("end of life"),
            (other, None) => f.write_str(other.name()),
        }
    }
}

/// Which geographic factors hold for a model's price (FACTS §1, models and prices).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PriceFactors {
    /// None: its price is the same everywhere.
    None,
    /// GovCloud alone: models before 4.5.
    GovCloud,
    /// All: models from 4.5 on.
    All,
}

impl PriceFactors {
    /// Its word in the file.
    pub fn name(self) -> &'static str {
        match self {
            PriceFactors::None => "none",
            PriceFactors::GovCloud => "us-gov",
            PriceFactors::All => "all",
        }
    }
}

/// What is known of one model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelFacts {
    /// The id without geography, as `anthropic.claude-haiku-4-5-20251001-v1:0`.
    pub model_id: String,
    /// Price in its own Region and through `global.`, before geographic factors; none: not known.
    pub price: Option<Price>,
    /// Which geographic factors hold for it.
    pub price_factors: PriceFactors,
    /// What an output token counts when a call is settled against the token quota.
    pub burndown: u64,
    /// Prefixes under so many tokens are not cached; none: no prompt cache.
    pub cache_minimum_tokens: Option<u64>,
    /// About how many bytes of English make a token.
    pub bytes_per_token: f64,
    /// The most output tokens it gives.
    pub max_output_tokens: u32,
    /// Parameters that it refuses, as `temperature`.
    pub refuses: Vec<String>,
    /// What it does about thinking.
    pub thinking: Thinking,
    /// Whether it is offered through inference profiles only.
    pub needs_profile: bool,
    /// Regions in which it answers without a profile all the same.
    pub in_region: Vec<String>,
    /// Prefixes of its inference profiles, as `us` or `global`.
    pub profiles: Vec<String>,
    /// Prefixes that some source names and nobody has verified.
    pub profiles_unverified: Vec<String>,
    /// How long it will be there.
    pub lifecycle: Lifecycle,
    /// The model to take instead.
    pub replacement: Option<String>,
    /// Where the facts are from.
    pub source: String,
    /// When that was looked up (a date); empty: a user's own model, undated.
    pub checked: String,
    /// What else a user should know.
    pub note: Option<String>,
}

impl ModelFacts {
    /// What stands in for a model of which nothing is known: the most careful known value of everything.
    ///
    /// No price; the highest burndown; no prompt cache; the most tokens for a text; the least output; no parameter that any
    /// model refuses; tool choice `auto`, which all models take.
    pub fn cautious(model_id: &str) -> ModelFacts {
        let refuses = ["temperature", "top_p", "top_k", "prefill"];
        ModelFacts {
            model_id: model_id.to_owned(),
            price: None,
            price_factors: PriceFactors::All,
            burndown: 15,
            cache_minimum_tokens: None,
            bytes_per_token: 2.7,
            max_output_tokens: 4_096,
            refuses: refuses.map(str::to_owned).to_vec(),
            thinking: Thinking::Always,
            needs_profile: false,
            in_region: Vec::new(),
            profiles: Vec::new(),
            profiles_unverified: Vec::new(),
            lifecycle: Lifecycle::Active { until: None },
            replacement: None,
            source: String::new(),
            checked: String::new(),
            note: None,
        }
    }
}
