//! Adapters for AWS: where configuration and credentials come from, and the models of Amazon Bedrock.

pub mod bedrock;
pub mod config;
mod credentials;
mod places;
mod text;

pub use config::{AwsConfig, BearerToken};
pub use credentials::FoundCredentials;
