//! A store that does not answer is no finding: nothing is said of files that could not be read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use annexa::adapters::local::files::FileBlobs;
use annexa::core::spec::BlobRef;
use annexa::ports::blobs::{BlobHead, BlobWriter, Put};
use annexa::ports::error::{ErrorClass, PortError, PortResult};
use annexa::ports::{Blobs, Clock};
use annexa::verify::{InputPlace, Place, Store, VerifyError, verify};
use async_trait::async_trait;

use crate::cli::harness::{self, sample};

/// A folder whose reads of `of` fail from the `from`th on.
struct Failing {
    inner: FileBlobs,
    of: &'static str,
    from: u64,
    error: PortError,
    reads: AtomicU64,
}

#[async_trait]
impl Blobs for Failing {
    async fn get_range(
        &self,
        blob: &BlobRef,
        start: u64,
        end: u64,
        if_match: Option<&str>,
    ) -> PortResult<Vec<u8>> {
        let is_meant = blob.key.ends_with(self.of);
        if is_meant && self.reads.fetch_add(1, Ordering::Relaxed) >= self.from {
            return Err(self.error.clone());
        }
        self.inner.get_range(blob, start, end, if_match).await
    }

    async fn put(&self, blob: &BlobRef, _: &[u8], _: bool) -> PortResult<Put> {
        panic!("{blob} is written")
    }

    async fn put_stream(&self, blob: &BlobRef) -> PortResult<Box<dyn BlobWriter>> {
        panic!("{blob} is written")
    }

    async fn copy(&self, _: &BlobRef, to: &BlobRef) -> PortResult<()> {
        panic!("{to} is written")
    }

    async fn list(&self, bucket: &str, prefix: &str) -> PortResult<Vec<String>> {
        self.inner.list(bucket, prefix).await
    }

    async fn head(&self, blob: &BlobRef) -> PortResult<Option<BlobHead>> {
        self.inner.head(blob).await
    }

    async fn delete(&self, blob: &BlobRef) -> PortResult<()> {
        panic!("{blob} is removed")
    }
}

/// A clock on which no pause takes long.
struct Impatient;

#[async_trait]
impl Clock for Impatient {
    fn now_ms(&self) -> u64 {
        0
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    async fn sleep(&self, _: Duration) {}

    fn random(&self) -> u64 {
        0
    }
}

/// What comes of a check of a good folder with a store like that.
fn checked(
    place: &harness::Place,
    of: &'static str,
    from: u64,
    class: ErrorClass,
) -> Result<annexa::verify::Report, VerifyError> {
    let roots = [
        ("outputs".to_string(), place.path("in-annexa")),
        ("input".to_string(), place.path("")),
    ];
    let blobs = Failing {
        inner: FileBlobs::new(roots),
        of,
        from,
        error: PortError::new(class, "the store is out"),
        reads: AtomicU64::new(0),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    verify(&Place {
        store: Store::new(Arc::new(blobs), Arc::new(Impatient), Arc::new(runtime)),
        bucket: "outputs".into(),
        prefix: String::new(),
        shown: "in-annexa".into(),
        input: InputPlace::Perhaps(BlobRef::new("input", "in.csv")),
        terms: None,
    })
}

#[test]
fn an_outage_in_the_middle_is_an_error_and_never_a_finding() {
    let place = harness::Place::new();
    place.coded(
        sample(12),
        &["--chunk-rows", "5", "--format", "parquet,jsonl,spreadsheet"],
    );
    let names = [
        "job.json",
        "manifest.json",
        "summary.json",
        "results.csv",
        "failures.csv",
        "chunks/00000001.csv",
        "results.parquet",
        "results.jsonl",
        "results.spreadsheet.csv",
        "in.csv",
    ];
    for name in names {
        let whole = checked(&place, name, u64::MAX, ErrorClass::Transient).unwrap();
        assert!(whole.ok && whole.not_checked() == 0, "{whole:#?}");
        // Every read of the file, one after the other, until it is not read so often.
        let mut outages = 0;
        for from in 0.. {
            match checked(&place, name, from, ErrorClass::Transient) {
                Ok(report) => {
                    assert!(report.ok, "{name} from read {from} on: {report:#?}");
                    break;
                }
                Err(error) => {
                    let said = error.to_string();
                    assert_eq!(said, "could not be checked: the store is out", "{name}");
                    outages += 1;
                }
            }
        }
        assert!(outages > 0, "{name} is not read");
    }
}

#[test]
fn a_file_that_is_there_and_may_not_be_read_is_an_error_and_an_input_may_be_left_out() {
    let place = harness::Place::new();
    place.coded(sample(3), &[]);
    let refused = checked(&place, "results.csv", 0, ErrorClass::PermanentJob);
    assert!(matches!(refused, Err(VerifyError::Port(_))), "{refused:?}");
    let report = checked(&place, "in.csv", 0, ErrorClass::PermanentJob).unwrap();
    assert!(report.ok && report.not_checked() == 2, "{report:#?}");
}
