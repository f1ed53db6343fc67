//! Who wants to know whether work is in hand: what keeps a process from being stopped while it works (S22).

/// Told how much work is in hand, whenever that changes.
pub trait Busy: Send + Sync {
    /// So many messages are in hand now. Must not block.
    fn hands(&self, in_hand: usize);
}

/// Nobody wants to know.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nobody;

impl Busy for Nobody {
    fn hands(&self, _: usize) {}
}
