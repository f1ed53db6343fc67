//! The chunk file of an earlier generation: rows that did not fail are kept byte for byte, failed ones are done again.

use std::collections::BTreeMap;
use std::ops::Range;

use super::columns::ResultColumns;
use super::row::header_bytes;
use crate::core::ids::RowNo;
use crate::core::money::{NanoUsd, Usage};
use crate::core::outcome::{AnsweredBy, Outcome};
use crate::core::tally::Tally;

/// The rows of an earlier chunk file that stay as they are.
#[derive(Debug, Default)]
pub struct PreviousRows {
    bytes: Vec<u8>,
    lines: BTreeMap<RowNo, Range<usize>>,
    tally: Tally,
}

impl PreviousRows {
    /// Reads a chunk file that was committed with `tally`. Errors say what is wrong with the file, and nothing of its rows.
    pub fn read(
        bytes: Vec<u8>,
        columns: &ResultColumns,
        tally: &Tally,
    ) -> Result<PreviousRows, String> {
        if !bytes.starts_with(&header_bytes(columns)) {
            return Err("an earlier chunk file has other columns than the job".to_string());
        }
        let own = |name| columns.own(name).expect("every result has this column");
        let at = Positions {
            row: own("row"),
            outcome: own("outcome"),
            review: own("review"),
            answered_by: own("answered_by"),
            usage: [
                own("input_tokens"),
                own("output_tokens"),
                own("cache_read_tokens"),
                own("cache_write_tokens"),
            ],
            cost: own("cost_usd"),
        };
        let (mut lines, mut kept) = (BTreeMap::new(), *tally);
        let mut reader = csv::Reader::from_reader(&bytes[..]);
        reader.byte_headers().map_err(unreadable)?;
        let mut record = csv::StringRecord::new();
        loop {
            let start = reader.position().byte() as usize;
            if !reader.read_record(&mut record).map_err(unreadable)? {
                break;
            }
            let end = reader.position().byte() as usize;
            if record[at.outcome] == *Outcome::Failed.name() {
                at.take_off(&record, &mut kept)?;
            } else {
                lines.insert(number(&record[at.row])?, start..end);
            }
        }
        if kept.failed != 0 || kept.rows != lines.len() as u64 {
            return Err("an earlier chunk file holds other rows than were counted".to_string());
        }
        Ok(PreviousRows {
            bytes,
            lines,
            tally: kept,
        })
    }

    /// The whole line of a row that stays as it is; none: the row is to be done.
    pub fn line(&self, row: RowNo) -> Option<&[u8]> {
        self.lines.get(&row).map(|line| &self.bytes[line.clone()])
    }

    /// What the kept rows add to the chunk's counters. What failed rows took before stays counted: it was paid, and no
    /// row can be charged with it any more.
    pub fn tally(&self) -> Tally {
        self.tally
    }
}

/// Where the columns that are counted stand.
struct Positions {
    row: usize,
    outcome: usize,
    review: usize,
    answered_by: usize,
    usage: [usize; 4],
    cost: usize,
}

impl Positions {
    /// Takes a failed row off the counters; what it took becomes overhead.
    fn take_off(&self, record: &csv::StringRecord, tally: &mut Tally) -> Result<(), String> {
        let less = |count: &mut u64, by: u64| {
            *count = count
                .checked_sub(by)
                .ok_or("an earlier chunk file counts more than its commit")?;
            Ok::<(), String>(())
        };
        let [input, output, read, write] = self.usage;
        let usage = Usage {
            input_tokens: number(&record[input])?,
            output_tokens: number(&record[output])?,
            cache_read_tokens: number(&record[read])?,
            cache_write_tokens: number(&record[write])?,
        };
        // Empty where the price is not known.
        let cost = match &record[self.cost] {
            "" => NanoUsd::ZERO,
            text => text
                .parse()
                .map_err(|_| "a cost in an earlier chunk file cannot be read".to_string())?,
        };
        less(&mut tally.rows, 1)?;
        less(&mut tally.failed, 1)?;
        less(
            &mut tally.review,
            u64::from(!record[self.review].is_empty()),
        )?;
        let reused = record[self.answered_by] == *AnsweredBy::PaidAnswer.name();
        less(&mut tally.paid_answers_reused, u64::from(reused))?;
        less(&mut tally.usage.input_tokens, usage.input_tokens)?;
        less(&mut tally.usage.output_tokens, usage.output_tokens)?;
        less(&mut tally.usage.cache_read_tokens, usage.cache_read_tokens)?;
        less(
            &mut tally.usage.cache_write_tokens,
            usage.cache_write_tokens,
        )?;
        less(&mut tally.cost.0, cost.0)?;
        tally.overhead_usage += usage;
        tally.overhead_cost += cost;
        Ok(())
    }
}

fn number(text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|_| "a number in an earlier chunk file cannot be read".to_string())
}

/// The csv crate's own words may quote the file.
fn unreadable(_: csv::Error) -> String {
    "an earlier chunk file is no CSV".to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::problem::ProblemType;
    use crate::results::{ChunkWriter, ResultRow};
    use crate::terms::TermTable;

    fn row(number: RowNo, outcome: Outcome, cost: u64) -> ResultRow {
        let mut row = match outcome {
            Outcome::Failed => ResultRow::failed(number, "refused", "the model\nsaid \"no\""),
            outcome => ResultRow::new(number, outcome),
        };
        row.answered_by = Some(AnsweredBy::Model);
        (row.cost, row.usage.input_tokens) = (NanoUsd(cost), cost);
        row
    }

    #[test]
    fn rows_that_did_not_fail_are_kept_byte_for_byte_and_no_cost_is_forgotten() {
        let columns = ResultColumns::new(&["id".into(), "mdr_text".into()], ProblemType::Product);
        let terms = TermTable::builtin();
        let input = |n: u64| [format!("\"{n}\","), "two\r\nlines".to_string()];
        let rows = [
            row(5, Outcome::Insufficient, 70),
            row(6, Outcome::Failed, 30),
            row(7, Outcome::Empty, 0),
            row(8, Outcome::Failed, 5),
        ];
        let mut writer = ChunkWriter::new(&columns, &terms, "m", "1");
        for row in &rows {
            writer.write(&input(row.row), row);
        }
        let (first, _, tally) = writer.finish();
        let previous = PreviousRows::read(first.clone(), &columns, &tally).unwrap();
        assert!(previous.line(6).is_none() && previous.line(8).is_none());
        let kept = previous.tally();
        assert_eq!((kept.rows, kept.failed, kept.insufficient), (2, 0, 1));
        assert_eq!((kept.cost, kept.overhead_cost), (NanoUsd(70), NanoUsd(35)));
        assert_eq!(kept.total_cost(), tally.total_cost());
        assert!(kept.balances());

        // Written again with the same failed rows, it is the same file.
        let mut writer = ChunkWriter::new(&columns, &terms, "m", "1");
        for row in &rows {
            match previous.line(row.row) {
                Some(line) => writer.keep(line),
                None => writer.write(&input(row.row), row),
            }
        }
        assert_eq!(writer.finish().0, first);
        let fewer = Tally { rows: 3, ..tally };
        assert!(PreviousRows::read(first, &columns, &fewer).is_err());
    }
}
