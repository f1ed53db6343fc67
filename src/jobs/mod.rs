//! What the roles share about a job: its window in the queue, its output place, its terms and its coded reports.

pub mod corpus;
pub mod prefix;
pub mod terms;
pub mod window;
