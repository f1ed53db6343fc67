//! Staged copies: unpacked and decoded, whole or not at all, and never a wait without end.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use annexa::adapters::stager::BlobStager;
use annexa::core::spec::BlobRef;
use annexa::ports::blobs::{BlobHead, BlobWriter, Blobs, Put};
use annexa::ports::error::{PortError, PortResult};
use annexa::ports::{ErrorClass, Stager};
use annexa::records::{Compression, Normalise};
use async_trait::async_trait;
use flate2::write::GzEncoder;

use super::blobs::{put, read};
use super::fixtures::{BlobsFixture, MemoryObjects};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn how(compression: Compression, encoding: Option<&str>) -> Normalise {
    Normalise {
        compression,
        encoding: encoding.map(str::to_string),
    }
}

/// A file of about `mebibytes`, that packs badly enough for its packed form to be long as well.
fn long_text(mebibytes: usize) -> Vec<u8> {
    let mut text = b"id,mdr_text\n".to_vec();
    let mut word = 1_u64;
    while text.len() < mebibytes << 20 {
        word = word
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        writeln!(text, "{},{word:016x}", text.len()).unwrap();
    }
    text
}

async fn staged_as(
    fixture: &dyn BlobsFixture,
    input: &[u8],
    how: &Normalise,
) -> PortResult<Vec<u8>> {
    let blobs = fixture.blobs();
    let (from, to) = (fixture.at("in"), fixture.at("_work/staged"));
    let etag = put(&*blobs, &from, input).await.etag;
    let stager = BlobStager::new(blobs.clone());
    let head = stager.stage(&from, &etag, how, &to).await?;
    let bytes = read(&*blobs, &to).await;
    assert_eq!(blobs.head(&to).await.unwrap(), Some(head.clone()));
    assert_eq!(head.bytes, bytes.len() as u64);
    let again = stager.stage(&from, &etag, how, &to).await?;
    assert_eq!(
        read(&*blobs, &to).await,
        bytes,
        "said again it writes the same bytes"
    );
    if !fixture.keeps_versions() {
        assert_eq!(again, head);
    }
    Ok(bytes)
}

async fn a_staged_copy_is_plain_utf8(fixture: &dyn BlobsFixture) {
    let text = "id,mdr_text\n1,caf\u{e9}\n".as_bytes();
    let latin = b"id,mdr_text\n1,caf\xe9\n";
    let zstd = zstd::encode_all(text, 3).unwrap();
    for (input, how) in [
        (gzip(text), how(Compression::Gzip, None)),
        (zstd, how(Compression::Zstd, None)),
        (latin.to_vec(), how(Compression::None, Some("windows-1252"))),
        (gzip(latin), how(Compression::Gzip, Some("windows-1252"))),
    ] {
        assert_eq!(staged_as(fixture, &input, &how).await.unwrap(), text);
    }
}

async fn a_long_input_is_staged_whole(fixture: &dyn BlobsFixture) {
    let text = long_text(9);
    let staged = staged_as(fixture, &gzip(&text), &how(Compression::Gzip, None)).await;
    assert!(staged.unwrap() == text);
}

async fn damaged_input_ends_the_job_and_leaves_nothing(fixture: &dyn BlobsFixture) {
    let whole = gzip(&long_text(5));
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0xff;
    for damaged in [&whole[..whole.len() / 2], &flipped, b"\x1f\x8b\x08 no gzip"] {
        let refused = staged_as(fixture, damaged, &how(Compression::Gzip, None))
            .await
            .unwrap_err();
        assert_eq!(refused.class, ErrorClass::PermanentJob, "{refused}");
        let blobs = fixture.blobs();
        assert_eq!(blobs.head(&fixture.at("_work/staged")).await.unwrap(), None);
        assert_eq!(blobs.list(fixture.bucket(), "").await.unwrap(), ["in"]);
    }
}

async fn i1_another_version_of_the_input_is_not_staged(fixture: &dyn BlobsFixture) {
    let (blobs, from, to) = (fixture.blobs(), fixture.at("in"), fixture.at("staged"));
    let etag = put(&*blobs, &from, &gzip(b"id,mdr_text\n1,old\n"))
        .await
        .etag;
    put(&*blobs, &from, &gzip(b"id,mdr_text\n1,new\n")).await;
    let stager = BlobStager::new(blobs.clone());
    let how = how(Compression::Gzip, None);
    if fixture.keeps_versions() {
        stager.stage(&from, &etag, &how, &to).await.unwrap();
        assert_eq!(read(&*blobs, &to).await, b"id,mdr_text\n1,old\n");
        return;
    }
    let refused = stager.stage(&from, &etag, &how, &to).await.unwrap_err();
    assert_eq!(refused.class, ErrorClass::PermanentJob);
    blobs.delete(&from).await.unwrap();
    let refused = stager.stage(&from, &etag, &how, &to).await.unwrap_err();
    assert_eq!(refused.class, ErrorClass::PermanentJob);
    assert_eq!(blobs.head(&to).await.unwrap(), None);
}

every_blobs! { conform [
    a_staged_copy_is_plain_utf8,
    a_long_input_is_staged_whole,
    damaged_input_ends_the_job_and_leaves_nothing,
    i1_another_version_of_the_input_is_not_staged,
]}

/// A store that takes reads and refuses one step of writing.
struct Refusing {
    inner: Arc<dyn Blobs>,
    step: &'static str,
}

struct RefusingWriter(&'static str);

fn refusal(step: &str) -> PortError {
    PortError::transient(format!("{step}: the disk is full"))
}

#[async_trait]
impl BlobWriter for RefusingWriter {
    async fn write(&mut self, _: &[u8]) -> PortResult<()> {
        if self.0 == "write" {
            return Err(refusal(self.0));
        }
        Ok(())
    }
    async fn complete(self: Box<Self>, _: bool) -> PortResult<Put> {
        Err(refusal(self.0))
    }
}

#[async_trait]
impl Blobs for Refusing {
    async fn get_range(
        &self,
        blob: &BlobRef,
        start: u64,
        end: u64,
        if_match: Option<&str>,
    ) -> PortResult<Vec<u8>> {
        if self.step == "read" && start > 1 << 20 {
            return Err(refusal(self.step));
        }
        self.inner.get_range(blob, start, end, if_match).await
    }
    async fn put(&self, blob: &BlobRef, bytes: &[u8], if_none_match: bool) -> PortResult<Put> {
        self.inner.put(blob, bytes, if_none_match).await
    }
    async fn put_stream(&self, _: &BlobRef) -> PortResult<Box<dyn BlobWriter>> {
        if self.step == "begin" {
            return Err(refusal(self.step));
        }
        Ok(Box::new(RefusingWriter(self.step)))
    }
    async fn copy(&self, from: &BlobRef, to: &BlobRef) -> PortResult<()> {
        self.inner.copy(from, to).await
    }
    async fn list(&self, bucket: &str, prefix: &str) -> PortResult<Vec<String>> {
        self.inner.list(bucket, prefix).await
    }
    async fn head(&self, blob: &BlobRef) -> PortResult<Option<BlobHead>> {
        self.inner.head(blob).await
    }
    async fn delete(&self, blob: &BlobRef) -> PortResult<()> {
        self.inner.delete(blob).await
    }
}

async fn staged_with_trouble(step: &'static str) -> PortResult<BlobHead> {
    let fixture = MemoryObjects::new();
    // Long enough that nothing fits into the channels between reading, decoding and writing.
    let input = gzip(&long_text(12));
    assert!(input.len() > 4 << 20, "the packed form is long as well");
    let from = fixture.at("in");
    let etag = put(&*fixture.blobs(), &from, &input).await.etag;
    let stager = BlobStager::new(Arc::new(Refusing {
        inner: fixture.blobs(),
        step,
    }));
    let how = how(Compression::Gzip, None);
    stager
        .stage(&from, &etag, &how, &fixture.at("staged"))
        .await
}

#[test]
fn trouble_at_any_step_is_an_error_and_no_wait_without_end() {
    for step in ["read", "begin", "write", "complete"] {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_time()
            .build()
            .unwrap();
        #[expect(
            clippy::disallowed_methods,
            reason = "a guard: without it a hang would hang all tests"
        )]
        let staged = runtime.block_on(async {
            tokio::time::timeout(Duration::from_secs(60), staged_with_trouble(step)).await
        });
        // Not dropped: that would wait for a decoder that waits for ever.
        runtime.shutdown_background();
        let refused = staged
            .unwrap_or_else(|_| panic!("{step}: it hangs"))
            .unwrap_err();
        assert_eq!(refused.class, ErrorClass::Transient, "{step}: {refused}");
        assert!(
            refused.what.contains("the disk is full"),
            "{step}: {refused}"
        );
    }
}
