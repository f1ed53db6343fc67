//! From a report's text to a trusted answer: what is sent, what is accepted, and under which key an answer is kept.

pub mod batch;
pub mod evidence;
pub mod examples;
pub mod incidents;
pub mod key;
pub mod opinion;
pub mod prompt;
pub mod reply;
pub mod schema;
pub mod text;
pub mod tokens;
pub mod validate;
pub mod workload;
