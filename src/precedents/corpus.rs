//! The corpus: reports with the codes that their reporters chose, read from MAUDE-like files or from the project's own.

use super::error::PrecedentsError;
use crate::core::problem::Problem;
use crate::records::shown_names;
use std::collections::{BTreeSet, HashMap};
use std::io::{Read, Write};

/// The columns of a corpus file, in their order.
const COLUMNS: [&str; 5] = ["id", "text", "product_codes", "patient_codes", "event_type"];

/// One coded report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The report's key, such as a MAUDE MDR report key.
    pub id: String,
    /// The narrative as it was reported.
    pub text: String,
    /// The reporter's product codes (Annex A), in the reporter's order.
    pub product: Vec<String>,
    /// The reporter's patient codes (Annexes E and F), in the reporter's order.
    pub patient: Vec<String>,
    /// `Death`, `Injury`, `Malfunction` or empty.
    pub event_type: String,
}

impl Report {
    /// The reporter's codes for `problem`.
    pub fn codes(&self, problem: Problem) -> &[String] {
        match problem {
            Problem::Product => &self.product,
            Problem::Patient => &self.patient,
        }
    }

    /// The text by which two reports count as the same: trimmed, case- and white-space-folded.
    pub fn folded_text(&self) -> String {
        fold(&self.text)
    }
}

/// Trims, folds case, and makes one space of every run of white space.
pub fn fold(text: &str) -> String {
    let lower = text.to_lowercase();
    let mut out = String::with_capacity(lower.len());
    for word in lower.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// Joins the reports of `reports` (`id, mdr_text[, event_type]`) with the codes of `gold` (`id, product_problem_codes,
/// patient_problem_codes`, `;` between codes) by id, and by place where an id repeats.
///
/// # Errors
/// A missing column, unreadable CSV, or a report without a gold row.
pub fn join(reports: impl Read, gold: impl Read) -> Result<Vec<Report>, PrecedentsError> {
    let mut codes: HashMap<String, std::collections::VecDeque<[Vec<String>; 2]>> = HashMap::new();
    let columns = ["id", "product_problem_codes", "patient_problem_codes"];
    read(
        "the gold file",
        gold,
        &columns,
        &[],
        |_, [id, product, patient], _| {
            let both = [split_codes(product), split_codes(patient)];
            codes.entry(id.to_owned()).or_default().push_back(both);
            Ok(())
        },
    )?;
    let mut joined = Vec::new();
    read(
        "the reports file",
        reports,
        &["id", "mdr_text"],
        &["event_type"],
        |row, [id, text], [event_type]| {
            let Some([product, patient]) = codes.get_mut(id).and_then(|rows| rows.pop_front())
            else {
                return Err(PrecedentsError::Row {
                    file: "the reports file".into(),
                    row,
                    what: "its id has no row of its own in the gold file: give every report one"
                        .into(),
                });
            };
            joined.push(Report {
                id: id.to_owned(),
                text: text.to_owned(),
                product,
                patient,
                event_type: event_type.to_owned(),
            });
            Ok(())
        },
    )?;
    Ok(joined)
}

/// The folded texts of a file with the columns `id, mdr_text`: what the corpus must not contain.
///
/// # Errors
/// A missing column or unreadable CSV.
pub fn texts(reports: impl Read) -> Result<BTreeSet<String>, PrecedentsError> {
    let mut texts = BTreeSet::new();
    read(
        "the excluded file",
        reports,
        &["id", "mdr_text"],
        &[],
        |_, [_, text], []| {
            texts.insert(fold(text));
            Ok(())
        },
    )?;
    Ok(texts)
}

/// Reads a corpus file, uncompressed.
///
/// # Errors
/// A missing column or unreadable CSV.
pub fn read_corpus(from: impl Read) -> Result<Vec<Report>, PrecedentsError> {
    let mut reports = Vec::new();
    read(
        "the corpus file",
        from,
        &COLUMNS,
        &[],
        |_, [id, text, product, patient, event_type], []| {
            reports.push(Report {
                id: id.to_owned(),
                text: text.to_owned(),
                product: split_codes(product),
                patient: split_codes(patient),
                event_type: event_type.to_owned(),
            });
            Ok(())
        },
    )?;
    Ok(reports)
}

/// Writes a corpus file, uncompressed.
///
/// # Errors
/// What `to` fails with.
pub fn write_corpus(reports: &[Report], to: impl Write) -> Result<(), PrecedentsError> {
    let failed = |source: csv::Error| PrecedentsError::Unreadable {
        file: "the corpus file".into(),
        source: source.into(),
    };
    let mut writer = csv::Writer::from_writer(to);
    writer.write_record(COLUMNS).map_err(failed)?;
    for report in reports {
        let (product, patient) = (report.product.join(";"), report.patient.join(";"));
        let row = [
            &report.id,
            &report.text,
            &product,
            &patient,
            &report.event_type,
        ];
        writer.write_record(row).map_err(failed)?;
    }
    writer.flush().map_err(|error| failed(error.into()))
}

fn split_codes(field: &str) -> Vec<String> {
    field
        .split(';')
        .map(str::trim)
        .filter(|code| !code.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Reads `from` as CSV and hands `visit` each row's number and its fields in the order of `needed` and of `optional`
/// (empty where the file lacks the column).
fn read<const N: usize, const M: usize>(
    file: &str,
    from: impl Read,
    needed: &[&'static str; N],
    optional: &[&'static str; M],
    mut visit: impl FnMut(u64, [&str; N], [&str; M]) -> Result<(), PrecedentsError>,
) -> Result<(), PrecedentsError> {
    let failed = |source: csv::Error| PrecedentsError::Unreadable {
        file: file.to_owned(),
        source: source.into(),
    };
    let mut reader = csv::Reader::from_reader(from);
    let header = reader.headers().map_err(failed)?.clone();
    let find = |column: &str| {
        header
            .iter()
            .position(|name| name.trim_start_matches('\u{feff}') == column)
    };
    let mut at = [0usize; N];
    for (place, column) in at.iter_mut().zip(needed) {
        *place = find(column).ok_or_else(|| PrecedentsError::Column {
            file: file.to_owned(),
            column,
            found: shown_names(&header.iter().collect::<Vec<_>>()),
        })?;
    }
    let also = optional.map(find);
    let mut record = csv::StringRecord::new();
    let mut row = 0;
    while reader.read_record(&mut record).map_err(failed)? {
        row += 1;
        let field = |at: usize| record.get(at).unwrap_or("");
        visit(row, at.map(field), also.map(|at| at.map_or("", field)))?;
    }
    Ok(())
}
