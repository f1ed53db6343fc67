//! One pass over the source: ranges into the index, messages for what the window takes.

use super::{SplitEnd, Splitter};
use crate::core::ids::JobId;
use crate::core::plan::{Plan, SplitTotals};
use crate::ports::error::{PortError, PortResult};
use crate::ports::retry::{Backoff, retry};
use crate::records::{SCANNER_VERSION, Scanner};

/// Bytes read at once: large enough that the scan is bound by its own speed, small beside the memory promised.
const READ_BYTES: u64 = 4 << 20;
/// Ranges stored at once: one page of the chunk index.
const PAGE_RANGES: usize = 500;

impl Splitter {
    pub(super) async fn scan(&self, job_id: &JobId, plan: &Plan) -> PortResult<SplitEnd> {
        if plan.layout.scanner_version != SCANNER_VERSION {
            return Err(PortError::permanent_job(format!(
                "the job was planned by version {} of the scanner, this program has {SCANNER_VERSION}; finish it with \
                 the program that planned it, or start a new job",
                plan.layout.scanner_version
            )));
        }
        let clock = &*self.ports.clock;
        let mut scanner = Scanner::new(&plan.layout, plan.chunk_rows);
        let mut ranges = Vec::new();
        loop {
            if self.ports.shutdown.is_draining() {
                return Ok(SplitEnd::Interrupted);
            }
            let start = scanner.position();
            let bytes = retry(clock, Backoff::STORAGE, || {
                let end = start + READ_BYTES;
                self.ports
                    .blobs
                    .get_range(&plan.source, start, end, Some(&plan.source_etag))
            })
            .await?;
            let summary = if bytes.is_empty() {
                Some(scanner.finish(&mut ranges))
            } else {
                scanner.push(&bytes, &mut ranges);
                None
            };
            if ranges.len() >= PAGE_RANGES || summary.is_some() {
                for page in ranges.chunks(PAGE_RANGES) {
                    retry(clock, Backoff::STORAGE, || {
                        self.ports.ledger.put_ranges(job_id, page)
                    })
                    .await?;
                }
                ranges.clear();
            }
            if let Some(summary) = &summary {
                let totals = SplitTotals {
                    chunks: summary.chunks,
                    rows: summary.rows,
                    failed_records: summary.failed_records,
                };
                retry(clock, Backoff::STORAGE, || {
                    self.ports.ledger.split_complete(job_id, &totals)
                })
                .await?;
            }
            self.top_up(job_id).await?;
            if summary.is_some() {
                return Ok(SplitEnd::Complete);
            }
        }
    }

    async fn top_up(&self, job_id: &JobId) -> PortResult<()> {
        let ports = &self.ports;
        self.window
            .top_up(&*ports.clock, &*ports.ledger, &*ports.chunks, job_id)
            .await
    }
}
