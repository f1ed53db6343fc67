//! `annexa evaluate`: how good a results file is, against a gold file.

use super::terms;
use crate::core::problem::{Problem, ProblemType};
use crate::evaluate::{
    Answer, DEFAULT_THRESHOLD, Evaluator, Gold, Join, LabelShares, Prediction, Report,
    ResultColumns, Row, Side, made_line, render,
};
use crate::terms::TermTable;
use anyhow::{Context as _, bail, ensure};
use clap::Args;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Measure results against gold codes
#[derive(Debug, Args)]
pub struct EvaluateArgs {
    /// A results.csv
    pub results: PathBuf,
    /// CSV with id, product_problem_codes and patient_problem_codes (codes separated by ;), or a reviewed.csv
    pub gold: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Write the predictions to FILE as MADE's JSON Lines
    #[arg(long, value_name = "FILE")]
    pub made_out: Option<PathBuf>,
    /// The terms file that the results were coded with, if not the built-in release
    #[arg(long, value_name = "FILE")]
    pub terms: Option<PathBuf>,
    /// The column that both files are joined by
    #[arg(long, value_name = "COLUMN", default_value = "id")]
    pub id_column: String,
    /// Codes other than the primary count as predicted from this confidence on
    #[arg(long, value_name = "0-1", default_value_t = DEFAULT_THRESHOLD, value_parser = confidence)]
    pub threshold: f64,
}

fn confidence(given: &str) -> Result<f64, String> {
    match given.parse() {
        Ok(number) if (0.0..=1.0).contains(&number) => Ok(number),
        _ => Err("expected a number from 0 to 1".to_owned()),
    }
}

/// How the two files met.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct Joined {
    /// Rows of the gold file: all of them are measured.
    pub gold: u64,
    /// Rows of a reviewed.csv that were marked to come back to: they are no gold, and left out.
    pub gold_marked: u64,
    /// Rows of the results file.
    pub results: u64,
    /// Result rows that have a gold row.
    pub matched: u64,
    /// Gold rows without a result row: they count as wrong.
    pub gold_without_result: u64,
    /// Result rows without a gold row: they are left out.
    pub results_without_gold: u64,
    /// Whether an id stands in more than one gold row.
    pub ids_repeat: bool,
    /// Whether rows of repeated ids were matched by row number first (both files have the same number of rows), or all rows
    /// were (a reviewed.csv).
    pub by_row: bool,
    /// What the matched rows got, by outcome.
    pub outcomes: BTreeMap<&'static str, u64>,
}

/// All that `--json` prints.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// How the two files met.
    pub rows: Joined,
    /// The figures.
    #[serde(flatten)]
    pub report: Report,
}

/// Runs the command and writes its answer to `out`. The answer is an exit code: 0, or 64 for a terms file that is no table.
///
/// # Errors
/// When a file cannot be read or is not what it should be, or something cannot be written.
pub fn run(args: &EvaluateArgs, out: &mut dyn Write) -> anyhow::Result<u8> {
    let table = match terms::open(args.terms.as_deref())? {
        Ok(table) => table,
        Err(error) => {
            writeln!(out, "{error}")?;
            return Ok(terms::BAD_INPUT);
        }
    };
    let evaluation = evaluate(args, &table)?;
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&evaluation)?)?;
        return Ok(0);
    }
    let rows = &evaluation.rows;
    write!(
        out,
        "{} gold rows, {} with a result",
        rows.gold, rows.matched
    )?;
    for (outcome, count) in &rows.outcomes {
        write!(out, ", {count} {outcome}")?;
    }
    writeln!(out)?;
    if rows.gold_marked > 0 {
        writeln!(
            out,
            "{} marked rows wait for a person: they are left out",
            rows.gold_marked
        )?;
    }
    if rows.gold_without_result > 0 {
        writeln!(
            out,
            "{} gold rows have no result row: they count as wrong",
            rows.gold_without_result
        )?;
    }
    if rows.results_without_gold > 0 {
        writeln!(
            out,
            "{} result rows have no gold row: they are left out",
            rows.results_without_gold
        )?;
    }
    if rows.ids_repeat {
        let how = if rows.by_row {
            "by row number"
        } else {
            "in the order in which they occur"
        };
        writeln!(out, "ids repeat: their rows are matched {how}")?;
    }
    write!(out, "{}", render(&evaluation.report))?;
    Ok(0)
}

/// Measures without printing; writes the MADE file if it is asked for.
///
/// # Errors
/// As [`run`].
pub fn evaluate(args: &EvaluateArgs, table: &Arc<TermTable>) -> anyhow::Result<Evaluation> {
    let gold = Gold::read(open(&args.gold, "gold file")?, &args.id_column)
        .with_context(|| named("gold file", &args.gold))?;
    let mut reader = results_reader(&args.results)?;
    let header = reader
        .headers()
        .with_context(|| named("results file", &args.results))?
        .clone();
    let columns = ResultColumns::find(&header, &args.id_column)
        .with_context(|| named("results file", &args.results))?;
    let asked = asked(columns.has(), gold.has_columns())?;
    let mut made = match &args.made_out {
        Some(path) => Some(create_made(path, args)?),
        None => None,
    };
    // Only repeated ids need the number of result rows, and with it a first reading.
    let result_rows = if gold.ids_repeat() && !gold.is_reviewed() {
        Some(count_rows(&args.results)?)
    } else {
        None
    };
    let mut join = Join::new(&gold, result_rows);
    let mut evaluator = Evaluator::new(
        Arc::clone(table),
        LabelShares::builtin(),
        args.threshold,
        asked,
    );
    let mut rows = Joined {
        gold: gold.len() as u64,
        gold_marked: gold.marked(),
        ids_repeat: gold.ids_repeat(),
        by_row: gold.is_reviewed() || result_rows == Some(gold.len() as u64),
        ..Joined::default()
    };
    let mut measure =
        |gold_row: usize, event_type: Option<&str>, answer: &Answer| -> anyhow::Result<()> {
            let codes = gold.codes(gold_row).map(Iterator::collect::<Vec<_>>);
            let predicted = Problem::ALL.map(|problem| match asked.asks(problem) {
                true => answer.predicted(problem).collect::<Vec<Prediction<'_>>>(),
                false => Vec::new(),
            });
            evaluator.add(&Row {
                event_type,
                product: Side {
                    gold: &codes[0],
                    predicted: &predicted[0],
                },
                patient: Side {
                    gold: &codes[1],
                    predicted: &predicted[1],
                },
            });
            if let Some(made) = &mut made {
                let line = made_line(
                    table,
                    gold.id(gold_row),
                    [&predicted[0], &predicted[1]],
                    args.threshold,
                )?;
                writeln!(made, "{line}").context("cannot write the MADE file")?;
            }
            Ok(())
        };
    let mut record = csv::StringRecord::new();
    let mut answer = Answer::default();
    while reader.read_record(&mut record).with_context(|| {
        format!(
            "{}, row {}: cannot be read",
            named("results file", &args.results),
            rows.results + 1
        )
    })? {
        rows.results += 1;
        let row = columns.row(&record, rows.results);
        let Some(gold_row) = join.take(columns.id(&record), row) else {
            rows.results_without_gold += 1;
            continue;
        };
        columns.read(&record, rows.results, &mut answer)?;
        *rows.outcomes.entry(answer.outcome().name()).or_default() += 1;
        rows.matched += 1;
        measure(gold_row, columns.event_type(&record), &answer)?;
    }
    for gold_row in join.left() {
        rows.gold_without_result += 1;
        measure(gold_row, None, &Answer::default())?;
    }
    if let Some(mut made) = made {
        made.flush().context("cannot write the MADE file")?;
    }
    Ok(Evaluation {
        rows,
        report: evaluator.finish(),
    })
}

/// The problems that both files have columns for.
fn asked(results: [bool; 2], gold: [bool; 2]) -> anyhow::Result<ProblemType> {
    match [results[0] && gold[0], results[1] && gold[1]] {
        [true, true] => Ok(ProblemType::Both),
        [true, false] => Ok(ProblemType::Product),
        [false, true] => Ok(ProblemType::Patient),
        [false, false] => bail!(
            "the results hold {} problems and the gold file {} problems: found nothing to compare",
            if results[0] { "product" } else { "patient" },
            if gold[0] { "product" } else { "patient" },
        ),
    }
}

fn named(what: &str, path: &Path) -> String {
    format!("{what} '{}'", path.display())
}

fn open(path: &Path, what: &str) -> anyhow::Result<File> {
    File::open(path).with_context(|| format!("cannot open {}", named(what, path)))
}

fn results_reader(path: &Path) -> anyhow::Result<csv::Reader<File>> {
    Ok(csv::ReaderBuilder::new()
        .flexible(true)
        .from_reader(open(path, "results file")?))
}

fn count_rows(path: &Path) -> anyhow::Result<u64> {
    let mut reader = results_reader(path)?;
    let mut record = csv::ByteRecord::new();
    let mut rows = 0;
    while reader
        .read_byte_record(&mut record)
        .with_context(|| named("results file", path))?
    {
        rows += 1;
    }
    Ok(rows)
}

/// Opens the MADE file for writing, unless that would destroy what is being read.
fn create_made(path: &Path, args: &EvaluateArgs) -> anyhow::Result<BufWriter<File>> {
    let inputs = [Some(&args.results), Some(&args.gold), args.terms.as_ref()];
    if let Ok(target) = path.canonicalize() {
        for input in inputs.into_iter().flatten() {
            let same = input.canonicalize().is_ok_and(|input| input == target);
            ensure!(
                !same,
                "--made-out '{}' is one of the files that are read: name another file",
                path.display()
            );
        }
    }
    let file = File::create(path).with_context(|| format!("cannot write '{}'", path.display()))?;
    Ok(BufWriter::new(file))
}

#[cfg(test)]
mod tests;
