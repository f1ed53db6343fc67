//! A user's own coded reports: read from one file, or from results and what a reviewer decided about them; every code checked
//! against the terms before anything is learnt.

use std::path::Path;

use anyhow::{Context, bail};

use super::BuildArgs;
use crate::core::ids::RowNo;
use crate::core::problem::Problem;
use crate::evaluate::{Gold, Join};
use crate::outputs::{OWNER, Outputs};
use crate::precedents::Report;
use crate::records::shown_names;
use crate::results::own_column;
use crate::review::{PIN, Pin};
use crate::terms::{Term, TermTable};

/// Problems that are listed one by one.
const MOST_LISTED: usize = 50;
/// Characters of a code that are quoted: what stands in the wrong column may be a report.
const MOST_QUOTED: usize = 12;

/// A coded report, and its row in the file, or in the results that were reviewed, from 1.
#[derive(Debug)]
pub(super) struct CodedRow {
    row: u64,
    report: Report,
}

/// What was left out.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct LeftOut {
    /// Reports without a text, or without a code that can be learnt.
    pub(super) reports: u64,
    /// Codes that are not in the terms.
    pub(super) codes: u64,
}

/// Columns of a file by their names.
struct Columns<'a> {
    file: &'a str,
    header: csv::StringRecord,
}

impl Columns<'_> {
    fn find(&self, name: &str) -> Option<usize> {
        let mut header = self.header.iter();
        header.position(|own| own.trim_start_matches('\u{feff}') == name)
    }

    /// The first of `names` that is there.
    fn any(&self, names: &[&str]) -> Option<usize> {
        names.iter().find_map(|name| self.find(name))
    }

    fn need(&self, names: &[&str]) -> anyhow::Result<usize> {
        let found = self.any(names);
        found.with_context(|| {
            format!(
                "{} has no column {}: its columns are {}",
                self.file,
                names.join(" or "),
                shown_names(&self.header.iter().collect::<Vec<_>>())
            )
        })
    }
}

/// Visits the rows of a CSV file with their numbers, from 1. Errors of the csv crate are not passed on: they may quote.
fn visit(
    path: &Path,
    mut each: impl FnMut(&Columns<'_>, u64, &csv::StringRecord) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let file = path.display().to_string();
    let bytes = std::fs::File::open(path).with_context(|| format!("cannot open {file}"))?;
    let mut reader = csv::Reader::from_reader(std::io::BufReader::new(bytes));
    let unreadable = |row: u64| {
        format!(
            "{file}, row {row}: not readable as CSV text in UTF-8 with as many fields as the header"
        )
    };
    let header = reader.headers().ok().cloned();
    let header = header.with_context(|| unreadable(0))?;
    let columns = Columns {
        file: &file,
        header,
    };
    let mut record = csv::StringRecord::new();
    for row in 1.. {
        let more = reader.read_record(&mut record);
        if !more.ok().with_context(|| unreadable(row))? {
            break;
        }
        each(&columns, row, &record)?;
    }
    Ok(())
}

/// Codes between semicolons.
fn codes(record: &csv::StringRecord, at: Option<usize>) -> Vec<String> {
    let field = at.and_then(|at| record.get(at)).unwrap_or("");
    let codes = field.split(';').map(str::trim);
    codes
        .filter(|code| !code.is_empty())
        .map(str::to_owned)
        .collect()
}

fn text_columns(args: &BuildArgs) -> Vec<&str> {
    match &args.text_column {
        Some(name) => vec![name],
        None => vec!["mdr_text", "text"],
    }
}

fn id_column(args: &BuildArgs) -> [&str; 1] {
    [args.id_column.as_deref().unwrap_or("id")]
}

const PRODUCT_COLUMNS: [&str; 2] = ["product_problem_codes", "product_codes"];
const PATIENT_COLUMNS: [&str; 2] = ["patient_problem_codes", "patient_codes"];

/// Reads a file that has texts and codes.
///
/// # Errors
/// A missing column, or a file that is no CSV.
pub(super) fn read_coded(path: &Path, args: &BuildArgs) -> anyhow::Result<Vec<CodedRow>> {
    let mut rows = Vec::new();
    visit(path, |columns, row, record| {
        let id = columns.need(&id_column(args))?;
        let text = columns.need(&text_columns(args))?;
        let product = columns.any(&PRODUCT_COLUMNS);
        let patient = columns.any(&PATIENT_COLUMNS);
        if product.is_none() && patient.is_none() {
            columns.need(&[&PRODUCT_COLUMNS[..], &PATIENT_COLUMNS[..]].concat())?;
        }
        let field = |at: Option<usize>| at.and_then(|at| record.get(at)).unwrap_or("");
        rows.push(CodedRow {
            row,
            report: Report {
                id: field(Some(id)).to_owned(),
                text: field(Some(text)).to_owned(),
                product: codes(record, product),
                patient: codes(record, patient),
                event_type: field(columns.find("event_type")).to_owned(),
            },
        });
        Ok(())
    })?;
    Ok(rows)
}

/// What a reviewer decided (`annexa review`); none: the file is another gold file.
///
/// # Errors
/// A missing column, a file that is no CSV, or a decision that is none.
pub(super) fn decisions(path: &Path) -> anyhow::Result<Option<Gold>> {
    let shown = path.display();
    let file = std::fs::File::open(path).with_context(|| format!("cannot open {shown}"))?;
    let gold = Gold::read(std::io::BufReader::new(file), "id");
    let gold = gold.with_context(|| shown.to_string())?;
    Ok(Some(gold).filter(Gold::is_reviewed))
}

/// The rows of `results` that `decided` (read from `reviewed`) has codes for. A decision is about the row with its number
/// and its id, and about no other results than those that the reviewer saw.
///
/// # Errors
/// A missing column, a file that is no CSV, a decision about a row that is not there, or decisions about other results.
pub(super) fn read_reviewed(
    results: &Path,
    reviewed: &Path,
    decided: &Gold,
    args: &BuildArgs,
) -> anyhow::Result<Vec<CodedRow>> {
    let mut join = Join::new(decided, None);
    let mut rows = Vec::new();
    let mut take = |number: RowNo, id: &str, text: &str, event_type: &str| {
        let Some(at) = join.take(id, number) else {
            return;
        };
        let [product, patient] = decided.codes(at).map(|codes| codes.map(str::to_owned));
        rows.push(CodedRow {
            row: number,
            report: Report {
                id: id.to_owned(),
                text: text.to_owned(),
                product: product.collect(),
                patient: patient.collect(),
                event_type: event_type.to_owned(),
            },
        });
    };
    let folder = |of: &Path| match of.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
        _ => ".".into(),
    };
    if folder(results).join(OWNER).is_file() {
        let outputs = Outputs::open_unchanged(results)?;
        let beside = folder(reviewed);
        if beside.join(PIN).is_file() {
            Pin::of(&outputs)?.check(&beside)?;
        }
        let names = &outputs.columns().names()[..outputs.columns().input_columns()];
        for asked in [&args.id_column, &args.text_column].into_iter().flatten() {
            if !names.contains(asked) {
                bail!("{} has no column '{asked}'", results.display());
            }
        }
        let mut stored = outputs.rows()?;
        while let Some(row) = stored.next_row()? {
            let number = row.row().with_context(|| {
                format!("{}: a row has no number of its own", results.display())
            })?;
            let field = |name: &Option<String>| name.as_ref().and_then(|name| row.input(name));
            let id = field(&args.id_column).unwrap_or_else(|| row.id());
            let text = field(&args.text_column).unwrap_or_else(|| row.text());
            take(number, id, text, row.input("event_type").unwrap_or(""));
        }
    } else {
        visit(results, |columns, at, record| {
            let field = |at: usize| record.get(at).unwrap_or("");
            let number = own_column(columns.header.iter(), "row");
            let number = match number {
                Some(number) => field(number).trim().parse().ok(),
                None => return columns.need(&["row"]).map(drop),
            };
            let number = number.with_context(|| {
                format!("{}, row {at}: no number in its column row", columns.file)
            })?;
            let id = field(columns.need(&id_column(args))?);
            let text = field(columns.need(&text_columns(args))?);
            take(
                number,
                id,
                text,
                columns.find("event_type").map_or("", field),
            );
            Ok(())
        })?;
    }
    if let Some(number) = join.left().next().and_then(|at| decided.about(at)) {
        bail!(
            "{}: a decision is about row {number}, and {} has no such row with its id, or two decisions are about it: give the \
             results that were reviewed",
            reviewed.display(),
            results.display()
        );
    }
    Ok(rows)
}

/// The reports with their codes as the terms have them now. Codes that cannot be learnt are an error that names all of
/// them, or are dropped.
///
/// # Errors
/// Codes that are not in `terms`, by row.
pub(super) fn checked(
    rows: Vec<CodedRow>,
    terms: &TermTable,
    drop_unknown: bool,
) -> anyhow::Result<(Vec<Report>, LeftOut)> {
    let (mut problems, mut left_out) = (Vec::new(), LeftOut::default());
    let mut reports = Vec::with_capacity(rows.len());
    for CodedRow { row, mut report } in rows {
        for problem in Problem::ALL {
            let given = match problem {
                Problem::Product => &mut report.product,
                Problem::Patient => &mut report.patient,
            };
            let mut good: Vec<String> = Vec::with_capacity(given.len());
            for code in given.drain(..) {
                match learnable(&code, problem, terms) {
                    Ok(term) if good.iter().any(|known| known == term.code()) => {}
                    Ok(term) => good.push(term.code().to_owned()),
                    Err(why) => problems.push(format!(
                        "row {row}: {} code '{}' {why}",
                        problem.name(),
                        quoted(&code)
                    )),
                }
            }
            *given = good;
        }
        let has_codes = !(report.product.is_empty() && report.patient.is_empty());
        match has_codes && !report.text.trim().is_empty() {
            true => reports.push(report),
            false => left_out.reports += 1,
        }
    }
    left_out.codes = problems.len() as u64;
    if problems.is_empty() || drop_unknown {
        return Ok((reports, left_out));
    }
    let more = match problems.len().saturating_sub(MOST_LISTED) {
        0 => String::new(),
        more => format!("\nand {more} more"),
    };
    problems.truncate(MOST_LISTED);
    bail!(
        "codes that cannot be learnt (correct them, name your own terms with --terms, or leave them out with --drop-unknown):\n{}{more}",
        problems.join("\n")
    )
}

/// The term that stands for `code` now, or why it cannot be learnt as an answer to `problem`.
fn learnable<'t>(
    code: &str,
    problem: Problem,
    terms: &'t TermTable,
) -> Result<&'t Term, &'static str> {
    let term = terms.by_code_folded(code).ok_or("is not in the terms")?;
    let term = terms.current(term).unwrap_or(term);
    if !problem.annexes().contains(&term.annex()) {
        return Err("is of another annex");
    }
    match term.selectable() {
        true => Ok(term),
        false => Err("may not be chosen"),
    }
}

fn quoted(text: &str) -> String {
    let shown = text.chars().filter(|c| c.is_ascii_alphanumeric());
    shown.take(MOST_QUOTED).collect()
}
