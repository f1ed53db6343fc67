//! One pass over the chunks, in order: results, failures, chunk files, and what the rows say in all.

use super::super::AggregatorPorts;
use super::forms::Forms;
use super::output::Output;
use crate::core::chunk::{ChunkRecord, ChunkStatus, Commit};
use crate::core::identity::sha256_hex;
use crate::core::job::JobRecord;
use crate::core::plan::Plan;
use crate::core::spec::BlobRef;
use crate::core::tally::Tally;
use crate::core::transitions::generation::published_name;
use crate::ports::error::{PortError, PortResult};
use crate::ports::retry::{Backoff, retry};
use crate::records::read_chunk;
use crate::report::manifest::ManifestEntry;
use crate::report::stats::{Stats, StatsReader};
use crate::results::{ChunkWriter, ResultColumns, ResultRow, header_bytes};
use crate::terms::TermTable;

/// Chunk records read at once.
const PAGE_CHUNKS: u32 = 500;

/// What a pass came to.
#[derive(Default)]
pub(super) struct Merged {
    pub(super) stats: Stats,
    pub(super) outputs: Vec<ManifestEntry>,
    pub(super) chunks: Vec<ManifestEntry>,
    /// Names of forms that could not be written.
    pub(super) dropped: Vec<String>,
    /// What earlier generations committed of chunks that a stopped one did not get to: shown, and in no counter yet.
    pub(super) unfinished: Tally,
}

pub(super) async fn merge(
    ports: &AggregatorPorts,
    job: &JobRecord,
    plan: &Plan,
    terms: &TermTable,
) -> PortResult<Merged> {
    let is_partial = job.stopping.is_some();
    let columns = ResultColumns::of_job(&plan.layout.columns, &job.spec);
    let header = header_bytes(&columns);
    let partial = if is_partial { ".partial" } else { "" };
    let name = |of: &str| format!("{of}{partial}.csv");
    let mut results = Output::begin(ports, job, name("results"), &header).await?;
    let mut failures = Output::begin(ports, job, name("failures"), &header).await?;
    let mut forms = Forms::begin(ports, job, &columns, &format!("results{partial}")).await?;
    let mut stats = StatsReader::for_page(&columns, &job.spec, job.spec.no_text);
    let mut chunks = Vec::new();
    let mut unfinished = Tally::default();
    let mut from = 0;
    loop {
        let page = retry(&*ports.clock, Backoff::STORAGE, || {
            ports.ledger.chunks(&job.job_id, from, PAGE_CHUNKS)
        })
        .await?;
        let Some(last) = page.last() else { break };
        from = last.range.chunk + 1;
        for chunk in &page {
            let Some((csv, entry)) = rows_of(ports, job, plan, terms, &columns, chunk).await?
            else {
                continue;
            };
            let rows = csv.strip_prefix(&header[..]).ok_or_else(|| {
                PortError::permanent_job(format!(
                    "chunk {} has other columns than the job",
                    chunk.range.chunk
                ))
            })?;
            stats.chunk(job, chunk);
            count_rows(rows, &mut stats, &mut failures, &mut forms)?;
            results.add(rows);
            results.flush_if_full().await?;
            failures.flush_if_full().await?;
            forms.flush_if_full().await?;
            chunks.extend(entry);
            if let (false, Some(previous)) = (chunk.status.is_final(), &chunk.previous) {
                unfinished += previous.tally;
            }
        }
    }
    let mut outputs = vec![results.complete().await?, failures.complete().await?];
    let (of_forms, dropped) = forms.complete().await?;
    outputs.extend(of_forms);
    Ok(Merged {
        stats: stats.finish(),
        outputs,
        chunks,
        dropped,
        unfinished,
    })
}

/// The CSV of a chunk with its header, and its entry in the manifest once it is published; none: it has no rows to
/// show (a stopped job).
async fn rows_of(
    ports: &AggregatorPorts,
    job: &JobRecord,
    plan: &Plan,
    terms: &TermTable,
    columns: &ResultColumns,
    chunk: &ChunkRecord,
) -> PortResult<Option<(Vec<u8>, Option<ManifestEntry>)>> {
    let is_partial = job.stopping.is_some();
    let shown = match &chunk.status {
        ChunkStatus::Committed(commit) => Some(commit),
        // What an earlier generation committed of it stands.
        ChunkStatus::Quarantined { .. } => chunk.previous.as_ref(),
        ChunkStatus::Open | ChunkStatus::Parked => chunk.previous.as_ref().filter(|_| is_partial),
    };
    if let Some(commit) = shown {
        return match publish(ports, job, chunk, commit).await {
            Ok((csv, entry)) => Ok(Some((csv, Some(entry)))),
            // A stopped job shows what can be shown.
            Err(error) if is_partial && !error.is_retryable() => {
                tracing::warn!(job = %job.job_id, chunk = chunk.range.chunk, %error, "left out of partial results");
                Ok(None)
            }
            Err(error) => Err(error),
        };
    }
    match &chunk.status {
        ChunkStatus::Quarantined { reason } => {
            let csv = quarantined_rows(ports, plan, terms, columns, chunk, reason).await;
            match csv {
                Ok(csv) => Ok(Some((csv, None))),
                Err(error) if is_partial && !error.is_retryable() => Ok(None),
                Err(error) => Err(error),
            }
        }
        _ if is_partial => Ok(None),
        _ => Err(PortError::bug(format!(
            "chunk {} is neither committed nor quarantined in a job that is done",
            chunk.range.chunk
        ))),
    }
}

/// Checks a committed chunk against its commit and gives it its final name, if an earlier generation has not.
async fn publish(
    ports: &AggregatorPorts,
    job: &JobRecord,
    chunk: &ChunkRecord,
    commit: &Commit,
) -> PortResult<(Vec<u8>, ManifestEntry)> {
    let clock = &*ports.clock;
    let work = BlobRef::new(&job.spec.output_bucket, &commit.blob_key);
    let csv = retry(clock, Backoff::STORAGE, || {
        ports.blobs.get_range(&work, 0, u64::MAX, None)
    })
    .await?;
    if sha256_hex(&csv) != commit.sha256 {
        return Err(PortError::permanent_job(format!(
            "{work} is not what was committed for chunk {}: it was changed or damaged",
            chunk.range.chunk
        )));
    }
    let name = published_name(&job.spec, job.generation, chunk.range.chunk, commit);
    let to = job.spec.output(&name);
    if to != work {
        retry(clock, Backoff::STORAGE, || ports.blobs.copy(&work, &to)).await?;
    }
    Ok((
        csv,
        ManifestEntry {
            name,
            bytes: commit.bytes,
            sha256: commit.sha256.clone(),
        },
    ))
}

/// The rows of a chunk that was given up: each with its own columns and the reason (I1).
async fn quarantined_rows(
    ports: &AggregatorPorts,
    plan: &Plan,
    terms: &TermTable,
    columns: &ResultColumns,
    chunk: &ChunkRecord,
    reason: &str,
) -> PortResult<Vec<u8>> {
    let range = &chunk.range;
    let end = range.start + range.read_bytes(&plan.layout);
    let bytes = retry(&*ports.clock, Backoff::STORAGE, || {
        ports
            .blobs
            .get_range(&plan.source, range.start, end, Some(&plan.source_etag))
    })
    .await?;
    let rows = read_chunk(&bytes, &plan.layout, range)
        .map_err(|error| PortError::permanent_job(error.to_string()))?;
    let mut writer = ChunkWriter::new(columns, terms, "", "");
    for row in rows {
        let what = format!("row {} (byte {}): {reason}", row.number, row.byte);
        writer.write(
            &row.fields,
            &ResultRow::failed(row.number, "chunk_given_up", what),
        );
    }
    Ok(writer.finish().0)
}

fn count_rows(
    rows: &[u8],
    stats: &mut StatsReader,
    failures: &mut Output,
    forms: &mut Forms,
) -> PortResult<()> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(rows);
    let mut record = csv::ByteRecord::new();
    let unreadable =
        |error: csv::Error| PortError::bug(format!("a chunk cannot be read back: {error}"));
    while reader.read_byte_record(&mut record).map_err(unreadable)? {
        forms.row(&record);
        if stats.count(&record) {
            let mut writer = csv::Writer::from_writer(&mut failures.buffer);
            writer.write_byte_record(&record).map_err(unreadable)?;
            writer
                .flush()
                .map_err(|error| PortError::bug(error.to_string()))?;
        }
    }
    Ok(())
}
