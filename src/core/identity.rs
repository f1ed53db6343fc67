//! A job's identity: a digest of the input's version and of all that shapes answers (DESIGN §6, Identity).
//!
//! Rates, workers and cost caps are not in it, so they can change on going on; the same event twice is the same job.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::ids::JobId;
use super::spec::JobSpec;

/// Hex digits of the digest that stand in the id: 80 bits, far from any collision among one owner's jobs.
const ID_HEX_DIGITS: usize = 20;

/// What identity is made of, by name: the names serve the message that says what differs.
fn parts(spec: &JobSpec) -> Vec<(&'static str, Value)> {
    let always = [
        ("input", input(spec)),
        ("id_column", json!(spec.id_column)),
        ("text_column", json!(spec.text_column)),
        ("encoding", json!(spec.encoding)),
        ("model", json!(spec.model_id)),
        ("problem_type", json!(spec.problem_type)),
        ("terms", json!(spec.terms_sha256)),
        ("prompt_version", json!(spec.prompt_version)),
        ("batch_size", json!(spec.batch_size)),
        ("chunk_rows", json!(spec.chunk_rows)),
        ("max_text_chars", json!(spec.max_text_chars)),
        ("max_record_bytes", json!(spec.max_record_bytes)),
        ("review_below", json!(spec.review_below)),
        ("again", json!(spec.again)),
        ("fresh", json!(spec.fresh)),
    ];
    // Only where they are asked for: jobs that were made before there were such fields keep their ids.
    let examples = (spec.precedents > 0).then_some(spec.precedents);
    let asked = [
        ("second_opinion", json!(spec.second_opinion)),
        ("precedents", json!(examples)),
        ("corpus", json!(spec.corpus_sha256)),
    ];
    let asked = asked.into_iter().filter(|(_, value)| !value.is_null());
    always.into_iter().chain(asked).collect()
}

/// What the input is known by. A digest stands for its content, wherever it lies; a store's own token (an ETag, a
/// version's id) means something only beside the object that it is the version of.
fn input(spec: &JobSpec) -> Value {
    if spec.input_version.starts_with("sha256:") {
        json!(spec.input_version)
    } else {
        json!([spec.input_bucket, spec.input_key, spec.input_version])
    }
}

/// The id of the job that `spec` asks for.
pub fn job_id(spec: &JobSpec) -> JobId {
    let mut hasher = Sha256::new();
    hasher.update(b"annexa job 1\n");
    for (name, value) in parts(spec) {
        hasher.update(format!("{name}={value}\n"));
    }
    JobId(format!("job-{}", &hex(&hasher.finalize())[..ID_HEX_DIGITS]))
}

/// What makes two specs different jobs, in a fixed order: the name, and from what to what where that can be read.
pub fn differences(one: &JobSpec, other: &JobSpec) -> Vec<String> {
    let (one, other) = (parts(one), parts(other));
    let of = |parts: &[(&'static str, Value)], name: &str| {
        let found = parts.iter().find(|(own, _)| *own == name);
        found.map_or(Value::Null, |(_, value)| value.clone())
    };
    let only_there = other
        .iter()
        .filter(|(name, _)| one.iter().all(|(own, _)| own != name));
    one.iter()
        .chain(only_there)
        .map(|(name, _)| (*name, of(&one, name), of(&other, name)))
        .filter(|(_, a, b)| a != b)
        .map(|(name, a, b)| match name {
            // Digests and nonces tell nobody anything.
            "input" | "terms" | "corpus" | "again" => name.to_string(),
            _ => format!("{name} (from {a} to {b})"),
        })
        .collect()
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// SHA-256 of `bytes` in hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::core::problem::ProblemType;
    use crate::core::spec::defaults;

    /// A spec for tests.
    pub(crate) fn spec() -> JobSpec {
        JobSpec {
            input_bucket: "input".into(),
            input_key: "reports.csv".into(),
            input_version: "sha256:00".into(),
            output_bucket: "output".into(),
            output_prefix: String::new(),
            model_id: "precedents".into(),
            problem_type: ProblemType::Both,
            batch_size: defaults::BATCH_SIZE,
            max_workers: defaults::MAX_WORKERS,
            rate_limit: None,
            tokens_per_minute: None,
            requests_per_minute: None,
            max_cost_usd: None,
            imdrf_bucket: None,
            imdrf_key: None,
            imdrf_version: None,
            terms_sha256: "11".into(),
            prompt_version: "1".into(),
            chunk_rows: defaults::CHUNK_ROWS,
            id_column: None,
            text_column: None,
            encoding: None,
            max_text_chars: defaults::MAX_TEXT_CHARS,
            max_record_bytes: defaults::MAX_RECORD_BYTES,
            review_below: None,
            again: None,
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

    #[test]
    fn what_shapes_answers_makes_another_job_and_rates_do_not() {
        let one = spec();
        let mut other = spec();
        other.max_workers = 7;
        other.rate_limit = Some(3.0);
        other.tokens_per_minute = Some(100_000);
        other.max_cost_usd = Some(crate::core::money::NanoUsd(1));
        other.output_prefix = "elsewhere/".into();
        assert_eq!(job_id(&one), job_id(&other));
        other.batch_size = 9;
        other.input_version = "sha256:ff".into();
        assert_ne!(job_id(&one), job_id(&other));
        assert_eq!(
            differences(&one, &other),
            ["input", "batch_size (from 2 to 9)"]
        );
    }

    #[test]
    fn what_is_not_asked_for_changes_no_id_and_what_is_asked_for_is_told() {
        let one = spec();
        let mut other = spec();
        other.formats.insert(crate::core::format::Format::Parquet);
        other.no_text = true;
        assert_eq!(job_id(&one), job_id(&other));
        // The id that this spec had before second opinions were there.
        assert_eq!(job_id(&one).as_str(), "job-efcb88d994b4c105b31e");
        other.second_opinion = Some(crate::core::opinion::SecondOpinion::Precedents);
        other.precedents = 10;
        assert_ne!(job_id(&one), job_id(&other));
        let told = [
            "second_opinion (from null to \"precedents\")",
            "precedents (from null to 10)",
        ];
        assert_eq!(differences(&one, &other), told);
    }

    #[test]
    fn a_stores_token_is_the_version_of_one_object_and_a_digest_of_any() {
        let there = |key: &str, version: &str| {
            let mut spec = spec();
            spec.input_key = key.into();
            spec.input_version = version.into();
            job_id(&spec)
        };
        assert_eq!(there("a.csv", "sha256:00"), there("b.csv", "sha256:00"));
        assert_ne!(there("a.csv", "\"00\""), there("b.csv", "\"00\""));
        assert_eq!(there("a.csv", "\"00\"@7"), there("a.csv", "\"00\"@7"));
    }
}
