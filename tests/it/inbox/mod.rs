//! The inbox as a whole: what arrives in the queue goes through a splitter, and what becomes of it is looked at in the
//! ledger, the queues and the buckets.

mod again;
mod arrivals;
mod failures;
mod on_s3;
mod overwritten;
mod store;
mod submit;
pub(crate) mod world;
