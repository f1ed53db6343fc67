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

/// What is known of one model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelFacts {
    /// The id without geography, as `anthropic.claude-haiku-4-5-20251001-v1:0`.
    pub model_id: String,
    /// Price in its own Region and through `global.`, before geographic factors; none: not known.
    pub price: Option<Price>,
    /// Whether geographic factors hold for it (from the 4.5 models on).
    pub is_price_geographic: bool,
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
    /// How long it will be there.
    pub lifecycle: Lifecycle,
    /// The model to take instead.
    pub replacement: Option<String>,
    /// Where the facts are from.
    pub source: String,
    /// When that was looked up (a date).
    pub checked: String,
    /// What else a user should know.
    pub note: Option<String>,
}
