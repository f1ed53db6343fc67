//! Adapters for AWS: where configuration and credentials come from, queues in SQS, objects in S3, the ledger and the paid
//! answers in DynamoDB, the models of Amazon Bedrock, the outputs of CloudFormation stacks, and notices to EventBridge and
//! SNS.

pub mod bedrock;
pub mod config;
mod credentials;
pub mod dynamodb;
pub mod eventbridge;
mod failure;
mod places;
pub mod protection;
pub mod s3;
pub mod sns;
pub mod sqs;
pub mod stack;
mod text;

pub use config::{AwsConfig, BearerToken};
pub use credentials::FoundCredentials;
