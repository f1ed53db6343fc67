//! What a model id says: the model, the way to it, and the Region of an ARN.

use super::geography::Geography;

/// The way to a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// The model itself, in the Region of the call.
    InRegion,
    /// A profile that stays in a geography.
    Geographic(Geography),
    /// The profile that may go to any Region.
    Global,
    /// An application inference profile: its ARN does not tell the model.
    Application,
    /// Something else: a provisioned or custom model, or no id at all.
    Unknown,
}

/// A model id, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelId {
    /// As it was given, and as it is sent.
    pub given: String,
    /// The model's id without geography, where the id tells it.
    pub base: Option<String>,
    /// The way to it.
    pub route: Route,
    /// The Region that an ARN names.
    pub region: Option<String>,
}

impl ModelId {
    /// Takes an id apart: `anthropic.claude-...`, a profile's id as `us.anthropic.claude-...`, or an ARN of one of them.
    pub fn parse(given: &str) -> ModelId {
        let given = given.trim();
        let (base, route, region) = match given.strip_prefix("arn:") {
            None => {
                let (base, route) = plain(given);
                (base, route, None)
            }
            Some(rest) => arn(rest),
        };
        ModelId {
            given: given.to_owned(),
            base,
            route,
            region,
        }
    }

    /// The same way to another model, as an id: `eu.` stays `eu.`.
    pub(super) fn with_base(&self, base: &str) -> String {
        match &self.route {
            Route::Geographic(geography) => format!("{}.{base}", geography.prefix()),
            Route::Global => format!("global.{base}"),
            _ => base.to_owned(),
        }
    }
}

impl std::fmt::Display for ModelId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.given)
    }
}

/// An id that is no ARN.
fn plain(id: &str) -> (Option<String>, Route) {
    let is_id = id
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b));
    let Some((prefix, rest)) = id.split_once('.').filter(|_| is_id) else {
        return (None, Route::Unknown);
    };
    let route = match Geography::known(prefix) {
        // `anthropic.claude-...`: a vendor and a model.
        _ if !rest.contains('.') => Route::InRegion,
        _ if prefix == "global" => Route::Global,
        Some(geography) => Route::Geographic(geography),
        // A geography that came after this version.
        None if rest.starts_with("anthropic.") => {
            Route::Geographic(Geography::Other(prefix.to_owned()))
        }
        None => Route::InRegion,
    };
    let base = if route == Route::InRegion { id } else { rest };
    (Some(base.to_owned()), route)
}

/// `partition:bedrock:region:account:kind/resource`; a model's id itself has colons.
fn arn(rest: &str) -> (Option<String>, Route, Option<String>) {
    let parts: Vec<&str> = rest.splitn(5, ':').collect();
    let [_, "bedrock", region, _, resource] = parts.as_slice() else {
        return (None, Route::Unknown, None);
    };
    let region = Some((*region).to_owned()).filter(|region| !region.is_empty());
    let (base, route) = match resource.split_once('/') {
        Some(("foundation-model" | "inference-profile", id)) => plain(id),
        Some(("application-inference-profile", _)) => (None, Route::Application),
        _ => (None, Route::Unknown),
    };
    (base, route, region)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HAIKU: &str = "anthropic.claude-haiku-4-5-20251001-v1:0";

    fn parts(given: &str) -> (Option<String>, Route, Option<String>) {
        let id = ModelId::parse(given);
        (id.base, id.route, id.region)
    }

    #[test]
    fn profiles_name_the_model_behind_a_geography() {
        let base = || Some(HAIKU.to_owned());
        assert_eq!(parts(HAIKU), (base(), Route::InRegion, None));
        for (prefix, geography) in [
            ("us", Geography::Us),
            ("us-gov", Geography::UsGov),
            ("eu", Geography::Eu),
            ("apac", Geography::Apac),
            ("au", Geography::Au),
            ("jp", Geography::Jp),
            ("in", Geography::In),
            ("ca", Geography::Ca),
            ("sa", Geography::Other("sa".to_owned())),
        ] {
            let id = format!(" {prefix}.{HAIKU}\n");
            assert_eq!(parts(&id), (base(), Route::Geographic(geography), None));
        }
        assert_eq!(
            parts(&format!("global.{HAIKU}")),
            (base(), Route::Global, None)
        );
    }

    #[test]
    fn arns_name_the_region_and_all_but_application_profiles_the_model() {
        let base = || Some(HAIKU.to_owned());
        let region = |name: &str| Some(name.to_owned());
        assert_eq!(
            parts(&format!(
                "arn:aws:bedrock:us-east-1::foundation-model/{HAIKU}"
            )),
            (base(), Route::InRegion, region("us-east-1"))
        );
        assert_eq!(
            parts(&format!(
                "arn:aws-us-gov:bedrock:us-gov-west-1:123456789012:inference-profile/us-gov.{HAIKU}"
            )),
            (
                base(),
                Route::Geographic(Geography::UsGov),
                region("us-gov-west-1")
            )
        );
        assert_eq!(
            parts("arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/ab12cd"),
            (None, Route::Application, region("eu-west-1"))
        );
        assert_eq!(
            parts("arn:aws:bedrock:eu-west-1:123456789012:provisioned-model/ab12cd"),
            (None, Route::Unknown, region("eu-west-1"))
        );
        assert_eq!(parts("arn:aws:s3:::bucket"), (None, Route::Unknown, None));
    }

    #[test]
    fn other_vendors_models_are_taken_as_they_are_and_nonsense_is_unknown() {
        assert_eq!(
            parts("amazon.nova-lite-v1:0"),
            (
                Some("amazon.nova-lite-v1:0".to_owned()),
                Route::InRegion,
                None
            )
        );
        assert_eq!(
            parts("us.amazon.nova-lite-v1:0").1,
            Route::Geographic(Geography::Us)
        );
        for nonsense in ["", "haiku", "bedrock/claude", "a b.c"] {
            assert_eq!(parts(nonsense), (None, Route::Unknown, None), "{nonsense}");
        }
    }
}
