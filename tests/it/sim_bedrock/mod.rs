//! The simulator of Bedrock as its clients meet it: over real connections, by bare HTTP, by the SDK, and as a process.

mod client;

mod accounting;
mod answers;
mod faults;
mod process;
mod refusals;
mod sdk;
mod steering;
