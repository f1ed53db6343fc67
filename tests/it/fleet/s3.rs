//! What a request to S3 is, and on which objects and buckets (path style).

use hyper::Method;
use hyper::http::request::Parts;

use super::needs::{Need, decoded, need, of_query};

/// Needs of a request to S3.
pub(super) fn needs(action: &str, on: &str, parts: &Parts) -> Vec<Need> {
    let path = decoded(parts.uri.path().trim_start_matches('/'));
    let bucket = path.split('/').next().unwrap_or_default().to_string();
    let query = parts.uri.query().unwrap_or_default();
    let is_version = of_query(query, "versionId").is_some();
    let source = parts
        .headers
        .get("x-amz-copy-source")
        .and_then(|source| source.to_str().ok());
    let (source, source_query) = source.map_or(("", ""), |source| {
        source.split_once('?').unwrap_or((source, ""))
    });
    let of_source = decoded(source.trim_start_matches('/'));
    let is_source_version = of_query(source_query, "versionId").is_some();
    let named = match on {
        "object" => (!is_version).then_some(path),
        "version" => is_version.then_some(path),
        "source" => (!is_source_version).then_some(of_source),
        "version of the source" => is_source_version.then_some(of_source),
        _ => Some(bucket),
    };
    let arn = |name| need(action, format!("arn:aws:s3:::{name}"), None);
    named.map(arn).into_iter().collect()
}

/// The operation of a request to S3, by method, path and query (path style).
pub(super) fn operation(parts: &Parts) -> &'static str {
    let path = parts.uri.path().trim_start_matches('/');
    let has_key = path.split_once('/').is_some_and(|(_, key)| !key.is_empty());
    let query = parts.uri.query().unwrap_or_default();
    let asks = |name: &str| of_query(query, name).is_some();
    let copies = parts.headers.contains_key("x-amz-copy-source");
    match (&parts.method, has_key) {
        (&Method::HEAD, true) => "HeadObject",
        (&Method::HEAD, false) => "HeadBucket",
        (&Method::GET, true) => "GetObject",
        (&Method::GET, false) if asks("location") => "GetBucketLocation",
        (&Method::GET, false) if asks("versioning") => "GetBucketVersioning",
        (&Method::GET, false) => "ListObjectsV2",
        (&Method::DELETE, _) if asks("uploadId") => "AbortMultipartUpload",
        (&Method::DELETE, _) if asks("versionId") => "DeleteObject of a version",
        (&Method::DELETE, _) => "DeleteObject",
        (&Method::POST, _) if asks("uploads") => "CreateMultipartUpload",
        (&Method::POST, _) if asks("uploadId") => "CompleteMultipartUpload",
        (&Method::POST, _) if asks("delete") => "DeleteObjects",
        (&Method::PUT, _) if asks("partNumber") && copies => "UploadPartCopy",
        (&Method::PUT, _) if asks("partNumber") => "UploadPart",
        (&Method::PUT, true) if copies => "CopyObject",
        (&Method::PUT, true) if !asks("tagging") && !asks("acl") => "PutObject",
        _ => "Other",
    }
}
