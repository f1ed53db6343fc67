//! One message from receive to delete: the handler at work, heartbeats beside it, and what follows.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::Notify;
use tracing::Instrument;

use super::Disposition;
use super::run::Consumer;
use crate::ports::clock::full_jitter;
use crate::ports::error::{ErrorClass, PortError};
use crate::ports::queue::{Received, is_spent};
use crate::telemetry::Count;

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

/// Why heartbeats ended.
enum Beats {
    /// The work is over.
    Stopped,
    /// The message cannot be hidden for longer.
    Spent,
}

impl Consumer {
    /// Works on `message`, which a receive that began at `asked` brought, until it is deleted, released or left.
    pub(super) async fn work(&self, message: &Received, asked: Duration) -> Finished {
        let span = tracing::info_span!(
            "message",
            consumer = self.name,
            message_id = %message.message_id,
            attempt = message.receive_count,
        );
        async {
            let disposition = self.handled(message, asked).await;
            self.follow(message, disposition).await
        }
        .instrument(span)
        .await
    }

    /// What the handler says, with heartbeats until it has.
    async fn handled(&self, message: &Received, asked: Duration) -> Disposition {
        let ended = {
            let stop = Notify::new();
            let mut handled = pin!(AssertUnwindSafe(self.handler.handle(message)).catch_unwind());
            let mut beats = pin!(self.heartbeat(message, asked, &stop));
            tokio::select! {
                biased;
                result = &mut handled => {
                    stop.notify_one();
                    // A heartbeat in flight is awaited before the delete (S5).
                    beats.await;
                    Some(result)
                }
                Beats::Spent = &mut beats => None,
            }
        };
        match ended {
            Some(Ok(disposition)) => disposition,
            Some(Err(_)) => {
                // S15: the panic's text may hold report text, so it is not logged here.
                tracing::error!("a handler panicked");
                Disposition::Release(self.backoff(message.receive_count))
            }
            None => {
                tracing::warn!("given back: a message cannot be hidden for more than 12 hours");
                self.handler.cut(message).await;
                Disposition::Release(Duration::ZERO)
            }
        }
    }

    /// Does with the message what the handler said.
    async fn follow(&self, message: &Received, disposition: Disposition) -> Finished {
        match disposition {
            Disposition::Delete => {
                self.delete(message).await;
                Finished::Well
            }
            Disposition::Release(after) => {
                self.release(message, after).await;
                Finished::Idle
            }
            Disposition::Bury(reason) => {
                // No word of the body: nobody knows what is in it (I10).
                tracing::error!(reason, "a message is set aside");
                self.watch.metrics.one(Count::Buried);
                if let Err(error) = self.queue.bury(message, &reason).await {
                    tracing::warn!(%error, "not set aside");
                }
                Finished::Idle
            }
            Disposition::Leave => Finished::Idle,
            Disposition::Trouble(error) => {
                tracing::warn!(%error, class = error.class.name(), "trouble");
                self.watch.metrics.one(Count::Troubles);
                if error.unknown_outcome {
                    self.watch.metrics.one(Count::UnknownOutcomes);
                }
                let after = self.backoff(message.receive_count);
                self.release(message, after).await;
                Finished::Trouble(error)
            }
        }
    }

    /// Extends the message's visibility at a third of it, counted from before the receive (S3), until told to stop (S5;
    /// goes on through a drain, S8) or until it cannot be hidden any longer (S6).
    async fn heartbeat(&self, message: &Received, asked: Duration, stop: &Notify) -> Beats {
        let visibility = self.queue.visibility();
        let mut next = asked + visibility / 3;
        loop {
            tokio::select! {
                biased;
                () = stop.notified() => return Beats::Stopped,
                () = self.clock.sleep(next.saturating_sub(self.clock.monotonic())) => {}
            }
            let began = self.clock.monotonic();
            if is_spent(began.saturating_sub(asked), visibility) {
                return Beats::Spent;
            }
            match self.queue.extend(&message.receipt, visibility).await {
                Ok(()) => next = began + visibility / 3,
                Err(error) if error.class == ErrorClass::LostClaim => {
                    // Another receive has it, or will. The ledger's claim is the fence: work goes on.
                    tracing::warn!(%error, "visibility lost");
                    stop.notified().await;
                    return Beats::Stopped;
                }
                Err(error) => {
                    tracing::warn!(%error, "visibility not extended");
                    next = self.clock.monotonic() + visibility / 12;
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
                    tracing::warn!(attempt, %error, "not deleted");
                    let pause = full_jitter(&*self.clock, Duration::from_millis(200 << attempt));
                    self.clock.sleep(pause).await;
                }
            }
        }
        // It comes back and is then recognised as done: a delete is never what makes work count.
    }

    pub(super) async fn release(&self, message: &Received, after: Duration) {
        self.watch.metrics.one(Count::Released);
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
