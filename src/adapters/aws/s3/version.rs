//! The names of versions: `"etag"`, or `"etag"@versionId` where the bucket keeps versions.

use crate::ports::blobs::BlobHead;

/// What S3 says of a version, made into one word.
pub(super) fn token(etag: &str, version_id: Option<&str>) -> String {
    match version_id {
        Some(id) => format!("{etag}@{id}"),
        None => etag.to_string(),
    }
}

/// The ETag and the version's id of a [`token`].
pub(super) fn split(token: &str) -> (&str, Option<&str>) {
    // An ETag ends with a quotation mark; an id has none.
    match token.rsplit_once("\"@") {
        Some((etag, id)) => (&token[..etag.len() + 1], Some(id)),
        None => (token, None),
    }
}

/// Whether two tokens name one version. One of them may be from before the bucket kept versions: then the ETags decide.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    match (split(one), split(other)) {
        ((_, Some(one)), (_, Some(other))) => one == other,
        ((one, _), (other, _)) => one == other,
    }
}

/// A head from what an answer says; none: it says too little.
pub(super) fn head(
    etag: Option<&str>,
    version_id: Option<&str>,
    bytes: Option<u64>,
) -> Option<BlobHead> {
    Some(BlobHead {
        etag: token(etag?, version_id),
        bytes: bytes?,
    })
}
