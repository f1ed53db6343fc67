//! One entry of a file of models: every field may be missing, and one entry can go over another.

use super::facts::{Lifecycle, ModelFacts, PriceFactors, Thinking};
use super::read::Fields;
use crate::core::money::{LongPrompt, Price};

/// A lifecycle's word, its dates apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Active,
    Legacy,
    EndOfLife,
}

/// What a file says of a model.
#[derive(Debug, Clone, Default)]
pub(super) struct Entry {
    /// The model or profile behind an application inference profile's ARN.
    pub(super) model: Option<String>,
    input_pico_usd: Option<u64>,
    output_pico_usd: Option<u64>,
    cache_read_pico_usd: Option<u64>,
    cache_write_pico_usd: Option<u64>,
    long_prompt_above_tokens: Option<u64>,
    long_prompt_factor: Option<u64>,
    price_factors: Option<PriceFactors>,
    burndown: Option<u64>,
    cache_minimum_tokens: Option<u64>,
    bytes_per_token: Option<f64>,
    max_output_tokens: Option<u64>,
    refuses: Option<Vec<String>>,
    thinking: Option<Thinking>,
    needs_profile: Option<bool>,
    in_region: Option<Vec<String>>,
    profiles: Option<Vec<String>>,
    profiles_unverified: Option<Vec<String>>,
    stage: Option<Stage>,
    until: Option<String>,
    since: Option<String>,
    pub(super) replacement: Option<String>,
    source: Option<String>,
    checked: Option<String>,
    note: Option<String>,
}

impl Entry {
    /// Reads all fields; faults go to the source of `fields`.
    pub(super) fn read(mut fields: Fields<'_, '_>) -> Entry {
        let f = &mut fields;
        let stages = [
            ("active", Stage::Active),
            ("legacy", Stage::Legacy),
            ("end-of-life", Stage::EndOfLife),
        ];
        let thinking = [Thinking::Off, Thinking::OnByDefault, Thinking::Always];
        let factors = [
            PriceFactors::None,
            PriceFactors::GovCloud,
            PriceFactors::All,
        ];
        let entry = Entry {
            model: f.text("model"),
            input_pico_usd: f.usd("input_usd_per_million"),
            output_pico_usd: f.usd("output_usd_per_million"),
            cache_read_pico_usd: f.usd("cache_read_usd_per_million"),
            cache_write_pico_usd: f.usd("cache_write_usd_per_million"),
            long_prompt_above_tokens: f.count("long_prompt_above_tokens", 1, 100_000_000),
            long_prompt_factor: f.count("long_prompt_factor", 1, 100),
            price_factors: f.word("price_factors", &factors.map(|one| (one.name(), one))),
            burndown: f.count("burndown", 1, 1_000),
            cache_minimum_tokens: f.count("cache_minimum_tokens", 0, 100_000_000),
            bytes_per_token: f.about("bytes_per_token", 0.5, 20.0),
            max_output_tokens: f.count("max_output_tokens", 1, u64::from(u32::MAX)),
            refuses: f.list("refuses"),
            thinking: f.word("thinking", &thinking.map(|one| (one.name(), one))),
            needs_profile: f.flag("needs_profile"),
            in_region: f.list("in_region"),
            profiles: f.list("profiles"),
            profiles_unverified: f.list("profiles_unverified"),
            stage: f.word("lifecycle", &stages),
            until: f.date("until"),
            since: f.date("since"),
            replacement: f.text("replacement"),
            source: f.text("source"),
            checked: f.date("checked"),
            note: f.text("note"),
        };
        fields.refuse_others();
        entry
    }

    /// This entry with everything that `over`, of the file `name`, says instead.
    pub(super) fn overlaid(&self, over: Entry, name: &str) -> Entry {
        let under = self.clone();
        // Dates belong to the word that they stand with.
        let (until, since) = match over.stage {
            Some(_) => (over.until, over.since),
            None => (over.until.or(under.until), over.since.or(under.since)),
        };
        let source = match (over.source, under.source) {
            (Some(own), _) => Some(own),
            (None, Some(source)) => Some(format!("{name} over: {source}")),
            (None, None) => None,
        };
        Entry {
            model: over.model,
            input_pico_usd: over.input_pico_usd.or(under.input_pico_usd),
            output_pico_usd: over.output_pico_usd.or(under.output_pico_usd),
            cache_read_pico_usd: over.cache_read_pico_usd.or(under.cache_read_pico_usd),
            cache_write_pico_usd: over.cache_write_pico_usd.or(under.cache_write_pico_usd),
            long_prompt_above_tokens: over
                .long_prompt_above_tokens
                .or(under.long_prompt_above_tokens),
            long_prompt_factor: over.long_prompt_factor.or(under.long_prompt_factor),
            price_factors: over.price_factors.or(under.price_factors),
            burndown: over.burndown.or(under.burndown),
            cache_minimum_tokens: over.cache_minimum_tokens.or(under.cache_minimum_tokens),
            bytes_per_token: over.bytes_per_token.or(under.bytes_per_token),
            max_output_tokens: over.max_output_tokens.or(under.max_output_tokens),
            refuses: over.refuses.or(under.refuses),
            thinking: over.thinking.or(under.thinking),
            needs_profile: over.needs_profile.or(under.needs_profile),
            in_region: over.in_region.or(under.in_region),
            profiles: over.profiles.or(under.profiles),
            profiles_unverified: over.profiles_unverified.or(under.profiles_unverified),
            stage: over.stage.or(under.stage),
            until,
            since,
            replacement: over.replacement.or(under.replacement),
            source,
            checked: over.checked.or(under.checked),
            note: over.note.or(under.note),
        }
    }

    /// This entry as the first that is said of a model, by the file `name`.
    pub(super) fn with_source(self, name: &str) -> Entry {
        Entry {
            source: self.source.or_else(|| Some(name.to_owned())),
            ..self
        }
    }

    /// What does not fit together in this entry, once all is known: the field, and what to do.
    pub(super) fn contradictions(&self) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        if self.long_prompt_above_tokens.is_some() != self.long_prompt_factor.is_some() {
            found.push((
                "long_prompt_factor",
                "long_prompt_above_tokens and long_prompt_factor go together: give both or none"
                    .to_owned(),
            ));
        }
        if self.stage == Some(Stage::EndOfLife) && self.until.is_some() {
            found.push((
                "until",
                "what is at its end of life has 'since', not 'until'".to_owned(),
            ));
        }
        if self.stage != Some(Stage::EndOfLife) && self.since.is_some() {
            found.push((
                "since",
                "only what is at its end of life has 'since'; give 'until'".to_owned(),
            ));
        }
        found
    }

    /// The price. Input and output make one; a cache price that is missing is not lower than it can be: reading costs what
    /// input does, writing a quarter more (FACTS §1, prompt cache).
    fn price(&self) -> Option<Price> {
        let input = self.input_pico_usd?;
        Some(Price {
            input_pico_usd: input,
            output_pico_usd: self.output_pico_usd?,
            cache_read_pico_usd: self.cache_read_pico_usd.unwrap_or(input),
            cache_write_pico_usd: self
                .cache_write_pico_usd
                .unwrap_or_else(|| (input * 5).div_ceil(4)),
            long_prompt: self
                .long_prompt_above_tokens
                .zip(self.long_prompt_factor)
                .filter(|(_, factor)| *factor > 1)
                .map(|(above_tokens, factor)| LongPrompt {
                    above_tokens,
                    factor,
                }),
        })
    }

    /// The facts; a cautious value for what is not said ([`ModelFacts::cautious`]).
    pub(super) fn facts(&self, model_id: &str) -> ModelFacts {
        let cautious = ModelFacts::cautious(model_id);
        let entry = self.clone();
        let (until, since) = (entry.until, entry.since);
        ModelFacts {
            model_id: model_id.to_owned(),
            price: self.price(),
            price_factors: entry.price_factors.unwrap_or(cautious.price_factors),
            burndown: entry.burndown.unwrap_or(cautious.burndown),
            cache_minimum_tokens: entry.cache_minimum_tokens.filter(|tokens| *tokens > 0),
            bytes_per_token: entry.bytes_per_token.unwrap_or(cautious.bytes_per_token),
            max_output_tokens: entry
                .max_output_tokens
                .and_then(|tokens| u32::try_from(tokens).ok())
                .unwrap_or(cautious.max_output_tokens),
            refuses: entry.refuses.unwrap_or(cautious.refuses),
            thinking: entry.thinking.unwrap_or(cautious.thinking),
            needs_profile: entry.needs_profile.unwrap_or(cautious.needs_profile),
            in_region: entry.in_region.unwrap_or_default(),
            profiles: entry.profiles.unwrap_or_default(),
            profiles_unverified: entry.profiles_unverified.unwrap_or_default(),
            lifecycle: match entry.stage {
                Some(Stage::EndOfLife) => Lifecycle::EndOfLife { since },
                Some(Stage::Legacy) => Lifecycle::Legacy { until },
                Some(Stage::Active) | None => Lifecycle::Active { until },
            },
            replacement: entry.replacement,
            source: entry.source.unwrap_or_default(),
            checked: entry.checked.unwrap_or_default(),
            note: entry.note,
        }
    }

    /// The fields that an entry of the built-in file must have and this one has not.
    #[cfg(test)]
    pub(super) fn missing(&self) -> Vec<&'static str> {
        [
            ("input_usd_per_million", self.input_pico_usd.is_none()),
            ("output_usd_per_million", self.output_pico_usd.is_none()),
            ("price_factors", self.price_factors.is_none()),
            ("burndown", self.burndown.is_none()),
            ("cache_minimum_tokens", self.cache_minimum_tokens.is_none()),
            ("bytes_per_token", self.bytes_per_token.is_none()),
            ("max_output_tokens", self.max_output_tokens.is_none()),
            ("refuses", self.refuses.is_none()),
            ("thinking", self.thinking.is_none()),
            ("needs_profile", self.needs_profile.is_none()),
            ("profiles", self.profiles.is_none()),
            ("lifecycle", self.stage.is_none()),
            ("source", self.source.is_none()),
            ("checked", self.checked.is_none()),
        ]
        .into_iter()
        .filter_map(|(field, is_missing)| is_missing.then_some(field))
        .collect()
    }
}
