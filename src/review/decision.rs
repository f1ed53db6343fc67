//! A decision, and the line of a file that it is.

use csv::StringRecord;

use crate::core::ids::RowNo;
use crate::core::problem::Problem;

/// The columns of `reviewed.csv` and of its history.
pub const COLUMNS: [&str; 10] = [
    "row",
    "id",
    "decision",
    "product_problem_codes",
    "patient_problem_codes",
    "note",
    "reviewer",
    "reviewed_at",
    "product_problem_was",
    "patient_problem_was",
];

/// What a person decided of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// The codes are right as suggested.
    Accepted,
    /// Other codes are right.
    Changed,
    /// A person has to come back to it. No gold.
    Marked,
    /// An earlier decision was taken back. Stands in the history alone.
    Undone,
}

impl Verdict {
    /// All of them.
    pub const ALL: [Verdict; 4] = [
        Verdict::Accepted,
        Verdict::Changed,
        Verdict::Marked,
        Verdict::Undone,
    ];

    /// The one with this name.
    pub fn of_name(name: &str) -> Option<Verdict> {
        let mut all = Verdict::ALL.into_iter();
        all.find(|verdict| verdict.name() == name)
    }

    /// The value of the `decision` column.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Accepted => "accepted",
            Verdict::Changed => "changed",
            Verdict::Marked => "marked",
            Verdict::Undone => "undone",
        }
    }
}

/// A decision as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The row.
    pub row: RowNo,
    /// Its id.
    pub id: String,
    /// What was decided.
    pub verdict: Verdict,
    /// The right codes by problem (product, patient), primary first; empty where marked.
    pub codes: [Vec<String>; 2],
    /// A remark; may be empty, has no line ends.
    pub note: String,
    /// Who decided.
    pub reviewer: String,
    /// When, RFC 3339 in UTC.
    pub reviewed_at: String,
    /// The primary codes that the results have, by problem.
    pub was: [String; 2],
}

/// Who takes a decision back, of which row, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undo {
    /// The row.
    pub row: RowNo,
    /// Its id.
    pub id: String,
    /// Who.
    pub reviewer: String,
    /// When, RFC 3339 in UTC.
    pub at: String,
}

impl From<Undo> for Decision {
    fn from(undo: Undo) -> Decision {
        Decision {
            row: undo.row,
            id: undo.id,
            verdict: Verdict::Undone,
            codes: Default::default(),
            note: String::new(),
            reviewer: undo.reviewer,
            reviewed_at: undo.at,
            was: Default::default(),
        }
    }
}

impl Decision {
    /// The codes for `problem`.
    pub fn codes(&self, problem: Problem) -> &[String] {
        &self.codes[problem as usize]
    }

    /// Its line, with the line end.
    pub fn line(&self) -> Vec<u8> {
        let row = self.row.to_string();
        let [product, patient] = [0, 1].map(|at| self.codes[at].join(";"));
        let fields: [&str; COLUMNS.len()] = [
            &row,
            &self.id,
            self.verdict.name(),
            &product,
            &patient,
            &self.note,
            &self.reviewer,
            &self.reviewed_at,
            &self.was[0],
            &self.was[1],
        ];
        line(&fields)
    }

    /// Reads it from a record; the error says what is wrong and quotes nothing.
    pub fn of_record(record: &StringRecord) -> Result<Decision, String> {
        if record.len() != COLUMNS.len() {
            return Err(format!(
                "{} fields, expected {}",
                record.len(),
                COLUMNS.len()
            ));
        }
        let row = record[0].parse().ok().filter(|row| *row > 0);
        let row = row.ok_or("the row is no number from 1 on")?;
        let verdict = Verdict::of_name(&record[2]);
        let verdict = verdict.ok_or("the decision is not accepted, changed or marked")?;
        let codes = |at: usize| {
            let codes = record[at].split(';').map(str::trim);
            codes
                .filter(|code| !code.is_empty())
                .map(str::to_string)
                .collect()
        };
        Ok(Decision {
            row,
            id: record[1].to_string(),
            verdict,
            codes: [codes(3), codes(4)],
            note: record[5].to_string(),
            reviewer: record[6].to_string(),
            reviewed_at: record[7].to_string(),
            was: [record[8].to_string(), record[9].to_string()],
        })
    }
}

/// The line of the columns' names.
pub(super) fn header() -> Vec<u8> {
    line(&COLUMNS)
}

fn line(fields: &[&str; COLUMNS.len()]) -> Vec<u8> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(fields)
        .expect("a buffer in memory takes every record");
    csv.into_inner().expect("a buffer in memory can be flushed")
}
