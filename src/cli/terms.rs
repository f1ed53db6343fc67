//! `annexa terms`: look terms up, and check a terms file before a job is paid for with it.

mod search;
mod show;

use crate::terms::{Term, TermTable, TermsError};
use anyhow::Context as _;
use clap::Subcommand;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Exit code for input that cannot be used, an unknown code among it (EX_USAGE).
pub(super) const BAD_INPUT: u8 = 64;

/// How many near codes are offered for one that is not there.
const NEAR_CODES: usize = 5;

/// Look up IMDRF terms, or check a terms file.
#[derive(Debug, Subcommand)]
pub enum TermsCommand {
    /// Find terms by words in term, older wording or definition
    Search {
        /// Words or beginnings of words, in any order
        #[arg(required = true)]
        words: Vec<String>,
        /// Only terms of this annex, A to G
        #[arg(long, value_name = "LETTER", value_parser = annex)]
        annex: Option<char>,
        /// List so many terms at most
        #[arg(long, value_name = "N", default_value_t = 20)]
        limit: usize,
        /// A terms file (CSV with code,term) in place of the built-in release
        #[arg(long, value_name = "FILE")]
        terms: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show one term with its place in the tree
    Show {
        /// The code, such as A0401
        code: String,
        /// A terms file (CSV with code,term) in place of the built-in release
        #[arg(long, value_name = "FILE")]
        terms: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Check a terms file: what it holds, or all that is wrong with it
    Check {
        /// The terms file (CSV with code,term)
        file: PathBuf,
    },
}

/// Runs the command and writes its answer to `out`. The answer is an exit code: 0, or 64 for a bad file or unknown code.
///
/// # Errors
/// When a file cannot be read or `out` cannot be written.
pub fn run(cmd: &TermsCommand, out: &mut dyn Write) -> anyhow::Result<u8> {
    match cmd {
        TermsCommand::Search {
            words,
            annex,
            limit,
            terms,
            json,
        } => with_table(terms.as_deref(), out, |table, out| {
            search::run(table, &words.join(" "), *annex, *limit, *json, out)
        }),
        TermsCommand::Show { code, terms, json } => {
            with_table(terms.as_deref(), out, |table, out| {
                show::run(table, code, *json, out)
            })
        }
        TermsCommand::Check { file } => with_table(Some(file), out, check),
    }
}

/// The table of `file`, or the built-in one without a file.
///
/// # Errors
/// When the file cannot be read; a file that is no table is the inner error.
pub fn open(file: Option<&Path>) -> anyhow::Result<Result<Arc<TermTable>, TermsError>> {
    let Some(file) = file else {
        return Ok(Ok(TermTable::builtin()));
    };
    let name = file
        .file_name()
        .unwrap_or(file.as_os_str())
        .to_string_lossy();
    let bytes = std::fs::read(file)
        .with_context(|| format!("cannot read terms file '{}'", file.display()))?;
    Ok(TermTable::from_csv_bytes(&name, &bytes).map(Arc::new))
}

fn with_table(
    file: Option<&Path>,
    out: &mut dyn Write,
    then: impl FnOnce(&TermTable, &mut dyn Write) -> anyhow::Result<u8>,
) -> anyhow::Result<u8> {
    match open(file)? {
        Ok(table) => then(&table, out),
        Err(error) => {
            writeln!(out, "{error}")?;
            Ok(BAD_INPUT)
        }
    }
}

fn annex(given: &str) -> Result<char, String> {
    let letter = given.trim().to_ascii_uppercase();
    match letter.chars().next() {
        Some(c @ 'A'..='G') if letter.len() == 1 => Ok(c),
        _ => Err("expected one letter, A to G".to_owned()),
    }
}

/// Why a term cannot be chosen; `None` if it can.
fn why_not(term: &Term) -> Option<&'static str> {
    match (term.selectable(), term.is_retired()) {
        (true, _) => None,
        (false, true) => Some("retired: not to be chosen"),
        (false, false) => Some("heading: not to be chosen"),
    }
}

fn check(table: &TermTable, out: &mut dyn Write) -> anyhow::Result<u8> {
    writeln!(
        out,
        "{}: {} codes, release {}",
        table.name(),
        table.len(),
        table.release()
    )?;
    for annex in 'A'..='G' {
        let of_annex = || table.terms().iter().filter(|term| term.annex() == annex);
        let all = of_annex().count();
        if all > 0 {
            let selectable = of_annex().filter(|term| term.selectable()).count();
            writeln!(
                out,
                "  annex {annex}: {all} codes, {selectable} may be chosen"
            )?;
        }
    }
    writeln!(out, "  sha256 of the content: {}", table.sha256_hex())?;
    for warning in table.warnings() {
        writeln!(out, "  warning: {warning}")?;
    }
    Ok(0)
}

#[cfg(test)]
mod tests;
