//! What ends the asking of a chunk, and how those who wait hear of it.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Something ends the chunk: no further call starts, those in flight are awaited and stored.
#[derive(Default)]
pub(super) struct Halt {
    is_halted: AtomicBool,
    told: Notify,
}

impl Halt {
    /// Halts it.
    pub(super) fn halt(&self) {
        self.is_halted.store(true, Ordering::Relaxed);
        self.told.notify_waiters();
    }

    /// Whether it is halted.
    pub(super) fn is_halted(&self) -> bool {
        self.is_halted.load(Ordering::Relaxed)
    }

    /// Returns once the chunk is halted.
    pub(super) async fn halted(&self) {
        let mut told = pin!(self.told.notified());
        told.as_mut().enable();
        if !self.is_halted() {
            told.await;
        }
    }
}
