//! What the roles share about a job: its window in the queue, its output place and its terms.

pub mod prefix;
pub mod terms;
pub mod window;
