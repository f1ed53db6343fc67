//! Specs, plans, ranges and tallies of these checks: no field has the value that it would have by accident.

use annexa::core::chunk::{ChunkRange, Claim, Commit};
use annexa::core::identity;
use annexa::core::ids::ChunkNo;
use annexa::core::money::{NanoUsd, Usage};
use annexa::core::plan::{Layout, Plan, SplitTotals, Terminator};
use annexa::core::problem::ProblemType;
use annexa::core::spec::{BlobRef, JobSpec, defaults};
use annexa::core::tally::Tally;

/// Rows of each chunk of these checks.
pub const ROWS: u32 = 10;

/// A spec of this suite; another `name` is another job.
pub fn spec(name: &str) -> JobSpec {
    JobSpec {
        input_bucket: "input".into(),
        input_key: "reports.csv".into(),
        input_version: "sha256:00".into(),
        output_bucket: "output".into(),
        output_prefix: "results/".into(),
        model_id: "precedents".into(),
        problem_type: ProblemType::Both,
        batch_size: defaults::BATCH_SIZE,
        max_workers: defaults::MAX_WORKERS,
        rate_limit: Some(0.1 + 0.2),
        tokens_per_minute: Some(1 << 40),
        requests_per_minute: None,
        max_cost_usd: None,
        imdrf_bucket: None,
        imdrf_key: None,
        imdrf_version: None,
        terms_sha256: "11".into(),
        prompt_version: "1".into(),
        chunk_rows: ROWS,
        id_column: None,
        text_column: Some("Text \"x\", \u{bf}".into()),
        encoding: None,
        max_text_chars: defaults::MAX_TEXT_CHARS,
        max_record_bytes: u64::MAX,
        review_below: Some(1.0 / 3.0),
        again: Some(name.into()),
        fresh: false,
        second_opinion: None,
        precedents: 0,
        corpus_bucket: None,
        corpus_key: None,
        corpus_version: None,
        corpus_sha256: None,
        formats: Default::default(),
        no_text: false,
    }
}

/// The range of chunk number `chunk`: 100 bytes and [`ROWS`] rows each.
pub fn range(chunk: ChunkNo) -> ChunkRange {
    let start = 20 + 100 * u64::from(chunk);
    ChunkRange {
        chunk,
        start,
        end: start + 100,
        first_row: 1 + u64::from(ROWS * chunk),
        rows: ROWS,
    }
}

/// Ranges of chunks `0..chunks`.
pub fn ranges(chunks: u32) -> Vec<ChunkRange> {
    (0..chunks).map(range).collect()
}

/// What the splitter counts for `chunks` chunks.
pub fn totals(chunks: u32) -> SplitTotals {
    SplitTotals {
        chunks,
        rows: u64::from(chunks * ROWS),
        failed_records: 0,
    }
}

/// A plan over the version `etag`.
pub fn plan(etag: &str) -> Plan {
    Plan {
        source: BlobRef::new("input", "reports.csv"),
        source_etag: etag.into(),
        source_bytes: u64::from(u32::MAX) * 3,
        staged_from: Some("gzip".into()),
        layout: Layout {
            delimiter: b';',
            bom: true,
            terminator: Terminator::CrLf,
            columns: vec!["id".into(), "mdr_text".into(), "\u{df}, \"q\"".into()],
            id_index: 0,
            text_index: 1,
            data_start_byte: 20,
            scanner_version: 1,
            max_record_bytes: 1 << 20,
        },
        chunk_rows: ROWS,
    }
}

/// A tally with another number in each counter, and balanced over [`ROWS`] rows.
pub fn tally(n: u64) -> Tally {
    let usage = |k: u64| Usage {
        input_tokens: k * 1_000 + n,
        output_tokens: k * 100 + n,
        cache_read_tokens: k * 10 + n,
        cache_write_tokens: k + n,
    };
    Tally {
        rows: u64::from(ROWS),
        coded: 5,
        insufficient: 3,
        empty: 2,
        failed: 0,
        review: 4,
        usage: usage(7),
        cost: NanoUsd(1_000_000 + n),
        calls: 6,
        retries: n,
        throttles: 2 * n,
        paid_answers_reused: 1,
        possibly_twice_paid_calls: 0,
        overhead_usage: usage(3),
        overhead_cost: NanoUsd(77 + n),
    }
}

/// The commit that the holder of `claim` makes.
pub fn commit_of(claim: &Claim) -> Commit {
    Commit {
        epoch: claim.epoch,
        blob_key: format!("results/_work/{}-{}.csv", claim.key.chunk, claim.epoch),
        sha256: identity::sha256_hex(format!("{}/{}", claim.key.chunk, claim.epoch).as_bytes()),
        bytes: 1_234,
        tally: tally(u64::from(claim.key.chunk)),
    }
}
