//! A row and the chunk that it was answered in, out of a folder of outputs.
//!
//! By number the row is found through the chunks' files, by halving: a few small files are opened, however large the results
//! are. By id, or where the chunks' files are not there, the results are read up to the row.

use std::collections::VecDeque;
use std::path::PathBuf;

use anyhow::{Context, bail};
use csv::StringRecord;

use crate::core::ids::RowNo;
use crate::outputs::{Outputs, StoredRow};

/// How a row is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowName {
    /// Its number, from 1.
    Number(RowNo),
    /// The first row with this id.
    Id(String),
}

/// The rows of a chunk, and which of them is meant.
#[derive(Debug, Clone)]
pub struct Chunk {
    records: Vec<StringRecord>,
    at: usize,
    /// These are the rows of one chunk, as its file has them; else rows around the one that is meant.
    pub is_whole: bool,
}

impl Chunk {
    /// The row that is meant.
    pub fn row<'c>(&'c self, outputs: &'c Outputs) -> StoredRow<'c> {
        outputs.row(&self.records[self.at])
    }

    /// All rows, in their order.
    pub fn rows<'c>(&'c self, outputs: &'c Outputs) -> impl Iterator<Item = StoredRow<'c>> {
        self.records.iter().map(|record| outputs.row(record))
    }

    /// Which of them is meant, from 0.
    pub fn at(&self) -> usize {
        self.at
    }
}

/// Finds a row.
///
/// # Errors
/// There is none such, or a file cannot be read.
pub fn find(outputs: &Outputs, name: &RowName) -> anyhow::Result<Chunk> {
    let number = match name {
        RowName::Number(number) => *number,
        RowName::Id(id) => number_of(outputs, id)?,
    };
    if let Some(chunk) = in_chunks(outputs, number)? {
        return Ok(chunk);
    }
    around(outputs, number)
}

fn number_of(outputs: &Outputs, id: &str) -> anyhow::Result<RowNo> {
    let mut rows = outputs.rows()?;
    while let Some(row) = rows.next_row()? {
        if row.id() == id {
            return row.row().context("the row has no number");
        }
    }
    bail!(
        "{} has no row with the id '{id}'",
        outputs.results().display()
    )
}

/// The row in its chunk's file; none: the files are not there, or none has it (its chunk was given up).
fn in_chunks(outputs: &Outputs, number: RowNo) -> anyhow::Result<Option<Chunk>> {
    let Ok(manifest) = outputs.manifest() else {
        return Ok(None);
    };
    let paths: Vec<PathBuf> = manifest
        .chunks
        .iter()
        .map(|chunk| outputs.folder().join(&chunk.name))
        .collect();
    // The last chunk that does not begin behind the row: between these two.
    let (mut low, mut high) = (0, paths.len());
    while low < high {
        let middle = low + (high - low) / 2;
        if !paths[middle].is_file() {
            return Ok(None);
        }
        let mut rows = outputs.rows_of(&paths[middle])?;
        let first = rows.next_row()?.and_then(|row| row.row());
        match first.is_some_and(|first| first <= number) {
            true => low = middle + 1,
            false => high = middle,
        }
    }
    let Some(path) = low.checked_sub(1).map(|last| &paths[last]) else {
        return Ok(None);
    };
    let (mut records, mut at) = (Vec::new(), None);
    let mut rows = outputs.rows_of(path)?;
    while let Some(row) = rows.next_row()? {
        if row.row() == Some(number) {
            at = Some(records.len());
        }
        records.push(row.record().clone());
    }
    Ok(at.map(|at| Chunk {
        records,
        at,
        is_whole: true,
    }))
}

/// The row in the results, with so many before and behind it as a chunk has at most.
fn around(outputs: &Outputs, number: RowNo) -> anyhow::Result<Chunk> {
    let kept = outputs.owner().spec.chunk_rows as usize;
    let mut rows = outputs.rows()?;
    let (mut records, mut at): (VecDeque<StringRecord>, Option<usize>) = (VecDeque::new(), None);
    while let Some(row) = rows.next_row()? {
        let is_meant = row.row() == Some(number);
        records.push_back(row.record().clone());
        match at {
            None if is_meant => at = Some(records.len() - 1),
            None if records.len() > kept => drop(records.pop_front()),
            Some(at) if records.len() > at + kept => break,
            _ => {}
        }
    }
    let Some(at) = at else {
        bail!("{} has no row {number}", outputs.results().display());
    };
    Ok(Chunk {
        records: records.into(),
        at,
        is_whole: false,
    })
}
