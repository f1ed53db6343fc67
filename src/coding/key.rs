//! The key of a paid answer: a digest of all that shapes it (I8). Two texts with one key would get one answer.

use sha2::{Digest, Sha256};

use crate::core::answer::AnswerKey;
use crate::core::problem::ProblemType;
use crate::core::spec::JobSpec;
use crate::ports::model::ModelInfo;

/// How a second sample is asked: among other batch mates, in another order
/// ([`sample_order`](super::batch::sample_order)), and at temperature 1 where the model takes one. Whoever changes that
/// changes this word.
const SECOND_SAMPLE: &str = "sample 2";

/// What shapes the answers of a job besides the texts, digested once.
#[derive(Debug, Clone)]
pub struct KeyBase(Sha256);

impl KeyBase {
    /// From everything that shapes an answer but the text: parameters are part of the prompt's version. `fresh`: a word
    /// of a job's own, so that it finds no answers but those that it paid for itself.
    pub fn new(
        model_id: &str,
        prompt_version: &str,
        terms_sha256: &str,
        problem: ProblemType,
        fresh: Option<&str>,
    ) -> KeyBase {
        KeyBase::in_domain("", model_id, prompt_version, terms_sha256, problem, fresh)
    }

    fn in_domain(
        domain: &str,
        model_id: &str,
        prompt_version: &str,
        terms_sha256: &str,
        problem: ProblemType,
        fresh: Option<&str>,
    ) -> KeyBase {
        let mut hasher = Sha256::new();
        hasher.update(b"annexa answer 1");
        // Letters: no length of a first part begins like them.
        hasher.update(domain);
        let problem = problem.to_string();
        let parts = [model_id, prompt_version, terms_sha256, &problem];
        for part in parts.into_iter().chain(fresh) {
            // The length before each part: no two lists of parts run together to the same bytes.
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        KeyBase(hasher)
    }

    /// What shapes the answers of a job.
    pub fn of_job(spec: &JobSpec, info: &ModelInfo) -> KeyBase {
        KeyBase::of_domain("", spec, info)
    }

    /// The same for a second opinion by the same model: an answer of its own, paid and kept by itself.
    pub fn of_second_sample(spec: &JobSpec, info: &ModelInfo) -> KeyBase {
        KeyBase::of_domain(SECOND_SAMPLE, spec, info)
    }

    fn of_domain(domain: &str, spec: &JobSpec, info: &ModelInfo) -> KeyBase {
        KeyBase::in_domain(
            domain,
            &info.model_id,
            &info.prompt_version,
            &spec.terms_sha256,
            spec.problem_type,
            spec.again.as_deref().filter(|_| spec.fresh),
        )
    }

    /// The key for a text as it is sent.
    pub fn key(&self, text: &str) -> AnswerKey {
        let mut hasher = self.0.clone();
        hasher.update(text);
        AnswerKey(hasher.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i8_a_second_sample_has_a_key_of_its_own_and_the_first_ones_stay() {
        let spec = crate::core::identity::tests::spec();
        let info = crate::adapters::local::rehearsal::info(
            &crate::precedents::CodedReports::builtin().unwrap(),
        );
        let first = KeyBase::of_job(&spec, &info).key("x");
        let second = KeyBase::of_second_sample(&spec, &info).key("x");
        assert_ne!(first, second);
        // Answers that were paid for before there were second samples are found.
        let version = &info.prompt_version;
        let before = KeyBase::new("rehearsal", version, "11", ProblemType::Both, None);
        assert_eq!(before.key("x"), first);
    }

    #[test]
    fn i8_whatever_shapes_an_answer_changes_its_key() {
        let base = || KeyBase::new("m", "1", "t", ProblemType::Both, None);
        let keys = [
            base().key("x"),
            base().key("y"),
            KeyBase::new("m1", "", "t", ProblemType::Both, None).key("x"),
            KeyBase::new("m", "2", "t", ProblemType::Both, None).key("x"),
            KeyBase::new("m", "1", "u", ProblemType::Both, None).key("x"),
            KeyBase::new("m", "1", "t", ProblemType::Patient, None).key("x"),
            KeyBase::new("m", "1", "t", ProblemType::Both, Some("again")).key("x"),
        ];
        let distinct: std::collections::BTreeSet<_> = keys.iter().collect();
        assert_eq!(distinct.len(), keys.len());
        assert_eq!(base().key("x"), keys[0]);
    }
}
