//! What S3's refusals ask for. Codes are those of its API reference; the answer to a HEAD has a status alone.

use std::error::Error;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use super::super::failure::{Refusal, Request, explain};
use super::S3Blobs;
use crate::ports::error::PortError;

/// The header that names the Region of a bucket that was looked for elsewhere.
const REGION_HEADER: &str = "x-amz-bucket-region";

impl S3Blobs {
    /// The error of `request`.
    pub(super) fn failed<E>(
        &self,
        error: &SdkError<E, HttpResponse>,
        request: &Request,
    ) -> PortError
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let header = |name| error.raw_response().and_then(|raw| raw.headers().get(name));
        let region = header(REGION_HEADER).filter(|region| *region != &*self.region);
        explain(error, request, |refusal| match region {
            Some(region) if matches!(refusal.status, 301 | 307 | 400) => {
                Some(request.never(format!(
                    "the bucket is in {region}, and {} is called: set AWS_REGION to {region}",
                    self.region
                )))
            }
            _ => judge(request, refusal),
        })
    }
}

/// What is S3's own.
pub(super) fn judge(request: &Request, refusal: &Refusal) -> Option<PortError> {
    let error = match (refusal.code.as_str(), refusal.status) {
        ("NoSuchBucket", _) => request.never(format!(
            "there is no such bucket: create it as the stack does, or correct its name {refusal}"
        )),
        ("NoSuchKey" | "NotFound" | "NoSuchVersion" | "MethodNotAllowed", 404 | 405) | (_, 405) => {
            request.never(format!("the object is gone: upload it again {refusal}"))
        }
        ("InvalidArgument", _) if refusal.said.contains("version id") => request.never(format!(
            "there is no such version of the object: upload it again {refusal}"
        )),
        // Above all of credentials that have run out: only the answer to a GET would say so.
        ("", 400) => request.busy(format!(
            "refused without a reason: see whether the credentials have run out {refusal}"
        )),
        ("PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException", _)
        | (_, 301 | 307) => request.never(format!(
            "the bucket is in another Region: set AWS_REGION to the bucket's {refusal}"
        )),
        ("PreconditionFailed", _) | (_, 412) => request.never(format!(
            "the object has changed: the job is pinned to what it was; submit the new one as a new job, and keep versions \
             in this bucket so that it does not happen again {refusal}"
        )),
        ("InvalidObjectState", _) => request.never(format!(
            "the object is archived: restore it, then submit it again {refusal}"
        )),
        // Who may not list the bucket is told the same of what is not there.
        (_, 403) if !request.has_effect && is_access(refusal) => request.never(format!(
            "it is not there, or not allowed: allow {} on it, and s3:ListBucket on the bucket to tell the two apart {refusal}",
            request.action
        )),
        _ => return None,
    };
    Some(error)
}

fn is_access(refusal: &Refusal) -> bool {
    matches!(refusal.code.as_str(), "" | "AccessDenied" | "Forbidden")
}
