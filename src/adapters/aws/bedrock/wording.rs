//! How a model is asked, without anybody to ask: for who wants to see a request again that was sent before.

use super::request::{Manner, Prefix};
use crate::catalog::ModelFacts;
use crate::coding::examples::ExamplesSetting;
use crate::core::problem::ProblemType;
use crate::ports::error::PortResult;
use crate::ports::model::Request;
use crate::terms::TermTable;

/// The wording of a model's requests for one problem type and one table of terms.
#[derive(Debug)]
pub struct Wording {
    prefix: Prefix,
    prompt_version: String,
    max_output_tokens: u32,
}

impl Wording {
    /// As [`BedrockModel`](super::BedrockModel) words them; `examples`: how coded reports are shown in them.
    ///
    /// # Errors
    /// `terms` has no code that may be chosen for `problem_type`.
    pub fn new(
        facts: &ModelFacts,
        terms: &TermTable,
        problem_type: ProblemType,
        examples: Option<&ExamplesSetting>,
    ) -> PortResult<Wording> {
        let manner = Manner::of(facts);
        Ok(Wording {
            prefix: Prefix::new(terms, problem_type, manner, examples.is_some())?,
            prompt_version: manner.prompt_version(examples),
            max_output_tokens: facts.max_output_tokens,
        })
    }

    /// Version of all wording, as rows have it where no stand-in was asked.
    pub fn prompt_version(&self) -> &str {
        &self.prompt_version
    }

    /// SHA-256 of what is equal in all calls.
    pub fn prefix_sha256(&self) -> &str {
        self.prefix.sha256()
    }

    /// The body of a call: the bytes that are sent.
    pub fn body(&self, request: &Request) -> String {
        let max_tokens = request.max_tokens.min(self.max_output_tokens);
        self.prefix.body(request, max_tokens)
    }
}
