//! The checks, in the order in which they build on each other.

use std::time::Duration;

use super::{Check, Status};
use crate::adapters::aws::bedrock::{BedrockClients, BedrockSetup, probe};
use crate::adapters::aws::config::{BEARER_VARIABLE, USE_BEARER_VARIABLE};
use crate::adapters::aws::{AwsConfig, BearerToken};
use crate::catalog::{Catalog, Lifecycle, ModelFacts};
use crate::coding::prompt::{PROMPT_VERSION, system_prompt};
use crate::core::problem::{Problem, ProblemType};
use crate::precedents::Precedents;
use crate::terms::TermTable;

/// Nobody watches a check for longer.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

fn ok(check: &'static str, says: impl Into<String>) -> Check {
    Check {
        check,
        status: Status::Ok,
        says: says.into(),
    }
}

fn warning(check: &'static str, says: impl Into<String>) -> Check {
    Check {
        status: Status::Warning,
        ..ok(check, says)
    }
}

fn fail(check: &'static str, says: impl Into<String>) -> Check {
    Check {
        status: Status::Fail,
        ..ok(check, says)
    }
}

/// What is left to check for the model that answers on this machine.
pub(super) fn offline() -> Vec<Check> {
    let model = match Precedents::builtin() {
        Ok(_) => ok(
            "model",
            "precedents answers on this machine and needs nothing else",
        ),
        Err(error) => fail("model", format!("precedents: {error}")),
    };
    vec![program(), terms(), model]
}

/// All checks that make sense for `model`; `facts` are what is known of it.
pub(super) async fn all(
    aws: &AwsConfig,
    model: Option<&str>,
    facts: Option<&ModelFacts>,
) -> Vec<Check> {
    let mut checks = vec![program(), terms()];
    checks.extend([
        region(aws, model),
        credentials(aws, model).await,
        bearer(aws),
        endpoint(aws),
    ]);
    let Some(model) = model else { return checks };
    let has_ground = checks.iter().all(|check| check.status != Status::Fail);
    let lifecycle = lifecycle(model, facts);
    let is_there = lifecycle.status != Status::Fail;
    checks.push(lifecycle);
    checks.extend(facts.map(cache));
    // A call that cannot succeed would only say again what was just said.
    if has_ground && is_there {
        checks.push(access(aws, model, facts).await);
    }
    checks
}

fn program() -> Check {
    let version = env!("CARGO_PKG_VERSION");
    ok(
        "program",
        format!("annexa {version}, prompt {PROMPT_VERSION}"),
    )
}

fn terms() -> Check {
    let terms = TermTable::builtin();
    let count = |problem| terms.selectable(problem).count();
    ok(
        "terms",
        format!(
            "IMDRF release {}: {} product and {} patient codes may be chosen",
            terms.release(),
            count(Problem::Product),
            count(Problem::Patient)
        ),
    )
}

fn region(aws: &AwsConfig, model: Option<&str>) -> Check {
    match (aws.region(), aws.region_source()) {
        (Ok(region), source) => ok(
            "region",
            format!("{region} ({})", source.unwrap_or("given")),
        ),
        // What was given and is wrong is always to be mended; what was not given is only missed by a model.
        (Err(error), None) if model.is_none() => {
            warning("region", format!("{error}; coding offline needs none"))
        }
        (Err(error), _) => fail("region", error.to_string()),
    }
}

async fn credentials(aws: &AwsConfig, model: Option<&str>) -> Check {
    match aws.credentials().await {
        Ok(found) => ok(
            "credentials",
            format!("from {}, key {}", found.provider, found.access_key_id),
        ),
        Err(error) if model.is_none() => {
            warning("credentials", format!("{error}; coding offline needs none"))
        }
        Err(error) => fail("credentials", error.to_string()),
    }
}

fn bearer(aws: &AwsConfig) -> Check {
    match aws.bearer() {
        BearerToken::Absent => ok("api key", format!("{BEARER_VARIABLE} is not set")),
        BearerToken::Used => ok(
            "api key",
            format!(
                "{BEARER_VARIABLE} is used in place of credentials, as {USE_BEARER_VARIABLE} asks"
            ),
        ),
        BearerToken::Ignored => warning(
            "api key",
            format!(
                "{BEARER_VARIABLE} is set and not used: unset it, or set {USE_BEARER_VARIABLE}=1 to use it in place of \
                 credentials"
            ),
        ),
        BearerToken::Missing => warning(
            "api key",
            format!(
                "{USE_BEARER_VARIABLE} is set, but {BEARER_VARIABLE} is not: set it, or unset both"
            ),
        ),
    }
}

fn endpoint(aws: &AwsConfig) -> Check {
    match aws.endpoint_override() {
        None => ok("endpoint", "AWS's own"),
        Some((url, source)) => warning(
            "endpoint",
            format!("reports go to {url} and not to AWS ({source}): unset it unless that is meant"),
        ),
    }
}

fn lifecycle(model: &str, facts: Option<&ModelFacts>) -> Check {
    let Some(facts) = facts else {
        return warning(
            "model",
            format!(
                "nothing is known of {model}: no price, no prompt cache, careful limits; check its id"
            ),
        );
    };
    let take = match &facts.replacement {
        Some(replacement) => format!("take {replacement}"),
        None => "take a current model".to_string(),
    };
    let on = |word: &str, date: &Option<String>| match date {
        Some(date) => format!(" {word} {date}"),
        None => String::new(),
    };
    let checked = format!("as of {}", facts.checked);
    match &facts.lifecycle {
        Lifecycle::Active { until } => ok(
            "model",
            format!(
                "{model} is offered{}, {checked}",
                on("and not known to end before", until)
            ),
        ),
        Lifecycle::Legacy { until } => warning(
            "model",
            format!(
                "{model} is being phased out{}, {checked}: {take}",
                on("and ends", until)
            ),
        ),
        Lifecycle::EndOfLife { since } => fail(
            "model",
            format!(
                "{model} has reached the end of its life{}, {checked}: {take}",
                on("on", since)
            ),
        ),
    }
}

/// Why an id does not fit its Region. The end of a model's life is told elsewhere.
pub(super) fn misfits(catalog: &Catalog, model: &str, region: &str) -> Vec<Check> {
    let known = catalog.find(model);
    let is_over = known
        .facts
        .is_some_and(|facts| facts.lifecycle.is_end_of_life());
    match catalog.check(model, region) {
        Err(problems) if !is_over => problems.into_iter().map(|why| fail("id", why)).collect(),
        Err(_) => Vec::new(),
        Ok(checked) => checked
            .warnings
            .into_iter()
            .filter(|why| !known.warnings.contains(why))
            .map(|why| warning("id", why))
            .collect(),
    }
}

/// Whether the list of codes is long enough to be cached; for most of the bill it is (FACTS §1).
fn cache(facts: &ModelFacts) -> Check {
    let Some(minimum) = facts.cache_minimum_tokens else {
        return warning(
            "prompt cache",
            "the model has none: every call pays for the whole list of codes",
        );
    };
    let terms = TermTable::builtin();
    let sizes = [
        ProblemType::Product,
        ProblemType::Patient,
        ProblemType::Both,
    ]
    .map(|problem_type| {
        let bytes = system_prompt(&terms, problem_type).len() as f64;
        (problem_type, (bytes / facts.bytes_per_token) as u64)
    });
    let listed: Vec<String> = sizes
        .iter()
        .map(|(problem_type, tokens)| format!("{tokens} ({problem_type})"))
        .collect();
    let says = format!(
        "the list of codes has about {} tokens; the model caches from {minimum} on",
        listed.join(", ")
    );
    if sizes.iter().all(|(_, tokens)| *tokens >= minimum) {
        ok("prompt cache", says)
    } else {
        warning("prompt cache", says)
    }
}

async fn access(aws: &AwsConfig, model: &str, facts: Option<&ModelFacts>) -> Check {
    let setup = BedrockSetup {
        calls_in_flight: 1,
        read_timeout: CALL_TIMEOUT,
        call_timeout: CALL_TIMEOUT,
        ..BedrockSetup::default()
    };
    let probed = match BedrockClients::new(aws, &setup) {
        Ok(clients) => {
            // As a run would call it.
            let careful = ModelFacts::cautious(model);
            probe(&clients, model, facts.unwrap_or(&careful)).await
        }
        Err(error) => Err(error),
    };
    let used = match probed {
        Ok(used) => used,
        Err(error) => return fail("access", error.to_string()),
    };
    let cost = match facts.and_then(|facts| facts.price) {
        Some(price) => format!("about {} US dollars", used.usage.cost(&price)),
        None => "at a price that is not known here".to_string(),
    };
    ok(
        "access",
        format!(
            "answered in {} ms; this call used {} input and {} output tokens, {cost}",
            used.latency.as_millis(),
            used.usage.prompt_tokens(),
            used.usage.output_tokens
        ),
    )
}
