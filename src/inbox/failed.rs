//! The job of an arrival that can never be done: it exists so that somebody sees it fail, with the reason.

use super::frozen::{ArrivalId, Frozen};
use super::place::RESULTS_PREFIX;
use super::request::JobRequest;
use super::resolve::Resolver;
use crate::core::identity::sha256_hex;
use crate::core::ids::JobId;
use crate::core::spec::JobSpec;
use crate::terms::TermTable;

/// What a spec says of something that was never found out.
pub const UNKNOWN: &str = "unknown";
/// The longest reason, in characters: it stands in the ledger and in summaries.
const MAX_REASON_CHARS: usize = 4_000;

/// A job for `arrival` that fails for `problems`. Its outputs go to the fleet's own place, wherever the request wanted them:
/// there they are in nobody's way, and the corrected spec finds its place free.
pub(super) fn job(
    resolver: &Resolver,
    arrival: &ArrivalId,
    request: &JobRequest,
    version: Option<&str>,
    problems: &[String],
) -> Frozen {
    let digest = sha256_hex(format!("annexa failed arrival 1\n{}", arrival.0).as_bytes());
    let job_id = JobId(format!("job-{}", &digest[..20]));
    let setup = resolver.setup();
    let filled_in = resolver.filled_in(request);
    let or_unknown = |text: Option<String>| {
        text.filter(|text| !text.is_empty())
            .unwrap_or_else(|| UNKNOWN.to_string())
    };
    let spec = JobSpec {
        input_key: or_unknown(request.input_key.clone()),
        input_version: or_unknown(version.map(str::to_string)),
        output_bucket: setup.output_bucket.clone(),
        output_prefix: format!("{RESULTS_PREFIX}{job_id}/"),
        model_id: or_unknown(
            request
                .model_id
                .clone()
                .or_else(|| setup.defaults.model_id.clone()),
        ),
        // The summary is written with the built-in terms, whatever is wrong with the job's own.
        imdrf_bucket: None,
        imdrf_key: None,
        terms_sha256: TermTable::builtin().sha256_hex(),
        prompt_version: UNKNOWN.to_string(),
        again: Some(format!("arrival-{}", &arrival.0[..16])),
        ..filled_in
    };
    let reason: String = problems.join("; ").chars().take(MAX_REASON_CHARS).collect();
    Frozen {
        job_id,
        spec,
        failed: Some(reason),
    }
}
