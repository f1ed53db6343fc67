//! A job's coded reports, read once when it is made, checked, and pinned by version and digest.

use super::pin::{pin, read_small};
use super::request::JobRequest;
use super::resolve::Unresolved;
use crate::core::opinion::uses_coded_reports;
use crate::jobs::corpus::read;
use crate::ports::{Blobs, Clock};
use crate::precedents::CodedReports;

/// No artifact is larger: its content may have as much before it is compressed.
const MOST_BYTES: u64 = 64 << 20;

/// Coded reports, and the version of the object that they were read from.
pub(super) struct PinnedCorpus {
    pub(super) reports: CodedReports,
    pub(super) version: Option<String>,
}

/// Reads the coded reports that `request` names, or takes those that come with the program where it asks for something
/// that needs some; none: it needs none.
pub(super) async fn pinned(
    clock: &dyn Clock,
    blobs: &dyn Blobs,
    request: &JobRequest,
) -> Result<Option<PinnedCorpus>, Unresolved> {
    let refused = |problem: String| Unresolved::Refused(vec![problem]);
    let Some(blob) = request.corpus() else {
        if !uses_coded_reports(request.second_opinion, request.precedents.unwrap_or(0)) {
            return Ok(None);
        }
        let reports = CodedReports::builtin().map_err(|error| refused(error.to_string()))?;
        return Ok(Some(PinnedCorpus {
            reports,
            version: None,
        }));
    };
    let what = "the coded reports (corpus_bucket, corpus_key)";
    let head = pin(clock, blobs, what, &blob, None).await?;
    let bytes = read_small(clock, blobs, what, &blob, &head, MOST_BYTES).await?;
    let reports = read(&blob, &bytes).map_err(|error| refused(error.what))?;
    Ok(Some(PinnedCorpus {
        reports,
        version: Some(head.etag),
    }))
}
