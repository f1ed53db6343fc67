//! The catalog: what is known of a model by any of its ids.

use std::collections::BTreeMap;

use super::decimal::times_tenths;
use super::entry::Entry;
use super::facts::{Lifecycle, ModelFacts};
use super::geography::Geography;
use super::id::{ModelId, Route};
use crate::core::money::Price;

/// A name that is less like one of ours than this is not offered as meant.
const MIN_LIKENESS: f64 = 0.75;

/// All models that are known.
#[derive(Debug, Clone)]
pub struct Catalog {
    pub(super) entries: BTreeMap<String, Entry>,
    pub(super) models: BTreeMap<String, ModelFacts>,
    /// What stands behind an application inference profile's ARN.
    pub(super) behind: BTreeMap<String, ModelId>,
}

/// What is known of a model that somebody named.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// The id, taken apart.
    pub id: ModelId,
    /// The facts; none: nothing is known of it ([`ModelFacts::cautious`] can stand in).
    pub facts: Option<ModelFacts>,
    /// What its tokens cost by this way, geographic factor included; none: not known.
    pub price: Option<Price>,
    /// What its user should be told.
    pub warnings: Vec<String>,
}

impl Catalog {
    /// All models, by id. The user's own ARNs are among them.
    pub fn models(&self) -> impl Iterator<Item = (&str, &ModelFacts)> {
        self.models.iter().map(|(key, facts)| (key.as_str(), facts))
    }

    /// The facts of the model with this id without geography.
    pub fn facts(&self, base: &str) -> Option<&ModelFacts> {
        self.models.get(base)
    }

    /// When the oldest fact was looked up (a date).
    pub fn checked(&self) -> &str {
        let dates = self.models.values().map(|facts| facts.checked.as_str());
        dates.filter(|date| !date.is_empty()).min().unwrap_or("")
    }

    /// What is known of the model that `model_id` names: a plain id, a profile's id or an ARN.
    pub fn find(&self, model_id: &str) -> Known {
        self.find_in(model_id, None)
    }

    /// As [`Catalog::find`], for calls in a Region.
    pub fn find_in(&self, model_id: &str, region: Option<&str>) -> Known {
        let id = ModelId::parse(model_id);
        let facts = match &id.base {
            Some(base) => self.models.get(base),
            None => self.models.get(&id.given),
        };
        let id = match self.behind.get(&id.given) {
            Some(behind) => ModelId {
                base: behind.base.clone(),
                route: behind.route.clone(),
                ..id
            },
            None => id,
        };
        let region = id.region.as_deref().or(region);
        let price = facts.and_then(|facts| priced(facts, &id.route, region));
        let mut warnings = Vec::new();
        match facts {
            None => warnings.push(self.unknown(&id)),
            Some(facts) => warnings.extend(self.warnings(&id, facts, region)),
        }
        Known {
            facts: facts.cloned(),
            price,
            warnings,
            id,
        }
    }

    fn unknown(&self, id: &ModelId) -> String {
        let why = match id.route {
            Route::Application => {
                " (the ARN of an application inference profile does not tell the model: name it as 'model' in a file for \
                 --models)"
            }
            _ => "",
        };
        let near = self.near(&id.given, 1);
        let meant = match near.first() {
            Some(near) => format!("; '{near}' may be meant"),
            None => String::new(),
        };
        format!(
            "nothing is known of model '{id}'{why}: its cost is unknown, and careful guesses stand in for the rest{meant}"
        )
    }

    fn warnings(&self, id: &ModelId, facts: &ModelFacts, region: Option<&str>) -> Vec<String> {
        let mut warnings = Vec::new();
        match &facts.lifecycle {
            Lifecycle::EndOfLife { .. } => warnings.push(self.end_of_life(id, facts, region)),
            Lifecycle::Legacy { until } => {
                let when = match until {
                    Some(date) => format!("ends on {date}"),
                    None => "will end".to_owned(),
                };
                let next = self.instead(id, facts, region);
                warnings.push(format!(
                    "model '{id}' is legacy and {when}; accounts that have not used it lately may be refused: {next}"
                ));
            }
            Lifecycle::Active { .. } => {}
        }
        if facts.price.is_none() {
            warnings.push(format!(
                "the price of model '{id}' is not known, so its cost is unknown"
            ));
        }
        match &id.route {
            Route::Global => warnings.push(format!(
                "'{id}' may answer in any Region of the world: reports can leave their geography"
            )),
            Route::Geographic(geography) => {
                let prefix = geography.prefix().to_owned();
                if facts.profiles_unverified.contains(&prefix) {
                    warnings.push(format!(
                        "whether '{id}' exists is not verified; verified are {}",
                        facts.profiles.join(", ")
                    ));
                } else if !facts.profiles.contains(&prefix) {
                    warnings.push(format!(
                        "no profile '{id}' is known; known are {}",
                        facts.profiles.join(", ")
                    ));
                }
            }
            _ => {}
        }
        warnings
    }

    /// The id to call in `region` in the place of this model.
    pub fn replacement_in(&self, facts: &ModelFacts, region: &str) -> Option<String> {
        self.id_in(self.successor(facts)?, region)
    }

    /// The model that takes the place of this one and still answers.
    pub fn successor(&self, facts: &ModelFacts) -> Option<&ModelFacts> {
        let mut next = self.models.get(facts.replacement.as_ref()?)?;
        // A user's file can end a model that is itself a replacement; no chain is longer than there are models.
        for _ in 0..self.models.len() {
            if !next.lifecycle.is_end_of_life() {
                return Some(next);
            }
            next = self.models.get(next.replacement.as_ref()?)?;
        }
        None
    }

    /// Whether this is the ARN of an application inference profile of which a user's file tells the model.
    pub(super) fn is_application_profile(&self, given: &str) -> bool {
        self.behind.contains_key(given)
    }

    /// Known ids that are like `name`, the likest first, `most` at most.
    pub fn near(&self, name: &str, most: usize) -> Vec<&str> {
        let short = |id: &str| {
            let start = id.find("claude").unwrap_or(0);
            id[start..].to_ascii_lowercase()
        };
        let wanted = short(name);
        let mut ranked: Vec<(f64, &str)> = self
            .models
            .keys()
            .map(|key| {
                let own = short(key);
                let likeness = if own.starts_with(&wanted) && !wanted.is_empty() {
                    1.0
                } else {
                    strsim::normalized_damerau_levenshtein(&wanted, &own)
                };
                (likeness, key.as_str())
            })
            .filter(|(likeness, _)| *likeness >= MIN_LIKENESS)
            .collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
        ranked.into_iter().take(most).map(|(_, key)| key).collect()
    }
}

/// What tokens cost by this way.
fn priced(facts: &ModelFacts, route: &Route, region: Option<&str>) -> Option<Price> {
    let in_govcloud = region.is_some_and(|region| region.starts_with("us-gov-"));
    let tenths = match route {
        Route::Geographic(geography) => geography.price_tenths(facts.price_factors),
        // Without profile in GovCloud: its prices hold all the same.
        Route::InRegion if in_govcloud => Geography::UsGov.price_tenths(facts.price_factors),
        _ => 10,
    };
    let plain = facts.price?;
    Some(Price {
        input_pico_usd: times_tenths(plain.input_pico_usd, tenths),
        output_pico_usd: times_tenths(plain.output_pico_usd, tenths),
        cache_read_pico_usd: times_tenths(plain.cache_read_pico_usd, tenths),
        cache_write_pico_usd: times_tenths(plain.cache_write_pico_usd, tenths),
        long_prompt: plain.long_prompt,
    })
}
