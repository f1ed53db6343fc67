//! The coded reports of a job: those that come with the program or the user's own, pinned by version and digest when the job
//! was made.

use crate::core::spec::{BlobRef, JobSpec};
use crate::ports::error::{ErrorClass, PortError, PortResult};
use crate::ports::retry::{Backoff, retry};
use crate::ports::{Blobs, Clock};
use crate::precedents::CodedReports;

/// The coded reports that a spec names, checked against the digest that was pinned at creation; none: it names none. Read
/// once a process for as long as somebody uses them.
///
/// # Errors
/// `PermanentJob`: the artifact is gone, damaged, or another one than the job was made with. `LaneParked`: the program has
/// other built-in reports than the one that made the job.
pub async fn load(
    clock: &dyn Clock,
    blobs: &dyn Blobs,
    spec: &JobSpec,
) -> PortResult<Option<CodedReports>> {
    let Some(sha256) = &spec.corpus_sha256 else {
        return Ok(None);
    };
    if let Some(known) = CodedReports::known(sha256) {
        return Ok(Some(known));
    }
    let Some(blob) = spec.corpus() else {
        return builtin(sha256).map(Some);
    };
    let bytes = retry(clock, Backoff::STORAGE, || {
        blobs.get_range(&blob, 0, u64::MAX, spec.corpus_version.as_deref())
    })
    .await
    .map_err(|error| error.context(format!("the coded reports {blob}")))?;
    let coded = read(&blob, &bytes)?;
    if coded.sha256() != sha256 {
        return Err(PortError::permanent_job(format!(
            "the coded reports {blob} are not those that the job was made with; start a new job for them"
        )));
    }
    Ok(Some(coded))
}

/// Reads an artifact that lies at `blob`.
///
/// # Errors
/// `PermanentJob`: it is none, or is damaged, or another program wrote it.
pub fn read(blob: &BlobRef, bytes: &[u8]) -> PortResult<CodedReports> {
    CodedReports::from_bytes(bytes)
        .map_err(|error| PortError::permanent_job(format!("the coded reports {blob}: {error}")))
}

fn builtin(sha256: &str) -> PortResult<CodedReports> {
    let coded = CodedReports::builtin().map_err(|error| {
        PortError::permanent_job(format!("the built-in coded reports: {error}"))
    })?;
    match coded.sha256() == sha256 {
        true => Ok(coded),
        // As with a prompt's version: with the right program the job goes on, and nothing that is paid for is lost.
        false => Err(PortError::new(
            ErrorClass::LaneParked,
            "the job was made with other built-in coded reports than this program has: resume it once workers of its own \
             version run, or cancel it and submit it anew",
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::adapters::memory::blobs::MemoryBlobs;
    use crate::adapters::memory::chaos::Chaos;
    use crate::adapters::memory::clock::SimClock;
    use crate::core::identity::tests::spec;
    use crate::precedents::Precedents;

    async fn loaded(spec: &JobSpec, there: Option<&[u8]>) -> PortResult<Option<CodedReports>> {
        let clock = Arc::new(SimClock::new(1));
        let blobs = MemoryBlobs::new(Chaos::none(clock.clone()));
        if let Some(bytes) = there {
            let blob = BlobRef::new("ours", "coded.bin");
            blobs.put(&blob, bytes, false).await.unwrap();
        }
        load(&*clock, &blobs, spec).await
    }

    fn own(sha256: &str) -> JobSpec {
        JobSpec {
            corpus_bucket: Some("ours".into()),
            corpus_key: Some("coded.bin".into()),
            corpus_sha256: Some(sha256.into()),
            ..spec()
        }
    }

    #[tokio::test]
    async fn a_spec_gets_the_coded_reports_it_was_made_with_or_a_reason() {
        assert!(loaded(&spec(), None).await.unwrap().is_none());
        let builtin = CodedReports::builtin().unwrap();
        let named = JobSpec {
            corpus_sha256: Some(builtin.sha256().into()),
            ..spec()
        };
        let found = loaded(&named, None).await.unwrap().unwrap();
        assert_eq!(found.sha256(), builtin.sha256());
        let other = JobSpec {
            corpus_sha256: Some("00".into()),
            ..spec()
        };
        let error = loaded(&other, None).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::LaneParked);

        let bytes = Precedents::builtin_bytes();
        let error = loaded(&own("00"), Some(bytes)).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::PermanentJob);
        assert!(
            error.what.contains("ours/coded.bin are not those"),
            "{error}"
        );
        let mut damaged = bytes.to_vec();
        damaged[100] ^= 1;
        for (there, reason) in [
            (Some(&damaged[..]), "damaged at byte"),
            (Some(&b"id,mdr_text\n"[..]), "does not begin with the mark"),
            (None, "ours/coded.bin"),
        ] {
            let error = loaded(&own("00"), there).await.unwrap_err();
            assert_eq!(error.class, ErrorClass::PermanentJob);
            assert!(error.what.contains(reason), "{error}");
        }
    }
}
