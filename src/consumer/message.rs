//! One message from receive to delete: the handler at work, heartbeats beside it, and what follows.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::Notify;

use super::Disposition;
use super::run::Consumer;
use crate::ports::clock::full_jitter;
use crate::ports::error::PortError;
use crate::ports::queue::Received;

/// How often an entry of a batch that failed alone is tried again.
const ENTRY_TRIES: u32 = 4;

/// What a finished message says about the surroundings.
#[derive(Debug)]
pub(super) enum Finished {
    /// Work went on.
    Well,
    /// Nothing was wrong, nothing was done either.
    Idle,
    /// The surroundings failed.
    Trouble(PortError),
}

impl Consumer {
    /// Works on `message` until it is deleted, released or left.
    pub(super) async fn work(&self, message: Received) -> Finished {
        let stop = Notify::new();
        let handled = async {
            let result = AssertUnwindSafe(self.handler.handle(&message))
                .catch_unwind()
                .await;
            stop.notify_one();
            result
        };
        // Both are driven to their end: a heartbeat in flight is awaited before the delete (S5).
        let (result, ()) = tokio::join!(handled, self.heartbeat(&message, &stop));
        let disposition = result.unwrap_or_else(|_| {
            // S15: the panic's text may hold report text, so it is not logged here.
            tracing::error!(consumer = self.name, message_id = %message.message_id, "a handler panicked");
            Disposition::Release(self.backoff(message.receive_count))
        });
        match disposition {
            Disposition::Delete => {
                self.delete(&message).await;
                Finished::Well
            }
            Disposition::Release(after) => {
                self.release(&message, after).await;
                Finished::Idle
            }
            Disposition::Bury(reason) => {
                // No word of the body: nobody knows what is in it (I10).
                tracing::error!(consumer = self.name, message_id = %message.message_id, reason, "a message is set aside");
                if let Err(error) = self.queue.bury(&message, &reason).await {
                    tracing::warn!(consumer = self.name, message_id = %message.message_id, %error, "not set aside");
                }
                Finished::Idle
            }
            Disposition::Leave => Finished::Idle,
            Disposition::Trouble(error) => {
                tracing::warn!(consumer = self.name, message_id = %message.message_id, %error, "trouble");
                self.release(&message, self.backoff(message.receive_count))
                    .await;
                Finished::Trouble(error)
            }
        }
    }

    /// Extends the message's visibility at a third of it, until told to stop (S5; goes on through a drain, S8).
    async fn heartbeat(&self, message: &Received, stop: &Notify) {
        let visibility = self.queue.visibility();
        let mut extended = 0;
        loop {
            tokio::select! {
                biased;
                () = stop.notified() => return,
                () = self.clock.sleep(visibility / 3) => {}
            }
            match self.queue.extend(&message.receipt, visibility).await {
                Ok(()) => extended += 1,
                // The ledger's claim is the fence; a lost visibility only means that another will look.
                Err(error) => {
                    tracing::warn!(consumer = self.name, message_id = %message.message_id, extended, %error,
                        "visibility not extended");
                }
            }
        }
    }

    async fn delete(&self, message: &Received) {
        for attempt in 1..=ENTRY_TRIES {
            let result = self
                .queue
                .delete(std::slice::from_ref(&message.receipt))
                .await;
            match result.map(|mut entries| entries.pop().unwrap_or(Ok(()))) {
                Ok(Ok(())) => return,
                Ok(Err(error)) | Err(error) => {
                    tracing::warn!(consumer = self.name, message_id = %message.message_id, attempt, %error,
                        "not deleted");
                    self.clock
                        .sleep(full_jitter(
                            &*self.clock,
                            Duration::from_millis(200 << attempt),
                        ))
                        .await;
                }
            }
        }
        // It comes back and is then recognised as done: a delete is never what makes work count.
    }

    pub(super) async fn release(&self, message: &Received, after: Duration) {
        if let Err(error) = self.queue.release(&message.receipt, after).await {
            tracing::warn!(consumer = self.name, message_id = %message.message_id, %error, "not released");
        }
    }

    /// Full jitter under a ceiling that doubles with each receive (S17).
    fn backoff(&self, receive_count: u32) -> Duration {
        let ceiling =
            self.setup.backoff_first * 2u32.saturating_pow(receive_count.saturating_sub(1).min(10));
        full_jitter(&*self.clock, ceiling.min(self.setup.backoff_most))
    }
}
