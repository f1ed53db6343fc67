//! The gold file in memory, and which of its rows a result row belongs to.

use csv::ByteRecord;

use super::names;
use crate::core::ids::RowNo;
use crate::review::Verdict;

/// Why a gold file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum GoldError {
    /// A column is not there.
    #[error(
        "gold file: found no column {wanted} among {found}, expected id, product_problem_codes and patient_problem_codes (or one of the two): see --id-column"
    )]
    NoColumn {
        /// The column.
        wanted: String,
        /// The header's names, or their number where they look like data.
        found: String,
    },
    /// A record cannot be read.
    #[error("gold file, row {row}: cannot be read as CSV")]
    Csv {
        /// The data row, from 1.
        row: u64,
        /// The reader's error; it holds no text of the file.
        source: csv::Error,
    },
    /// A line of decisions is none.
    #[error("gold file, row {row}, column '{column}': expected {expected}")]
    Decision {
        /// The data row, from 1.
        row: u64,
        /// The column.
        column: &'static str,
        /// What should stand there.
        expected: &'static str,
    },
}

/// The columns by which a file of decisions (`annexa review`) is known, besides id and codes.
const OF_DECISIONS: [&str; 3] = ["row", "decision", "reviewed_at"];

/// A gold file: ids and code lists, no texts. About 50 bytes a row.
#[derive(Debug, Default)]
pub struct Gold {
    text: String,
    /// For each row the ends of id, product codes and patient codes in `text`.
    ends: Vec<[u64; 3]>,
    /// Rows by id, rows of one id in the order of the file.
    by_id: Vec<u32>,
    repeats: bool,
    has: [bool; 2],
    /// Of decisions: the result rows that they are about, and the rows of this file by them.
    decided: Option<Decided>,
}

#[derive(Debug, Default)]
struct Decided {
    numbers: Vec<u64>,
    by_number: Vec<u32>,
    marked: u64,
}

impl Gold {
    /// Reads CSV with `id_column` and at least one of `product_problem_codes` and `patient_problem_codes`, codes separated by
    /// `;`. Other columns are left alone.
    ///
    /// A file of decisions (`reviewed.csv`: with `row`, `decision` and `reviewed_at`) has its ids in `id` whatever the results
    /// call theirs; its marked rows are no gold and are left out.
    ///
    /// # Errors
    /// When a column is missing, a record cannot be read, or a decision is none.
    pub fn read(input: impl std::io::Read, id_column: &str) -> Result<Gold, GoldError> {
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(input);
        let header = reader
            .byte_headers()
            .map_err(|source| GoldError::Csv { row: 0, source })?
            .clone();
        let find = |name: &str| {
            header
                .iter()
                .position(|field| field.trim_ascii() == name.as_bytes())
        };
        let missing = |wanted: &str| GoldError::NoColumn {
            wanted: wanted.to_owned(),
            found: names(header.iter().map(String::from_utf8_lossy)),
        };
        let of_decisions = match OF_DECISIONS.map(find) {
            [Some(row), Some(decision), Some(_)] => Some([row, decision]),
            _ => None,
        };
        let id_column = of_decisions.map_or(id_column, |_| "id");
        let id = find(id_column).ok_or_else(|| missing(&format!("'{id_column}'")))?;
        let codes = [find("product_problem_codes"), find("patient_problem_codes")];
        if codes == [None, None] {
            return Err(missing(
                "'product_problem_codes' or 'patient_problem_codes'",
            ));
        }
        let mut gold = Gold {
            has: codes.map(|at| at.is_some()),
            decided: of_decisions.map(|_| Decided::default()),
            ..Gold::default()
        };
        let mut record = ByteRecord::new();
        let mut row = 0;
        loop {
            row += 1;
            match reader.read_byte_record(&mut record) {
                Ok(true) => {}
                Ok(false) => break,
                Err(source) => return Err(GoldError::Csv { row, source }),
            }
            if let (Some(decided), Some(at)) = (&mut gold.decided, of_decisions) {
                let fields = at.map(|at| record.get(at).unwrap_or_default());
                if !decided.take(row, fields)? {
                    continue;
                }
            }
            let ends = [Some(id), codes[0], codes[1]].map(|at| {
                let field = at.and_then(|at| record.get(at)).unwrap_or_default();
                gold.text
                    .push_str(&String::from_utf8_lossy(field.trim_ascii()));
                gold.text.len() as u64
            });
            gold.ends.push(ends);
        }
        gold.by_id = (0..gold.ends.len() as u32).collect();
        let mut by_id = std::mem::take(&mut gold.by_id);
        by_id.sort_unstable_by(|&a, &b| {
            gold.id(a as usize).cmp(gold.id(b as usize)).then(a.cmp(&b))
        });
        gold.repeats = by_id
            .windows(2)
            .any(|pair| gold.id(pair[0] as usize) == gold.id(pair[1] as usize));
        gold.by_id = by_id;
        if let Some(decided) = &mut gold.decided {
            decided.by_number = (0..decided.numbers.len() as u32).collect();
            let numbers = &decided.numbers;
            decided.by_number.sort_by_key(|&at| numbers[at as usize]);
        }
        Ok(gold)
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Whether an id stands in more than one row.
    pub fn ids_repeat(&self) -> bool {
        self.repeats
    }

    /// Whether these are decisions of `annexa review`, which are joined by row.
    pub fn is_reviewed(&self) -> bool {
        self.decided.is_some()
    }

    /// The result row that a row (from 0) of decisions is about; none: it is another gold file.
    pub fn about(&self, row: usize) -> Option<RowNo> {
        self.decided.as_ref()?.numbers.get(row).copied()
    }

    /// How many rows were left out, as somebody has to come back to them.
    pub fn marked(&self) -> u64 {
        self.decided.as_ref().map_or(0, |decided| decided.marked)
    }

    /// Whether the file has a column of product codes, of patient codes.
    pub fn has_columns(&self) -> [bool; 2] {
        self.has
    }

    /// The id of a row (from 0).
    pub fn id(&self, row: usize) -> &str {
        self.part(row, 0)
    }

    /// The codes of a row (from 0): product, patient.
    pub fn codes(&self, row: usize) -> [impl Iterator<Item = &str>; 2] {
        [1, 2].map(|part| {
            self.part(row, part)
                .split(';')
                .map(str::trim)
                .filter(|code| !code.is_empty())
        })
    }

    fn part(&self, row: usize, part: usize) -> &str {
        let end = self.ends[row][part];
        let start = match (part, row) {
            (0, 0) => 0,
            (0, _) => self.ends[row - 1][2],
            _ => self.ends[row][part - 1],
        };
        &self.text[start as usize..end as usize]
    }
}

impl Decided {
    /// Notes the row that a decision is about; false: it is marked, and no gold.
    fn take(&mut self, row: u64, [number, decision]: [&[u8]; 2]) -> Result<bool, GoldError> {
        let wrong = |column, expected| GoldError::Decision {
            row,
            column,
            expected,
        };
        let decision = std::str::from_utf8(decision).ok();
        match decision.and_then(Verdict::of_name) {
            Some(Verdict::Accepted | Verdict::Changed) => {}
            Some(Verdict::Marked) => {
                self.marked += 1;
                return Ok(false);
            }
            Some(Verdict::Undone) | None => {
                return Err(wrong("decision", "accepted, changed or marked"));
            }
        }
        let number = std::str::from_utf8(number).ok();
        let number = number.and_then(|number| number.trim().parse().ok());
        self.numbers
            .push(number.ok_or_else(|| wrong("row", "the number of a result row"))?);
        Ok(true)
    }

    /// The rows of the file that are about this result row.
    fn about(&self, number: u64) -> impl Iterator<Item = usize> {
        let of = |at: u32| self.numbers[at as usize];
        let first = self.by_number.partition_point(|&at| of(at) < number);
        let rest = self.by_number[first..].iter().copied();
        rest.take_while(move |&at| of(at) == number)
            .map(|at| at as usize)
    }
}

/// Gives each result row its gold row, and no gold row twice.
///
/// Decisions of `annexa review`: by row number alone, where the id is the same. Other files: by id. Where an id repeats: the gold row with the result row's own number, when both files have the same number of rows and
/// the id is there; else the first row with the id that is still free.
#[derive(Debug)]
pub struct Join<'a> {
    gold: &'a Gold,
    by_row: bool,
    taken: Vec<bool>,
    /// For the first row of each id in `by_id`: how far its rows are taken without a gap.
    passed: Vec<u32>,
}

impl<'a> Join<'a> {
    /// Starts with all gold rows free. `result_rows`: how many rows the results have, where that is known; it is only needed
    /// when [`Gold::ids_repeat`].
    pub fn new(gold: &'a Gold, result_rows: Option<u64>) -> Self {
        Join {
            gold,
            by_row: result_rows == Some(gold.len() as u64),
            taken: vec![false; gold.len()],
            passed: vec![0; gold.len()],
        }
    }

    /// The gold row (from 0) of the result row with this id and number (from 1), which is then taken; `None` when there is
    /// none left.
    pub fn take(&mut self, id: &str, row: u64) -> Option<usize> {
        let id = id.trim();
        if let Some(decided) = &self.gold.decided {
            let mut about = decided.about(row);
            let at = about.find(|&at| !self.taken[at] && self.gold.id(at) == id)?;
            self.taken[at] = true;
            return Some(at);
        }
        if self.by_row && self.gold.repeats {
            let at = usize::try_from(row).ok().and_then(|row| row.checked_sub(1));
            if let Some(at) =
                at.filter(|&at| at < self.gold.len() && !self.taken[at] && self.gold.id(at) == id)
            {
                self.taken[at] = true;
                return Some(at);
            }
        }
        let by_id = &self.gold.by_id;
        let first = by_id.partition_point(|&row| self.gold.id(row as usize) < id);
        loop {
            let next = first + *self.passed.get(first)? as usize;
            let at = *by_id.get(next)? as usize;
            if self.gold.id(at) != id {
                return None;
            }
            self.passed[first] += 1;
            if !self.taken[at] {
                self.taken[at] = true;
                return Some(at);
            }
        }
    }

    /// The gold rows (from 0) that no result row has taken.
    pub fn left(&self) -> impl Iterator<Item = usize> {
        self.taken
            .iter()
            .enumerate()
            .filter(|&(_, &taken)| !taken)
            .map(|(row, _)| row)
    }
}
