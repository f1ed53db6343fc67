//! What the roles share about a job: its window in the queue and its terms.

pub mod terms;
pub mod window;
