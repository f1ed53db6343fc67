//! What is said at the end: a table, some rows as they came out, where the files are, and what to do next.

use std::path::Path;
use std::time::Duration;

use super::args::RunArgs;
use super::estimate::cents;
use super::prepare::Prepared;
use crate::control::status::pace::span;
use crate::core::format::Format;
use crate::core::job::{End, JobRecord, PauseReason, Phase};
use crate::core::outcome::Outcome;
use crate::core::tally::Tally;
use crate::outputs::Outputs;
use crate::ports::error::PortError;
use crate::report::manifest::{Manifest, ManifestEntry};
use crate::report::summary::Summary;
use crate::shown::safe;

/// Rows that are shown as examples.
const SHOWN_ROWS: usize = 3;
/// What to do about a job that failed.
const AFTER_FAILURE: &str =
    "Once that is mended, --again begins anew; answers that were paid for are used again.";
/// Characters of evidence that are shown.
const SHOWN_CHARS: usize = 70;

/// The end of a run that did the job.
///
/// `rows_before` were done by earlier runs of the same job.
pub fn table(
    args: &RunArgs,
    prepared: &Prepared,
    job: &JobRecord,
    rows_before: u64,
    took: Duration,
) {
    if args.json {
        return print_summary(prepared.folder.path());
    }
    let tally = &job.counters.tally;
    if let Phase::Ended(End::Failed { reason }) = &job.phase {
        println!("The job failed: {reason}");
        println!("{AFTER_FAILURE}");
        match tally.rows {
            0 => println!("No row was done."),
            rows => {
                println!("The {rows} rows that were done until then are kept, marked as partial.")
            }
        }
        return files(prepared);
    }
    if !args.no_text {
        show_rows(prepared.folder.path());
    }
    println!("{:>12}  outcome", "rows");
    for outcome in Outcome::ALL {
        println!("{:>12}  {}", tally.of(outcome), outcome.name());
    }
    let summary = summary(prepared.folder.path());
    // Failed rows by kind, so that nobody has to open a file to see what to mend first.
    for (kind, errors) in summary.iter().flat_map(|summary| &summary.errors) {
        let first = errors.first_rows.first().copied().unwrap_or_default();
        println!("{:>14}  {kind}, first in row {first}", errors.count);
    }
    let rows = tally.rows - rows_before;
    let rate = rows as f64 / took.as_secs_f64().max(0.001);
    let now = if rows_before > 0 {
        format!(", {rows} of them now")
    } else {
        String::new()
    };
    println!(
        "{:>12}  all{now}, in {} ({rate:.0} rows a second)",
        tally.rows,
        span(took)
    );
    println!("{:>12}  marked for review", tally.review);
    for (reason, count) in summary.iter().flat_map(|summary| &summary.review) {
        println!("{count:>14}  {reason}");
    }
    if let Some(summary) = &summary {
        cost(summary, tally);
    }
    files(prepared);
}

/// What it cost, and what the prompt cache did.
fn cost(summary: &Summary, tally: &Tally) {
    match &summary.total_estimated_cost {
        Some(cost) => println!("{cost:>12}  US dollars"),
        None => println!(
            "{:>12}  US dollars: the model's price is not known",
            "unknown"
        ),
    }
    if let (Some(rate), true) = (summary.cache_hit_rate, summary.cache_read_tokens > 0) {
        let saved = summary.cache_saving_usd.as_deref().unwrap_or("unknown");
        println!(
            "{:>11.1}%  of prompt tokens from the prompt cache, which saved {saved} US dollars",
            rate * 100.0
        );
    }
    if tally.throttles > 0 {
        println!(
            "{:>12}  calls refused by the quota and made later",
            tally.throttles
        );
    }
    if tally.possibly_twice_paid_calls > 0 {
        println!(
            "{:>12}  calls possibly paid twice (their answers never arrived, or came too late to be kept)",
            tally.possibly_twice_paid_calls
        );
    }
}

/// A run of a job that is over. False: some of its files are not what the job wrote.
pub fn already_done(args: &RunArgs, prepared: &Prepared, job: &JobRecord) -> bool {
    let changed = changed_files(prepared.folder.path());
    if !changed.is_empty() {
        eprintln!(
            "annexa: the job is {}, but files of it are gone or changed: {}; --again does the work anew",
            job.state(),
            changed.join(", ")
        );
    }
    if args.json {
        print_summary(prepared.folder.path());
        return changed.is_empty();
    }
    let rows = job.counters.tally.rows;
    println!(
        "This job is {}: {rows} rows. Nothing was done again; --again does the work anew.",
        job.state()
    );
    if let Phase::Ended(End::Failed { reason }) = &job.phase {
        println!("It failed: {reason}");
        println!("{AFTER_FAILURE}");
    }
    files(prepared);
    changed.is_empty()
}

/// A run that was interrupted.
pub fn interrupted(prepared: &Prepared) {
    let folder = prepared.folder.path().display();
    eprintln!("Stopped. What was done is kept in {folder}; the same command goes on from there.");
}

/// A job that is paused.
pub fn paused(prepared: &Prepared, job: &JobRecord) {
    let folder = prepared.folder.path().display();
    let spent = job.counters.budget.spent;
    match &job.paused {
        Some(PauseReason::CostCap) => {
            let cap = prepared.spec.max_cost_usd.unwrap_or_default();
            eprintln!(
                "The job is paused: its cost cap of {} USD is reached ({} USD spent, counting calls whose end nobody saw).",
                cents(cap),
                cents(spent)
            );
            eprintln!(
                "What was done is kept in {folder}; the same command with a higher --max-cost-usd goes on."
            );
        }
        Some(PauseReason::LaneParked { detail }) => {
            eprintln!("The job is paused: {detail}");
            eprintln!(
                "What was done is kept in {folder}; once the quota allows it, the same command goes on."
            );
        }
        Some(PauseReason::ByUser) | None => {
            eprintln!(
                "The job is paused. What was done is kept in {folder}; the same command goes on."
            );
        }
    }
}

/// A run whose surroundings failed.
pub fn gave_up(prepared: &Prepared, error: &PortError) {
    let folder = prepared.folder.path().display();
    eprintln!("annexa: gave up after repeated trouble: {error}");
    eprintln!(
        "No row was lost. What was done is kept in {folder}; once the cause is mended, the same command goes on."
    );
}

fn files(prepared: &Prepared) {
    let names = [
        ("results", "results.csv"),
        ("results", "results.partial.csv"),
        ("failures", "failures.csv"),
        ("failures", "failures.partial.csv"),
        ("summary", "summary.json"),
        ("report", "report.html"),
    ];
    for (what, name) in names {
        let path = prepared.folder.path().join(name);
        if path.exists() {
            println!("{what:<9} {}", path.display());
        }
    }
    forms(prepared);
}

/// The forms of results besides CSV: those that are there, and how those come to be that were asked for too late (forms
/// belong to the job as it was made).
fn forms(prepared: &Prepared) {
    let folder = prepared.folder.path();
    let mut missing = Vec::new();
    for format in Format::ALL {
        let names = ["results", "results.partial"].map(|stem| format!("{stem}{}", format.suffix()));
        match names
            .iter()
            .map(|name| folder.join(name))
            .find(|path| path.exists())
        {
            Some(path) => println!("{:<9} {}", "results", path.display()),
            None if prepared.spec.formats.contains(&format) => missing.push(format.name()),
            None => {}
        }
    }
    if !missing.is_empty() {
        println!(
            "The job was made without some forms: annexa export {} --format {} writes them.",
            folder.display(),
            missing.join(",")
        );
    }
}

/// The job's summary; none if it cannot be read.
fn summary(folder: &Path) -> Option<Summary> {
    serde_json::from_slice(&std::fs::read(folder.join("summary.json")).ok()?).ok()
}

/// Files of an ended job that are gone or have another length than its manifest says.
fn changed_files(folder: &Path) -> Vec<String> {
    let manifest = std::fs::read(folder.join("manifest.json")).unwrap_or_default();
    let Ok(manifest) = serde_json::from_slice::<Manifest>(&manifest) else {
        return vec!["manifest.json".to_string()];
    };
    let is_changed = |entry: &&ManifestEntry| {
        let length = std::fs::metadata(folder.join(&entry.name)).map(|metadata| metadata.len());
        !length.is_ok_and(|bytes| bytes == entry.bytes)
    };
    let files = manifest.outputs.iter().chain(&manifest.chunks);
    files
        .filter(is_changed)
        .map(|entry| entry.name.clone())
        .collect()
}

fn print_summary(folder: &Path) {
    let path = folder.join("summary.json");
    match std::fs::read_to_string(&path) {
        Ok(text) => print!("{text}"),
        Err(error) => eprintln!("annexa: {}: {error}", path.display()),
    }
}

/// The first coded rows, so that a newcomer sees what a result is. Nothing is said if they cannot be read: the table
/// names the file.
fn show_rows(folder: &Path) {
    let Ok(outputs) = Outputs::open(folder) else {
        return;
    };
    let Ok(mut rows) = outputs.rows() else { return };
    let mut shown = 0;
    while let (true, Ok(Some(row))) = (shown < SHOWN_ROWS, rows.next_row()) {
        if row.outcome() != Some(Outcome::Coded) {
            continue;
        }
        println!("row {}", safe(row.own("row")));
        for problem in outputs.owner().spec.problem_type.problems() {
            let field = |name: &str| row.of_problem(*problem, name);
            let head = format!("{} {}", field("code"), field("term"));
            let head = safe(&format!("{head} ({})", field("confidence")));
            println!("  {:<8} {head}", problem.name());
            println!("           \"{}\"", short(field("evidence")));
        }
        shown += 1;
    }
    println!();
}

fn short(text: &str) -> String {
    let line = safe(&text.split_whitespace().collect::<Vec<_>>().join(" "));
    match line.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}
