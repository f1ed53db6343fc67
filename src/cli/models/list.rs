//! The table of all models, and which of them the fleet takes when nobody names one.

use std::io::Write;

use serde::Serialize;

use super::ShownPrice;
use crate::adapters::local::precedents;
use crate::catalog::{Catalog, ModelFacts};

/// One line of the table.
#[derive(Serialize)]
struct Line<'a> {
    /// As it is to be called.
    id: String,
    price: Option<ShownPrice>,
    burndown: u64,
    cache_minimum_tokens: Option<u64>,
    lifecycle: &'a str,
    date: Option<&'a str>,
    /// What to take instead, by the id to be called.
    replacement: Option<String>,
    note: Option<&'a str>,
    checked: &'a str,
}

/// The fleet's default in a Region.
#[derive(Serialize)]
struct Default {
    id: Option<String>,
    why: String,
}

#[derive(Serialize)]
struct All<'a> {
    region: Option<&'a str>,
    fleet_default: Option<Default>,
    run_default: &'a str,
    checked: &'a str,
    models: Vec<Line<'a>>,
    not_in_region: Vec<&'a str>,
    end_of_life: Vec<Line<'a>>,
}

const HEAD: [&str; 8] = [
    "model",
    "in",
    "out",
    "cache read",
    "cache write",
    "burndown",
    "cache from",
    "lifecycle",
];

pub(super) fn run(
    catalog: &Catalog,
    region: Option<&str>,
    json: bool,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    let fleet_default = region.map(|region| match catalog.default_for_region(region) {
        Ok(default) => Default {
            id: Some(default.model_id),
            why: default.why,
        },
        Err(why) => Default { id: None, why },
    });
    let mut all = All {
        region,
        fleet_default,
        run_default: precedents::MODEL_ID,
        checked: catalog.checked(),
        models: Vec::new(),
        not_in_region: Vec::new(),
        end_of_life: Vec::new(),
    };
    for (key, facts) in catalog.models() {
        if facts.lifecycle.is_end_of_life() {
            all.end_of_life
                .push(line(catalog, region, key.to_owned(), facts));
            continue;
        }
        let id = match region {
            _ if key != facts.model_id => Some(key.to_owned()),
            Some(region) => catalog.id_in(facts, region),
            None => Some(key.to_owned()),
        };
        match id {
            Some(id) => all.models.push(line(catalog, region, id, facts)),
            None => all.not_in_region.push(key),
        }
    }
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(&all)?)?;
    } else {
        print(&all, out)?;
    }
    Ok(0)
}

fn line<'a>(
    catalog: &Catalog,
    region: Option<&str>,
    id: String,
    facts: &'a ModelFacts,
) -> Line<'a> {
    Line {
        price: catalog.find(&id).price.map(ShownPrice::from),
        id,
        burndown: facts.burndown,
        cache_minimum_tokens: facts.cache_minimum_tokens,
        lifecycle: facts.lifecycle.name(),
        date: facts.lifecycle.date(),
        replacement: catalog.successor(facts).map(|next| {
            let there = region.and_then(|region| catalog.id_in(next, region));
            there.unwrap_or_else(|| next.model_id.clone())
        }),
        note: facts.note.as_deref(),
        checked: &facts.checked,
    }
}

fn print(all: &All<'_>, out: &mut dyn Write) -> anyhow::Result<()> {
    let rows: Vec<[String; 8]> = std::iter::once(HEAD.map(str::to_owned))
        .chain(all.models.iter().map(row))
        .collect();
    let widths: [usize; 8] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0));
    for row in &rows {
        let mut text = format!("{:<1$}", row[0], widths[0]);
        for column in 1..7 {
            text.push_str(&format!("  {:>1$}", row[column], widths[column]));
        }
        writeln!(out, "{text}  {}", row[7])?;
    }
    writeln!(
        out,
        "\nPrices are US dollars per million tokens{}; cache writes last 5 minutes.",
        match all.region {
            Some(region) => format!(", by the id that is shown, in {region}"),
            None => " through 'global.'; --region REGION shows ids and prices as they are there"
                .to_owned(),
        }
    )?;
    writeln!(
        out,
        "burndown: what an output token counts against the token quota. cache from: shorter prefixes are not cached; -: no prompt cache."
    )?;
    section(
        out,
        "notes",
        all.models
            .iter()
            .filter_map(|line| Some(format!("{}: {}", line.id, line.note.as_ref()?))),
    )?;
    section(
        out,
        "no profile in the Region's geography",
        all.not_in_region.iter().map(|id| (*id).to_owned()),
    )?;
    section(
        out,
        "end of life",
        all.end_of_life.iter().map(|line| {
            let instead = line.replacement.as_deref().unwrap_or("another model");
            format!("{}: take {instead}", line.id)
        }),
    )?;
    writeln!(out)?;
    match (&all.fleet_default, all.region) {
        (Some(Default { id: Some(id), why }), Some(region)) => {
            writeln!(out, "default of the fleet in {region}: {id}\n  {why}")?;
        }
        (Some(Default { id: None, why }), Some(region)) => {
            writeln!(out, "default of the fleet in {region}: none\n  {why}")?;
        }
        _ => writeln!(
            out,
            "default of the fleet: the cheapest current model that keeps reports in the Region's geography (--region)"
        )?,
    }
    writeln!(
        out,
        "default of 'annexa run': the offline model '{}', which costs nothing\nfacts checked: {}",
        all.run_default, all.checked
    )?;
    Ok(())
}

fn row(line: &Line<'_>) -> [String; 8] {
    let unknown = || "?".to_owned();
    let price = |pick: fn(&ShownPrice) -> &String| {
        line.price
            .as_ref()
            .map_or_else(unknown, |price| pick(price).clone())
    };
    let cached = |pick: fn(&ShownPrice) -> &String| match line.cache_minimum_tokens {
        Some(_) => price(pick),
        None => "-".to_owned(),
    };
    let date = match (line.lifecycle, line.date) {
        ("legacy", Some(date)) => format!(", ends {date}"),
        (_, Some(date)) => format!(", not before {date}"),
        (_, None) => String::new(),
    };
    [
        line.id.clone(),
        price(|price| &price.input_usd_per_million),
        price(|price| &price.output_usd_per_million),
        cached(|price| &price.cache_read_usd_per_million),
        cached(|price| &price.cache_write_usd_per_million),
        line.burndown.to_string(),
        match line.cache_minimum_tokens {
            Some(tokens) => tokens.to_string(),
            None => "-".to_owned(),
        },
        format!("{}{date}", line.lifecycle),
    ]
}

/// A heading and its lines; nothing where there are none.
fn section(
    out: &mut dyn Write,
    name: &str,
    lines: impl Iterator<Item = String>,
) -> anyhow::Result<()> {
    for (at, line) in lines.enumerate() {
        if at == 0 {
            writeln!(out, "\n{name}")?;
        }
        writeln!(out, "  {line}")?;
    }
    Ok(())
}
