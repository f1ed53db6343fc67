//! `annexa models`: what is known of the Claude models on Bedrock, before a job is paid for.

mod list;
mod show;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;

use super::exit;
use crate::catalog::{Catalog, CatalogError};
use crate::core::money::{Price, usd_per_million};

/// How many near names are offered for one that is not there.
const NEAR_NAMES: usize = 5;

/// What is to be shown.
#[derive(Debug, Clone, Args)]
pub struct ModelsArgs {
    /// One model, by id, profile or ARN: everything that is known of it [default: a table of all]
    pub model: Option<String>,
    /// The AWS Region of the calls: ids and prices as they are there
    #[arg(long, value_name = "REGION", value_parser = region)]
    pub region: Option<String>,
    /// Your own facts of models (TOML; docs/MODELS.md), over the built-in ones field by field
    #[arg(long, value_name = "FILE")]
    pub models: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Runs the command and writes its answer to `out`. The answer is an exit code: 0, or 64 for a bad file or unknown model.
///
/// # Errors
/// When a file cannot be read or `out` cannot be written.
pub fn run(args: &ModelsArgs, out: &mut dyn Write) -> anyhow::Result<u8> {
    let catalog = match open(args.models.as_deref())? {
        Ok(catalog) => catalog,
        Err(error) => {
            writeln!(out, "{error}")?;
            return Ok(exit::USAGE);
        }
    };
    let region = args.region.as_deref();
    match &args.model {
        Some(model) => show::run(&catalog, model, region, args.json, out),
        None => list::run(&catalog, region, args.json, out),
    }
}

/// The built-in catalog, with `file` over it where there is one.
///
/// # Errors
/// When the file cannot be read; a file with faults is the inner error.
pub fn open(file: Option<&Path>) -> anyhow::Result<Result<Arc<Catalog>, CatalogError>> {
    let Some(file) = file else {
        return Ok(Ok(Catalog::builtin()));
    };
    let name = file
        .file_name()
        .unwrap_or(file.as_os_str())
        .to_string_lossy();
    let bytes = std::fs::read(file)
        .with_context(|| format!("cannot read models file '{}'", file.display()))?;
    Ok(Catalog::with_overrides(&name, &bytes).map(Arc::new))
}

fn region(given: &str) -> Result<String, String> {
    let given = given.trim();
    let parts = given.split('-').count();
    let is_region = parts >= 3
        && given
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && given.ends_with(|last: char| last.is_ascii_digit());
    if is_region {
        Ok(given.to_owned())
    } else {
        Err("expected an AWS Region such as us-east-1".to_owned())
    }
}

/// A price in JSON: US dollars per million tokens, as text so that no digit is lost.
#[derive(serde::Serialize)]
struct ShownPrice {
    input_usd_per_million: String,
    output_usd_per_million: String,
    cache_read_usd_per_million: String,
    cache_write_usd_per_million: String,
    long_prompt_above_tokens: Option<u64>,
    long_prompt_factor: Option<u64>,
}

impl From<Price> for ShownPrice {
    fn from(price: Price) -> ShownPrice {
        ShownPrice {
            input_usd_per_million: usd_per_million(price.input_pico_usd),
            output_usd_per_million: usd_per_million(price.output_pico_usd),
            cache_read_usd_per_million: usd_per_million(price.cache_read_pico_usd),
            cache_write_usd_per_million: usd_per_million(price.cache_write_pico_usd),
            long_prompt_above_tokens: price.long_prompt.map(|long| long.above_tokens),
            long_prompt_factor: price.long_prompt.map(|long| long.factor),
        }
    }
}

#[cfg(test)]
mod tests;
