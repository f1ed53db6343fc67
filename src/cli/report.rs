//! `annexa report`: report.html anew, from a folder of outputs.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use clap::Args;

use super::run::STATE_FOLDER;
use super::{exit, terms};
use crate::core::files;
use crate::core::outcome::Outcome;
use crate::outputs::{OWNER, Outputs};
use crate::report::findings::Findings;
use crate::report::page;
use crate::report::stats::StatsReader;
use crate::report::summary::Summary;

/// Make the report of a finished job anew
///
/// Reads a folder of outputs and writes the page that report.html is, with this version of the program, or one that holds no
/// report text. The job's own files stay as they are: their digests stand in manifest.json.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// A folder of outputs, or the results file in it
    pub dir: PathBuf,
    /// Leave out all text of reports: quotations, and errors that may quote
    #[arg(long)]
    pub no_text: bool,
    /// Where the page goes [default: report.rebuilt.html in DIR, or report.no-text.html]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// The terms file that the results were coded with, if not the built-in release
    #[arg(long, value_name = "FILE")]
    pub terms: Option<PathBuf>,
}

/// Runs the command; what it wrote is said on `out`.
///
/// # Errors
/// The folder holds no finished job, its files do not belong together, or the page cannot be written.
pub fn run(args: &ReportArgs, out: &mut dyn Write) -> anyhow::Result<u8> {
    let outputs = Outputs::open_unchanged(&args.dir)?;
    let spec = &outputs.owner().spec;
    let table = match terms::open(args.terms.as_deref())? {
        Ok(table) => table,
        Err(error) => {
            writeln!(out, "{error}")?;
            return Ok(exit::USAGE);
        }
    };
    ensure!(
        table.sha256_hex() == spec.terms_sha256,
        "the results were coded with other terms than {} has (their SHA-256 is {}): name their file with --terms",
        table.name(),
        spec.terms_sha256
    );
    let summary = outputs.summary()?;
    ensure!(
        summary.job_id == outputs.owner().job_id.as_str(),
        "summary.json is of {}, and {OWNER} of {}: take both from the same outputs",
        summary.job_id,
        outputs.owner().job_id
    );
    // A job that was to be without texts stays so.
    let no_text = args.no_text || spec.no_text;
    let findings = look_through(&outputs, &summary, no_text)?;
    let html = page::render(&summary, Some(&findings), &table);
    let name = match no_text {
        true => files::REPORT_NO_TEXT,
        false => files::REPORT_REBUILT,
    };
    let to = args
        .out
        .clone()
        .unwrap_or_else(|| outputs.folder().join(name));
    guard(&outputs, &to, &html)?;
    exit::written(&to, std::fs::write(&to, &html))?;
    let text = match no_text {
        true => "without report text",
        false => "with report text",
    };
    writeln!(
        out,
        "report    {} ({} bytes, {text})",
        to.display(),
        html.len()
    )?;
    Ok(exit::OK)
}

/// One pass over the rows, which have to be those that the summary counts.
fn look_through(outputs: &Outputs, summary: &Summary, no_text: bool) -> anyhow::Result<Findings> {
    let spec = &outputs.owner().spec;
    let mut reader = StatsReader::for_page(outputs.columns(), spec, no_text);
    let mut rows = outputs.rows()?;
    while let Some(row) = rows.next_row()? {
        reader.count(row.record().as_byte_record());
    }
    let stats = reader.finish();
    for outcome in Outcome::ALL {
        let said = summary
            .outcomes
            .get(outcome.name())
            .copied()
            .unwrap_or_default();
        let found = stats.tally.of(outcome);
        ensure!(
            said == found,
            "{} has {found} rows that are {}, and summary.json counts {said}: take the file as the job wrote it",
            outputs.results().display(),
            outcome.name()
        );
    }
    stats.findings.context("the rows were not looked at")
}

/// Refuses to write over what the job wrote, since its digest stands in the manifest, and over decisions of people. The very
/// same bytes may be written.
fn guard(outputs: &Outputs, to: &Path, html: &str) -> anyhow::Result<()> {
    // What is not there yet is nobody's; whether it can be written will show.
    let Ok(target) = to.canonicalize() else {
        return Ok(());
    };
    let manifest = outputs.manifest()?;
    let entries = manifest.outputs.iter().chain(&manifest.chunks);
    let own = entries.map(|entry| entry.name.as_str()).chain([
        OWNER,
        files::MANIFEST,
        files::REVIEWED,
        files::REVIEW_HISTORY,
        files::REVIEW_PIN,
    ]);
    let folder = outputs.folder();
    let is_own = own
        .filter_map(|name| folder.join(name).canonicalize().ok())
        .any(|path| path == target)
        || target
            .strip_prefix(folder.canonicalize()?)
            .is_ok_and(|inside| inside.starts_with(STATE_FOLDER) || inside.starts_with("chunks"));
    if is_own && !holds(&target, html)? {
        bail!(
            "{} is a file of the job, or of decisions about it, which stays as it is: name another one with --out",
            to.display()
        );
    }
    Ok(())
}

/// Whether a file holds the page already.
fn holds(file: &Path, html: &str) -> anyhow::Result<bool> {
    let shown = || format!("cannot read {}", file.display());
    let is_as_long = file.metadata().with_context(shown)?.len() == html.len() as u64;
    Ok(is_as_long && std::fs::read(file).with_context(shown)? == html.as_bytes())
}
