//! What the simulated models take and refuse, and how they count (FACTS §1).
//!
//! A table of its own, not the program's: what shapes requests is tested against what is written here.

use super::errors::ServiceError;
use crate::catalog::Thinking;

/// The longest prompt, in tokens.
pub(super) const CONTEXT_TOKENS: u64 = 200_000;

/// What one family of models does.
#[derive(Debug, Clone, Copy)]
pub(super) struct ModelRules {
    /// A model belongs to the first row whose words are in its id.
    words: &'static str,
    /// What an output token counts when a call is settled.
    pub(super) burndown: u64,
    /// Prefixes under so many tokens are not cached; none: no prompt cache.
    pub(super) cache_minimum_tokens: Option<u64>,
    /// What it does about thinking.
    pub(super) thinking: Thinking,
    /// It refuses temperature, top_p, top_k and a started answer (prefill).
    pub(super) refuses_sampling: bool,
    /// It is offered through inference profiles only.
    needs_profile: bool,
    /// It has reached its end of life.
    has_ended: bool,
    /// The most output tokens; reserved where a request names none.
    pub(super) max_output_tokens: u32,
    /// Bytes that make a hundred tokens.
    bytes_per_100_tokens: u64,
}

/// From 3.7 on, before what has a row of its own.
const COMMON: ModelRules = ModelRules {
    words: "anthropic.claude",
    burndown: 5,
    cache_minimum_tokens: Some(1_024),
    thinking: Thinking::Off,
    refuses_sampling: false,
    needs_profile: false,
    has_ended: false,
    max_output_tokens: 64_000,
    bytes_per_100_tokens: 370,
};

const OLD: ModelRules = ModelRules {
    burndown: 1,
    cache_minimum_tokens: None,
    max_output_tokens: 8_192,
    ..COMMON
};

const NEW: ModelRules = ModelRules {
    burndown: 10,
    refuses_sampling: true,
    ..COMMON
};

/// The first row that fits counts.
const MODELS: [ModelRules; 13] = [
    ModelRules {
        words: "claude-haiku-5-5",
        cache_minimum_tokens: Some(512),
        thinking: Thinking::OnByDefault,
        needs_profile: true,
        // About 30 % more tokens than Haiku 4.5.
        bytes_per_100_tokens: 285,
        ..NEW
    },
    ModelRules {
        words: "claude-sonnet-5-5",
        thinking: Thinking::Always,
        ..NEW
    },
    ModelRules {
        words: "claude-opus-5-5",
        thinking: Thinking::Always,
        ..NEW
    },
    ModelRules {
        words: "claude-sonnet-5",
        ..NEW
    },
    ModelRules {
        words: "claude-opus-5",
        ..NEW
    },
    ModelRules {
        words: "claude-opus-4-8",
        burndown: 15,
        ..NEW
    },
    ModelRules {
        words: "claude-opus-4-7",
        burndown: 5,
        ..NEW
    },
    ModelRules {
        words: "claude-haiku-4-5",
        cache_minimum_tokens: Some(4_096),
        ..COMMON
    },
    ModelRules {
        words: "claude-3-7",
        ..COMMON
    },
    ModelRules {
        words: "claude-3-5-sonnet-20240620",
        has_ended: true,
        ..OLD
    },
    ModelRules {
        words: "claude-3-",
        ..OLD
    },
    ModelRules {
        words: "claude-v2",
        has_ended: true,
        ..OLD
    },
    COMMON,
];

impl ModelRules {
    /// The rules of a model, a profile or an ARN of either.
    pub(super) fn find(model_id: &str) -> Result<&'static ModelRules, ServiceError> {
        let id = name(model_id);
        if !id.contains("anthropic.claude") {
            return Err(ServiceError::invalid_model());
        }
        let rules = MODELS.iter().find(|rules| id.contains(rules.words));
        let rules = rules.ok_or_else(ServiceError::invalid_model)?;
        if rules.has_ended {
            return Err(ServiceError::end_of_life());
        }
        if rules.needs_profile && id.starts_with("anthropic.") {
            return Err(ServiceError::invalid(
                "needs_profile",
                format!(
                    "Invocation of model ID {id} with on-demand throughput isn’t supported. Retry your request with the \
                     ID or ARN of an inference profile that contains this model."
                ),
            ));
        }
        Ok(rules)
    }

    /// About how many tokens so many bytes make, rounded up.
    pub(super) fn tokens(&self, bytes: u64) -> u64 {
        (bytes * 100).div_ceil(self.bytes_per_100_tokens)
    }

    /// The most bytes that make no more than so many tokens.
    pub(super) fn bytes(&self, tokens: u64) -> u64 {
        tokens * self.bytes_per_100_tokens / 100
    }
}

/// The model's or profile's name: what stands behind the last slash of an ARN.
pub(super) fn name(model_id: &str) -> &str {
    model_id.rsplit('/').next().unwrap_or(model_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(id: &str) -> ServiceError {
        ModelRules::find(id).unwrap_err()
    }

    #[test]
    fn ids_that_the_service_refuses_are_refused_in_its_words() {
        assert_eq!(refused("gpt-9").kind, "validation");
        assert_eq!(refused("us.amazon.nova-pro-v1:0").status, 400);
        let ended = refused("us.anthropic.claude-3-5-sonnet-20240620-v1:0");
        assert_eq!((ended.status, ended.kind), (404, "end_of_life"));
        let base = refused("anthropic.claude-haiku-5-5");
        assert!(
            base.message
                .contains("on-demand throughput isn’t supported")
        );
        let arn = "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-haiku-5-5";
        assert_eq!(refused(arn).kind, "needs_profile");
    }

    #[test]
    fn profiles_and_arns_follow_the_rules_of_their_model() {
        let burndown = |id| ModelRules::find(id).unwrap().burndown;
        assert_eq!(burndown("anthropic.claude-3-5-sonnet-20241022-v2:0"), 1);
        assert_eq!(burndown("us.anthropic.claude-3-7-sonnet-20250219-v1:0"), 5);
        assert_eq!(burndown("global.anthropic.claude-opus-4-8"), 15);
        assert_eq!(burndown("eu.anthropic.claude-sonnet-4-6"), 5);
        let arn = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-haiku-5-5";
        assert_eq!(burndown(arn), 10);
        let thinking = |id| ModelRules::find(id).unwrap().thinking;
        assert_eq!(thinking("us.anthropic.claude-sonnet-5-5"), Thinking::Always);
        assert_eq!(thinking("us.anthropic.claude-sonnet-5"), Thinking::Off);
    }

    #[test]
    fn so_many_bytes_make_no_more_than_so_many_tokens() {
        for rules in &MODELS {
            for tokens in [0, 1, 7, 1_000] {
                let bytes = rules.bytes(tokens);
                assert!(rules.tokens(bytes) <= tokens && rules.tokens(bytes + 4) > tokens);
            }
        }
        assert_eq!(COMMON.tokens(371), 101);
    }
}
