//! The chunk index: pages of ranges, written before the first message of a chunk is sent (I4), a few bytes a range.
//!
//! A range that is stored never changes, so what was read once is kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::item::{Item, Reader, bytes, number, under};
use super::keys::{Key, RANGES_A_PAGE};
use super::packed::{put_number, put_step, take_number, take_step};
use super::table::Table;
use crate::core::chunk::ChunkRange;
use crate::core::ids::{ChunkNo, JobId};
use crate::ports::error::{PortError, PortResult};

/// Ranges of a page, packed.
const RANGES: &str = "d";
/// How many they are.
const COUNT: &str = "n";
/// Pages that are kept in memory: 256 of 24 KB at most.
const MAX_KEPT: usize = 256;

/// A range, and when it was stored, in Unix milliseconds.
pub(super) type Stored = (ChunkRange, u64);

/// Which page `chunk` lies on.
pub(super) fn page_of(chunk: ChunkNo) -> u32 {
    chunk / RANGES_A_PAGE
}

/// The item of a page whose first range is the first of `page`.
pub(super) fn to_item(job_id: &JobId, page: u32, ranges: &[Stored]) -> Item {
    let mut packed = Vec::new();
    let (mut end, mut row, mut ms) = (0, 1, 0);
    for (range, stored_ms) in ranges {
        // Ranges follow each other, so most steps are nothing.
        put_step(&mut packed, end, range.start);
        put_step(&mut packed, range.start, range.end);
        put_step(&mut packed, row, range.first_row);
        put_number(&mut packed, u64::from(range.rows));
        put_step(&mut packed, ms, *stored_ms);
        end = range.end;
        row = range.first_row.wrapping_add(u64::from(range.rows));
        ms = *stored_ms;
    }
    let mut item = under(&Key::page(job_id, page));
    item.insert(RANGES.to_string(), bytes(packed));
    item.insert(COUNT.to_string(), number(ranges.len()));
    item
}

/// The ranges of page number `page` from its item.
fn from_item(page: u32, item: &Item) -> PortResult<Vec<Stored>> {
    let reader = Reader(item);
    let (mut packed, count) = (reader.bytes(RANGES)?, reader.number::<u32>(COUNT)?);
    let mut ranges = Vec::with_capacity(count.min(RANGES_A_PAGE) as usize);
    let (mut end, mut row, mut ms) = (0, 1, 0);
    let first = page * RANGES_A_PAGE;
    for chunk in first..first.saturating_add(count) {
        let mut next = || {
            let start = take_step(&mut packed, end)?;
            end = take_step(&mut packed, start)?;
            let first_row = take_step(&mut packed, row)?;
            let rows = u32::try_from(take_number(&mut packed)?).ok()?;
            ms = take_step(&mut packed, ms)?;
            row = first_row.wrapping_add(u64::from(rows));
            Some(ChunkRange {
                chunk,
                start,
                end,
                first_row,
                rows,
            })
        };
        let range = next().ok_or_else(|| reader.odd(RANGES))?;
        ranges.push((range, ms));
    }
    Ok(ranges)
}

type PageId = (JobId, u32);

/// Pages as they were read last.
#[derive(Debug, Default)]
pub(super) struct Pages(Mutex<HashMap<PageId, Arc<Vec<Stored>>>>);

impl Pages {
    /// A stored range. Only for chunks that the job item says are stored.
    pub(super) async fn range(
        &self,
        table: &Table,
        job_id: &JobId,
        chunk: ChunkNo,
    ) -> PortResult<Stored> {
        let found = self.ranges(table, job_id, chunk..chunk + 1).await?;
        Ok(found[0])
    }

    /// The stored ranges of `chunks`, all of which the job item says are stored.
    pub(super) async fn ranges(
        &self,
        table: &Table,
        job_id: &JobId,
        chunks: std::ops::Range<ChunkNo>,
    ) -> PortResult<Vec<Stored>> {
        if chunks.is_empty() {
            return Ok(Vec::new());
        }
        let (first, last) = (page_of(chunks.start), page_of(chunks.end - 1));
        let id = |page| (job_id.clone(), page);
        let mut pages: HashMap<u32, Arc<Vec<Stored>>> = HashMap::new();
        let mut missing = Vec::new();
        {
            let kept = self.0.lock().expect("no panic while held");
            for page in first..=last {
                // The last ranges that are asked of this page.
                let upto = chunks.end.min((page + 1).saturating_mul(RANGES_A_PAGE));
                match kept.get(&id(page)) {
                    Some(ranges) if ranges.len() as u32 >= upto - page * RANGES_A_PAGE => {
                        pages.insert(page, ranges.clone());
                    }
                    _ => missing.push(page),
                }
            }
        }
        let keys: Vec<Key> = missing
            .iter()
            .map(|page| Key::page(job_id, *page))
            .collect();
        let items = table.get_all(&keys).await?;
        for (page, key) in missing.iter().zip(&keys) {
            let item = items.get(key).ok_or_else(|| gone(job_id, *page))?;
            let ranges = Arc::new(from_item(*page, item)?);
            self.keep(id(*page), ranges.clone());
            pages.insert(*page, ranges);
        }
        chunks
            .map(|chunk| {
                let page = page_of(chunk);
                let place = (chunk - page * RANGES_A_PAGE) as usize;
                let range = pages.get(&page).and_then(|ranges| ranges.get(place));
                range.copied().ok_or_else(|| gone(job_id, page))
            })
            .collect()
    }

    fn keep(&self, id: PageId, ranges: Arc<Vec<Stored>>) {
        let mut kept = self.0.lock().expect("no panic while held");
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(id, ranges);
    }
}

fn gone(job_id: &JobId, page: u32) -> PortError {
    PortError::bug(format!(
        "job {job_id}: page {page} of its chunk index is gone or too short"
    ))
}

#[cfg(test)]
mod tests {
    use super::super::item::billed_bytes;
    use super::*;
    use proptest::prelude::*;

    fn job_id() -> JobId {
        JobId("job-0123456789abcdef0123".into())
    }

    #[test]
    fn a_full_page_of_usual_ranges_is_a_few_kilobytes() {
        let ranges: Vec<Stored> = (0..RANGES_A_PAGE)
            .map(|n| {
                let start = (1 << 33) + u64::from(n) * 81_000;
                let range = ChunkRange {
                    chunk: n,
                    start,
                    end: start + 81_000,
                    first_row: 1 + u64::from(n) * 100,
                    rows: 100,
                };
                (range, 1_767_225_600_000 + u64::from(n / 100) * 900)
            })
            .collect();
        let bytes = billed_bytes(&to_item(&job_id(), 0, &ranges));
        assert!(bytes < 4_096, "{bytes} bytes: more than one read unit");
    }

    proptest! {
        #[test]
        fn ranges_come_back_from_their_page(page in 0u32..9, parts in prop::collection::vec(any::<(u64, u64, u64, u32, u64)>(), 0..40)) {
            let ranges: Vec<Stored> = parts
                .into_iter()
                .zip(page * RANGES_A_PAGE..)
                .map(|((start, end, first_row, rows, ms), chunk)| (ChunkRange { chunk, start, end, first_row, rows }, ms))
                .collect();
            let item = to_item(&job_id(), page, &ranges);
            prop_assert_eq!(from_item(page, &item).unwrap(), ranges);
        }
    }
}
