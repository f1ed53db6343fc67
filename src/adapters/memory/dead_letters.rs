//! The dead letters of a queue in memory, as a queue of their own: to look into, to delete from, to send on from.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;

use super::chaos::Chaos;
use super::queue::{Held, check_batch};
use crate::ports::Clock;
use crate::ports::error::{PortError, PortResult};
use crate::ports::queue::{
    Depth, MAX_BATCH_ENTRIES, MOST_HIDDEN, Outgoing, Queue, Receipt, Received, hidden_too_long,
};

/// Dead letters in memory, oldest first.
pub(super) struct DeadLetters {
    letters: Mutex<Vec<Held>>,
    clock: Arc<dyn Clock>,
    chaos: Arc<Chaos>,
    visibility: Duration,
}

impl DeadLetters {
    pub(super) fn new(clock: Arc<dyn Clock>, chaos: Arc<Chaos>, visibility: Duration) -> Self {
        DeadLetters {
            letters: Mutex::default(),
            clock,
            chaos,
            visibility,
        }
    }

    /// Takes a message in, to be seen at once.
    pub(super) fn push(&self, message: Held) {
        self.letters
            .lock()
            .expect("no panic while held")
            .push(Held {
                receipt: None,
                visible_ms: 0,
                ..message
            });
    }

    pub(super) fn bodies(&self) -> Vec<String> {
        let letters = self.letters.lock().expect("no panic while held");
        letters.iter().map(|letter| letter.body.clone()).collect()
    }

    pub(super) fn count(&self) -> u64 {
        self.letters.lock().expect("no panic while held").len() as u64
    }

    fn take(&self, max: usize) -> Vec<Received> {
        let now_ms = self.clock.now_ms();
        let mut letters = self.letters.lock().expect("no panic while held");
        let due = letters.iter_mut().filter(|l| l.visible_ms <= now_ms);
        due.take(max)
            .map(|letter| {
                let receipt = format!("d{:016x}", self.clock.random());
                letter.receive_count += 1;
                letter.receipt = Some(receipt.clone());
                letter.received_ms = now_ms;
                letter.visible_ms = now_ms + self.visibility.as_millis() as u64;
                Received {
                    message_id: letter.message_id.clone(),
                    body: letter.body.clone(),
                    receipt: Receipt(receipt),
                    receive_count: letter.receive_count,
                    sent_ms: letter.sent_ms,
                    reason: letter.reason.clone(),
                }
            })
            .collect()
    }

    fn hide(&self, receipt: &Receipt, hide_for: Duration) -> PortResult<()> {
        let until_ms = self.clock.now_ms() + hide_for.as_millis() as u64;
        let mut letters = self.letters.lock().expect("no panic while held");
        let held = letters
            .iter_mut()
            .find(|letter| letter.receipt.as_ref() == Some(&receipt.0));
        let Some(letter) = held else { return Ok(()) };
        if until_ms > letter.received_ms + MOST_HIDDEN.as_millis() as u64 {
            return Err(hidden_too_long());
        }
        letter.visible_ms = until_ms;
        Ok(())
    }
}

#[async_trait]
impl Queue for DeadLetters {
    async fn send_batch(&self, entries: &[Outgoing]) -> PortResult<Vec<Result<(), PortError>>> {
        check_batch(entries.len(), entries.iter().map(|e| e.body.len()).sum())?;
        for entry in entries {
            self.push(Held {
                message_id: format!("d{:016x}", self.clock.random()),
                body: entry.body.clone(),
                sent_ms: self.clock.now_ms(),
                visible_ms: 0,
                receive_count: 0,
                receipt: None,
                received_ms: 0,
                reason: None,
            });
        }
        Ok(entries.iter().map(|_| Ok(())).collect())
    }

    /// Looks once: dead letters are not waited for.
    async fn receive(&self, max: usize, _wait: Duration) -> PortResult<Vec<Received>> {
        self.chaos.before("receive_dead").await?;
        let received = self.take(max.min(MAX_BATCH_ENTRIES));
        self.chaos.after("receive_dead", Ok(received))
    }

    async fn extend(&self, receipt: &Receipt, hide_for: Duration) -> PortResult<()> {
        self.hide(receipt, hide_for)
    }

    async fn release(&self, receipt: &Receipt, after: Duration) -> PortResult<()> {
        self.chaos.before("release_dead").await?;
        let answer = self.hide(receipt, after);
        self.chaos.after("release_dead", answer)
    }

    async fn delete(&self, receipts: &[Receipt]) -> PortResult<Vec<Result<(), PortError>>> {
        check_batch(receipts.len(), 0)?;
        self.chaos.before("delete_dead").await?;
        {
            let mut letters = self.letters.lock().expect("no panic while held");
            letters.retain(|letter| {
                let is_named = |receipt: &Receipt| letter.receipt.as_ref() == Some(&receipt.0);
                !receipts.iter().any(is_named)
            });
        }
        let answer = Ok(receipts.iter().map(|_| Ok(())).collect());
        self.chaos.after("delete_dead", answer)
    }

    async fn depth(&self) -> PortResult<Depth> {
        let now_ms = self.clock.now_ms();
        let letters = self.letters.lock().expect("no panic while held");
        let visible = letters.iter().filter(|l| l.visible_ms <= now_ms).count() as u64;
        Ok(Depth {
            visible,
            in_flight: letters.len() as u64 - visible,
            ..Depth::default()
        })
    }

    fn visibility(&self) -> Duration {
        self.visibility
    }
}
