//! Everything that is known of one model, or what may have been meant.

use std::io::Write;

use serde::Serialize;

use super::{NEAR_NAMES, ShownPrice};
use crate::catalog::{Catalog, Known, ModelFacts};
use crate::cli::exit;
use crate::core::money::usd_per_million;

/// One model in full, in JSON.
#[derive(Serialize)]
struct Shown<'a> {
    id: &'a str,
    model: &'a str,
    region: Option<&'a str>,
    /// Whether it can be called in the Region; `null` without one.
    usable: Option<bool>,
    price: Option<ShownPrice>,
    price_factors: &'a str,
    burndown: u64,
    cache_minimum_tokens: Option<u64>,
    bytes_per_token: f64,
    max_output_tokens: u32,
    refuses: &'a [String],
    thinking: &'a str,
    needs_profile: bool,
    in_region: &'a [String],
    profiles: &'a [String],
    profiles_unverified: &'a [String],
    lifecycle: &'a str,
    date: Option<&'a str>,
    replacement: Option<&'a str>,
    source: &'a str,
    checked: &'a str,
    note: Option<&'a str>,
    problems: &'a [String],
    warnings: &'a [String],
}

/// The answer to an unknown model: what may have been meant.
#[derive(Serialize)]
struct Unknown<'a> {
    error: &'a str,
    near: Vec<&'a str>,
}

pub(super) fn run(
    catalog: &Catalog,
    model: &str,
    region: Option<&str>,
    json: bool,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    let mut known = catalog.find(model);
    let Some(facts) = known.facts.take() else {
        return unknown(catalog, &known, json, out);
    };
    let checked = region.map(|region| catalog.check(model, region));
    let problems = match &checked {
        Some(Err(problems)) => problems.clone(),
        _ => Vec::new(),
    };
    if let Some(checked) = checked {
        match checked {
            Ok(in_region) => known = in_region,
            // That it has ended is a problem already.
            Err(_) => known.warnings.clear(),
        }
    }
    if json {
        let shown = Shown {
            id: &known.id.given,
            model: &facts.model_id,
            region,
            usable: region.map(|_| problems.is_empty()),
            price: known.price.map(ShownPrice::from),
            price_factors: facts.price_factors.name(),
            burndown: facts.burndown,
            cache_minimum_tokens: facts.cache_minimum_tokens,
            bytes_per_token: facts.bytes_per_token,
            max_output_tokens: facts.max_output_tokens,
            refuses: &facts.refuses,
            thinking: facts.thinking.name(),
            needs_profile: facts.needs_profile,
            in_region: &facts.in_region,
            profiles: &facts.profiles,
            profiles_unverified: &facts.profiles_unverified,
            lifecycle: facts.lifecycle.name(),
            date: facts.lifecycle.date(),
            replacement: facts.replacement.as_deref(),
            source: &facts.source,
            checked: &facts.checked,
            note: facts.note.as_deref(),
            problems: &problems,
            warnings: &known.warnings,
        };
        writeln!(out, "{}", serde_json::to_string_pretty(&shown)?)?;
        return Ok(exit::OK);
    }
    print(&known, &facts, region, &problems, out)?;
    Ok(exit::OK)
}

fn print(
    known: &Known,
    facts: &ModelFacts,
    region: Option<&str>,
    problems: &[String],
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    writeln!(out, "{}", known.id)?;
    let mut line = |name: &str, text: &str| match text {
        "" => Ok(()),
        text => writeln!(out, "  {name:<17}{text}"),
    };
    if known.id.given != facts.model_id {
        line("model", &facts.model_id)?;
    }
    line("lifecycle", &facts.lifecycle.to_string())?;
    line(
        "replacement",
        facts.replacement.as_deref().unwrap_or_default(),
    )?;
    match known.price {
        None => line("price", "not known")?,
        Some(price) => {
            let usd = usd_per_million;
            let cache = match facts.cache_minimum_tokens {
                Some(_) => format!(
                    ", {} cache read, {} cache write",
                    usd(price.cache_read_pico_usd),
                    usd(price.cache_write_pico_usd)
                ),
                None => String::new(),
            };
            line(
                "price",
                &format!(
                    "{} in, {} out{cache} (US dollars per million tokens)",
                    usd(price.input_pico_usd),
                    usd(price.output_pico_usd)
                ),
            )?;
            if let Some(long) = price.long_prompt {
                let text = format!(
                    "above {} tokens all cost {} times that",
                    long.above_tokens, long.factor
                );
                line("long prompts", &text)?;
            }
        }
    }
    line(
        "geographies",
        match facts.price_factors.name() {
            "all" => {
                "profiles of a geography cost a tenth more, us-gov a fifth; global. costs no more"
            }
            "us-gov" => "us-gov costs a fifth more, other geographies no more",
            _ => "cost the same everywhere",
        },
    )?;
    line("profiles", &facts.profiles.join(", "))?;
    line("not verified", &facts.profiles_unverified.join(", "))?;
    line(
        "without profile",
        &match (facts.needs_profile, facts.in_region.is_empty()) {
            (false, _) => "yes".to_owned(),
            (true, true) => "no".to_owned(),
            (true, false) => format!("in {} alone", facts.in_region.join(", ")),
        },
    )?;
    line("burndown", &format!("{} per output token", facts.burndown))?;
    line(
        "prompt cache",
        &match facts.cache_minimum_tokens {
            Some(tokens) => format!("from {tokens} tokens"),
            None => "none".to_owned(),
        },
    )?;
    line("bytes a token", &format!("about {}", facts.bytes_per_token))?;
    line(
        "output tokens",
        &format!("{} at most", facts.max_output_tokens),
    )?;
    line("thinking", facts.thinking.name())?;
    line("refuses", &facts.refuses.join(", "))?;
    line("note", facts.note.as_deref().unwrap_or_default())?;
    line("source", &facts.source)?;
    line("checked", &facts.checked)?;
    if let Some(region) = region {
        let answer = match (problems.is_empty(), known.warnings.is_empty()) {
            (false, _) => "no",
            (true, true) => "yes",
            (true, false) => "with the warnings below",
        };
        line("usable", &format!("{answer}, in {region}"))?;
    }
    for problem in problems {
        line("problem", problem)?;
    }
    for warning in &known.warnings {
        line("warning", warning)?;
    }
    Ok(())
}

fn unknown(
    catalog: &Catalog,
    known: &Known,
    json: bool,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    let near = catalog.near(&known.id.given, NEAR_NAMES);
    let error = known.warnings.first().map_or("", String::as_str);
    if json {
        let unknown = Unknown { error, near };
        writeln!(out, "{}", serde_json::to_string_pretty(&unknown)?)?;
        return Ok(exit::USAGE);
    }
    writeln!(out, "{error}")?;
    for (at, id) in near.iter().enumerate() {
        let name = if at == 0 { "near: " } else { "      " };
        writeln!(out, "{name}{id}")?;
    }
    if near.is_empty() {
        writeln!(out, "all that are known: annexa models")?;
    }
    Ok(exit::USAGE)
}
