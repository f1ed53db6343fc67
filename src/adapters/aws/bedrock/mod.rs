//! Claude models on Amazon Bedrock, through its Converse operation.
//!
//! One call is one attempt: the SDK's retries are off, because its budget is shared by a whole process and knows nothing
//! of quotas (FACTS §1). What went wrong comes back as a class, and the worker decides.
//!
//! What a worker makes of the stop reasons that come as [`StopReason::Other`](crate::ports::model::StopReason):
//!
//! - `content_filtered`, `guardrail_intervened`: somebody declined to answer. As a refusal: in halves, then each
//!   report alone, once more in case it was chance, then the row fails.
//! - `malformed_tool_use`, `malformed_model_output`: the model stumbled. As an answer that is not valid: ask again.
//! - `model_context_window_exceeded`: the prompt filled the window. Fewer reports a call; alone, the row fails.
//!
//! Each was paid for, as its usage says.

mod answer;
mod clients;
mod document;
mod errors;
mod model;
mod probe;
mod refusal;
mod request;
#[cfg(test)]
pub(crate) mod stub;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_errors;
#[cfg(test)]
mod tests_refusals;
mod wording;

pub use clients::{BedrockClients, BedrockSetup};
pub use model::{BedrockModel, prefix_bytes};
pub use probe::{Probe, probe};
pub use wording::Wording;
