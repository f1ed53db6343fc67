//! A job's terms, read once when it is made, checked, and pinned by version and digest.

use std::sync::Arc;

use super::pin::{pin, read_small};
use super::resolve::Unresolved;
use crate::core::spec::BlobRef;
use crate::ports::{Blobs, Clock};
use crate::terms::{TermTable, TermsError};

/// Many times the whole of IMDRF's terms with definitions.
const MOST_BYTES: u64 = 64 << 20;
/// Faults of a terms file that a reason lists.
const MOST_FAULTS: usize = 10;

/// Terms, and the version of the object that they were read from.
pub(super) struct PinnedTerms {
    pub(super) table: Arc<TermTable>,
    pub(super) version: Option<String>,
}

/// Reads the terms that lie at `blob`; none: the built-in release.
pub(super) async fn pinned(
    clock: &dyn Clock,
    blobs: &dyn Blobs,
    blob: Option<BlobRef>,
) -> Result<PinnedTerms, Unresolved> {
    let Some(blob) = blob else {
        return Ok(PinnedTerms {
            table: TermTable::builtin(),
            version: None,
        });
    };
    let what = "the terms (imdrf_bucket, imdrf_key)";
    let head = pin(clock, blobs, what, &blob, None).await?;
    let bytes = read_small(clock, blobs, what, &blob, &head, MOST_BYTES).await?;
    let table = TermTable::from_csv_bytes(&blob.key, &bytes)
        .map_err(|error| Unresolved::Refused(vec![said(&blob, &error)]))?;
    for warning in table.warnings() {
        tracing::info!(terms = %blob, warning, "terms");
    }
    Ok(PinnedTerms {
        table: Arc::new(table),
        version: Some(head.etag),
    })
}

/// What is wrong, by line and column. What stands there is not quoted: a file of reports that was named by mistake must
/// not show in a summary or a log (I10).
fn said(blob: &BlobRef, error: &TermsError) -> String {
    let faults = error.faults();
    if faults.is_empty() {
        return format!("the terms {blob} are not CSV text in UTF-8: save them as 'CSV UTF-8'");
    }
    let listed: Vec<String> = faults
        .iter()
        .take(MOST_FAULTS)
        .map(|fault| {
            let column = fault
                .column
                .as_ref()
                .map_or(String::new(), |column| format!(", column '{column}'"));
            format!("line {}{column}: {} expected", fault.line, fault.expected)
        })
        .collect();
    let more = match faults.len().saturating_sub(MOST_FAULTS) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    format!(
        "the terms {blob} cannot be used ({}{more}): correct them (annexa terms check FILE shows all)",
        listed.join("; ")
    )
}
