//! Whether a model can be called in a Region, by which id, and which one is taken when nobody names one.

use super::facts::{Lifecycle, ModelFacts};
use super::geography::Geography;
use super::id::{ModelId, Route};
use super::lookup::{Catalog, Known};
use crate::core::money::{Price, usd_per_million};

/// The model that the fleet takes when nobody names one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefaultModel {
    /// Its id, as it is to be called.
    pub model_id: String,
    /// Why this one, in a sentence.
    pub why: String,
}

impl Catalog {
    /// What is known of a model for calls in `region`.
    ///
    /// # Errors
    /// Why it cannot be called there, and what to take instead: its end of life, or an id without profile where only
    /// profiles are offered. What is merely doubtful is a warning.
    pub fn check(&self, model_id: &str, region: &str) -> Result<Known, Vec<String>> {
        let mut known = self.find_in(model_id, Some(region));
        let id = &known.id;
        let mut problems = Vec::new();
        if let Some(facts) = &known.facts {
            if facts.lifecycle.is_end_of_life() {
                problems.push(self.end_of_life(id, facts, Some(region)));
            } else if id.route == Route::InRegion
                && !self.is_application_profile(&id.given)
                && facts.needs_profile
                && !facts.in_region.iter().any(|own| own == region)
            {
                problems.push(needs_profile(id, facts, region));
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        known
            .warnings
            .extend(misfits(id, known.facts.as_ref(), region));
        Ok(known)
    }

    /// The default model of the fleet in `region`: the cheapest active model with a verified profile of the Region's own
    /// geography. Never `global.`: reports stay in their geography unless somebody asks for less (DESIGN §6).
    ///
    /// # Errors
    /// That there is none, and what can be named instead.
    pub fn default_for_region(&self, region: &str) -> Result<DefaultModel, String> {
        let Some((price, model_id)) = self.cheapest(|facts| profile_in(facts, region)) else {
            let global = |facts: &ModelFacts| {
                let is_global = facts.profiles.iter().any(|prefix| prefix == "global");
                is_global.then(|| format!("global.{}", facts.model_id))
            };
            let or_else = match self.cheapest(global) {
                Some((_, id)) => format!("; '{id}' if reports may leave it"),
                None => String::new(),
            };
            return Err(format!(
                "no model is known to have a profile that keeps reports in the geography of '{region}': name a model{or_else}"
            ));
        };
        let geography = model_id.split('.').next().unwrap_or_default();
        let why = format!(
            "the cheapest current model with a profile that keeps reports in the Region's geography ('{geography}'): {} US \
             dollars per million tokens in, {} out",
            usd_per_million(price.input_pico_usd),
            usd_per_million(price.output_pico_usd)
        );
        Ok(DefaultModel { model_id, why })
    }

    /// The active model with the lowest price, input before output, of those that `way` gives an id; and that id.
    fn cheapest(&self, way: impl Fn(&ModelFacts) -> Option<String>) -> Option<(Price, String)> {
        self.models()
            .filter(|(key, facts)| {
                // A user's own ARN is not for everybody.
                *key == facts.model_id && matches!(facts.lifecycle, Lifecycle::Active { .. })
            })
            .filter_map(|(_, facts)| {
                let model_id = way(facts)?;
                Some((self.find(&model_id).price?, model_id))
            })
            .min_by_key(|(price, id)| (price.input_pico_usd, price.output_pico_usd, id.clone()))
    }

    /// The id to call a model by in `region`: its profile of the Region's geography, or the plain id where that answers.
    pub fn id_in(&self, facts: &ModelFacts, region: &str) -> Option<String> {
        let plain = || {
            let answers = !facts.needs_profile || facts.in_region.iter().any(|own| own == region);
            answers.then(|| facts.model_id.clone())
        };
        profile_in(facts, region).or_else(plain)
    }

    /// That a model has ended, and what to take by the same way.
    pub(super) fn end_of_life(
        &self,
        id: &ModelId,
        facts: &ModelFacts,
        region: Option<&str>,
    ) -> String {
        let since = match facts.lifecycle.date() {
            Some(date) => format!(" on {date}"),
            None => String::new(),
        };
        let next = self.instead(id, facts, region);
        format!("model '{id}' reached its end of life{since} and answers nobody: {next}")
    }

    /// What to take instead: the model's successor, by the same way if it has that, or by the Region's own.
    pub(super) fn instead(&self, id: &ModelId, facts: &ModelFacts, region: Option<&str>) -> String {
        let Some(next) = self.successor(facts) else {
            return "take another model".to_owned();
        };
        let same_way = match &id.route {
            Route::Geographic(geography) if has(next, geography) => {
                Some(id.with_base(&next.model_id))
            }
            Route::Global => Some(id.with_base(&next.model_id)),
            _ => None,
        };
        let next = same_way
            .or_else(|| self.id_in(next, region?))
            .unwrap_or_else(|| next.model_id.clone());
        format!("take '{next}' instead")
    }
}

/// Whether the model has a verified profile of this geography.
fn has(facts: &ModelFacts, geography: &Geography) -> bool {
    facts
        .profiles
        .iter()
        .any(|prefix| prefix == geography.prefix())
}

/// The id of the model's profile of the narrowest geography in which `region` lies.
fn profile_in(facts: &ModelFacts, region: &str) -> Option<String> {
    let geography = Geography::of_region(region)
        .into_iter()
        .find(|geography| has(facts, geography))?;
    Some(format!("{}.{}", geography.prefix(), facts.model_id))
}

fn needs_profile(id: &ModelId, facts: &ModelFacts, region: &str) -> String {
    let what = format!("model '{id}' is offered through inference profiles only");
    match profile_in(facts, region) {
        Some(profile) => format!("{what}: take '{profile}' in {region}"),
        None => format!(
            "{what}, and none is known to keep reports in the geography of {region}; its profiles: {}",
            facts.profiles.join(", ")
        ),
    }
}

/// What is doubtful about calling `id` in `region`.
fn misfits(id: &ModelId, facts: Option<&ModelFacts>, region: &str) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Some(own) = id.region.as_deref().filter(|own| *own != region) {
        warnings.push(format!(
            "'{id}' is in {own} and the calls are made in {region}: Bedrock refuses ARNs of other Regions"
        ));
    }
    let geographies = Geography::of_region(region);
    match &id.route {
        Route::Geographic(Geography::Us) if geographies.contains(&Geography::Ca) => {
            warnings.push(format!(
                "'{id}' answers in the United States: reports leave Canada"
            ));
        }
        Route::Geographic(geography) if !geographies.contains(geography) => {
            let instead = match facts.and_then(|facts| profile_in(facts, region)) {
                Some(profile) => format!("; '{profile}' does"),
                None => String::new(),
            };
            warnings.push(format!(
                "'{id}' does not fit {region}, which lies in another geography{instead}"
            ));
        }
        Route::Global => {
            if let Some(profile) = facts.and_then(|facts| profile_in(facts, region)) {
                warnings.push(format!(
                    "'{profile}' would keep reports in the geography of {region}"
                ));
            }
        }
        _ => {}
    }
    warnings
}
