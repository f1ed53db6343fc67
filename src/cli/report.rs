//! `annexa report`: report.html anew, from a folder of outputs.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use clap::Args;

use super::{exit, terms};
use crate::core::outcome::Outcome;
use crate::outputs::{OWNER, Outputs};
use crate::report::findings::Findings;
use crate::report::page;
use crate::report::stats::StatsReader;
use crate::report::summary::Summary;

/// Outputs that the manifest does not name, since it names the others.
const BESIDE: [&str; 2] = ["manifest.json", OWNER];

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
    let outputs = Outputs::open(&args.dir)?;
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
        true => "report.no-text.html",
        false => "report.rebuilt.html",
    };
    let to = args
        .out
        .clone()
        .unwrap_or_else(|| outputs.folder().join(name));
    guard(&outputs, &to, &html)?;
    std::fs::write(&to, &html).with_context(|| format!("cannot write {}", to.display()))?;
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

/// Refuses to write over an output of the job: its digest stands in the manifest. The very same bytes may be written.
fn guard(outputs: &Outputs, to: &Path, html: &str) -> anyhow::Result<()> {
    let Ok(there) = std::fs::read(to) else {
        return Ok(());
    };
    let folder = |path: &Path| {
        let parent = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        parent.unwrap_or(Path::new(".")).canonicalize().ok()
    };
    let is_inside = outputs.folder().canonicalize().ok() == folder(to);
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    let manifest = outputs.manifest()?;
    let is_output =
        manifest.outputs.iter().any(|entry| entry.name == name) || BESIDE.contains(&name.as_ref());
    if is_inside && is_output && there != html.as_bytes() {
        bail!(
            "{} is an output of the job, and its digest stands in manifest.json: name another file with --out",
            to.display()
        );
    }
    Ok(())
}
