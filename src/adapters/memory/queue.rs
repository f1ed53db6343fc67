//! A queue in memory with the bad manners of a real one: redelivery, duplicates, expiry before time, undeleted
//! messages, stale receipts that answer Ok, batches that fail in parts, answers that get lost.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;

use super::chaos::Chaos;
use super::dead_letters::DeadLetters;
use crate::ports::Clock;
use crate::ports::error::{PortError, PortResult};
use crate::ports::queue::{
    Depth, MAX_BATCH_BYTES, MAX_BATCH_ENTRIES, MOST_HIDDEN, Outgoing, Queue, Receipt, Received,
    hidden_too_long,
};

/// How a queue is set up.
#[derive(Debug, Clone, Copy)]
pub struct QueueSetup {
    /// How long a received message stays hidden.
    pub visibility: Duration,
    /// Receives after which a message goes to the dead-letter queue.
    pub max_receives: u32,
}

#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) message_id: String,
    pub(super) body: String,
    pub(super) sent_ms: u64,
    pub(super) visible_ms: u64,
    pub(super) receive_count: u32,
    pub(super) receipt: Option<String>,
    pub(super) received_ms: u64,
    /// Of a dead letter that was buried.
    pub(super) reason: Option<String>,
}

#[derive(Default)]
struct State {
    next: u64,
    messages: BTreeMap<u64, Held>,
}

/// A queue in memory.
pub struct MemoryQueue {
    state: Mutex<State>,
    dead: Arc<DeadLetters>,
    clock: Arc<dyn Clock>,
    chaos: Arc<Chaos>,
    setup: QueueSetup,
    arrived: tokio::sync::Notify,
}

impl MemoryQueue {
    /// An empty queue.
    pub fn new(clock: Arc<dyn Clock>, chaos: Arc<Chaos>, setup: QueueSetup) -> MemoryQueue {
        let arrived = tokio::sync::Notify::new();
        let dead = DeadLetters::new(clock.clone(), chaos.clone(), setup.visibility);
        MemoryQueue {
            state: Mutex::default(),
            dead: Arc::new(dead),
            clock,
            chaos,
            setup,
            arrived,
        }
    }

    /// Bodies of all messages that can still be delivered, for the checks of a simulation.
    pub fn bodies(&self) -> BTreeSet<String> {
        let state = self.state.lock().expect("no panic while held");
        state.messages.values().map(|m| m.body.clone()).collect()
    }

    /// Bodies of dead letters.
    pub fn dead_bodies(&self) -> Vec<String> {
        self.dead.bodies()
    }

    fn insert(&self, state: &mut State, entry: &Outgoing, now_ms: u64) {
        let number = state.next;
        state.next += 1;
        state.messages.insert(
            number,
            Held {
                message_id: format!("m{number}"),
                body: entry.body.clone(),
                sent_ms: now_ms,
                visible_ms: now_ms + entry.delay.as_millis() as u64,
                receive_count: 0,
                receipt: None,
                received_ms: 0,
                reason: None,
            },
        );
    }

    fn take(&self, max: usize) -> Vec<Received> {
        let now_ms = self.clock.now_ms();
        let rates = self.chaos.rates();
        let mut state = self.state.lock().expect("no panic while held");
        let mut due: Vec<u64> = state
            .messages
            .iter()
            .filter(|(_, m)| {
                m.visible_ms <= now_ms
                    || (m.receipt.is_some()
                        && self.chaos.happens("early_expiry", rates.early_expiry))
            })
            .map(|(number, _)| *number)
            .collect();
        // Unordered: begin anywhere (when nothing is troubled, in order).
        if rates.duplicate > 0 && due.len() > 1 {
            let by = self.clock.random() as usize % due.len();
            due.rotate_left(by);
        }
        let mut received = Vec::new();
        for number in due {
            if received.len() == max {
                break;
            }
            let over = state.messages[&number].receive_count >= self.setup.max_receives;
            if over {
                let message = state
                    .messages
                    .remove(&number)
                    .expect("it was just looked at");
                self.chaos.saw("dead_letter");
                self.dead.push(message);
                continue;
            }
            let receipt = format!("r{:016x}", self.clock.random());
            let visible_ms = now_ms + self.setup.visibility.as_millis() as u64;
            let message = state
                .messages
                .get_mut(&number)
                .expect("it was just looked at");
            if message.receive_count > 0 {
                self.chaos.saw("redelivery");
            }
            message.receive_count += 1;
            message.receipt = Some(receipt.clone());
            message.received_ms = now_ms;
            // A duplicate stays visible and will be received again, by anybody.
            if !self.chaos.happens("duplicate", rates.duplicate) {
                message.visible_ms = visible_ms;
            }
            received.push(Received {
                message_id: message.message_id.clone(),
                body: message.body.clone(),
                receipt: Receipt(receipt),
                receive_count: message.receive_count,
                sent_ms: message.sent_ms,
                reason: None,
            });
        }
        received
    }

    /// Applies `change` to the message that `receipt` is the newest right over; a stale receipt changes nothing.
    fn with_receipt(&self, receipt: &Receipt, change: impl FnOnce(&mut State, u64)) {
        let mut state = self.state.lock().expect("no panic while held");
        let number = state
            .messages
            .iter()
            .find(|(_, m)| m.receipt.as_ref() == Some(&receipt.0))
            .map(|(number, _)| *number);
        match number {
            Some(number) => change(&mut state, number),
            None => self.chaos.saw("stale_receipt"),
        }
    }

    fn hide(&self, receipt: &Receipt, hide_for: Duration) -> PortResult<()> {
        let now_ms = self.clock.now_ms();
        let mut refused = false;
        self.with_receipt(receipt, |state, number| {
            let message = state.messages.get_mut(&number).expect("it was just found");
            let until_ms = now_ms + hide_for.as_millis() as u64;
            refused = until_ms > message.received_ms + MOST_HIDDEN.as_millis() as u64;
            if !refused {
                message.visible_ms = until_ms;
            }
        });
        if refused {
            Err(hidden_too_long())
        } else {
            Ok(())
        }
    }
}

/// Checks what a batch may hold, the same for all local queues.
pub fn check_batch(entries: usize, body_bytes: usize) -> PortResult<()> {
    if entries == 0 || entries > MAX_BATCH_ENTRIES {
        return Err(PortError::bug(format!(
            "a batch of {entries} entries: 1 to {MAX_BATCH_ENTRIES} are allowed"
        )));
    }
    if body_bytes > MAX_BATCH_BYTES {
        return Err(PortError::bug(format!(
            "a batch of {body_bytes} bytes: {MAX_BATCH_BYTES} are allowed"
        )));
    }
    Ok(())
}

#[async_trait]
impl Queue for MemoryQueue {
    async fn send_batch(&self, entries: &[Outgoing]) -> PortResult<Vec<Result<(), PortError>>> {
        check_batch(entries.len(), entries.iter().map(|e| e.body.len()).sum())?;
        self.chaos.before("send_batch").await?;
        let now_ms = self.clock.now_ms();
        let rates = self.chaos.rates();
        let mut results = Vec::with_capacity(entries.len());
        {
            let mut state = self.state.lock().expect("no panic while held");
            for entry in entries {
                if self.chaos.happens("partial_batch", rates.partial_batch) {
                    results.push(Err(PortError::transient("injected failure of one entry")));
                    continue;
                }
                self.insert(&mut state, entry, now_ms);
                if self.chaos.happens("double_send", rates.duplicate) {
                    self.insert(&mut state, entry, now_ms);
                }
                results.push(Ok(()));
            }
        }
        self.arrived.notify_waiters();
        self.chaos.after("send_batch", Ok(results))
    }

    async fn receive(&self, max: usize, wait: Duration) -> PortResult<Vec<Received>> {
        self.chaos.before("receive").await?;
        let deadline = self.clock.monotonic() + wait;
        loop {
            let arrived = self.arrived.notified();
            let received = self.take(max.min(MAX_BATCH_ENTRIES));
            let left = deadline.saturating_sub(self.clock.monotonic());
            if !received.is_empty() || left.is_zero() {
                // A lost answer: the messages are hidden, and nobody has them until they expire.
                return self.chaos.after("receive", Ok(received));
            }
            // Messages become visible by time alone, too.
            let nap = left.min(Duration::from_millis(100));
            tokio::select! {
                biased;
                () = arrived => {}
                () = self.clock.sleep(nap) => {}
            }
        }
    }

    async fn extend(&self, receipt: &Receipt, hide_for: Duration) -> PortResult<()> {
        self.chaos.before("extend").await?;
        let answer = self.hide(receipt, hide_for);
        self.chaos.after("extend", answer)
    }

    async fn release(&self, receipt: &Receipt, after: Duration) -> PortResult<()> {
        self.chaos.before("release").await?;
        let answer = self.hide(receipt, after);
        self.arrived.notify_waiters();
        self.chaos.after("release", answer)
    }

    async fn delete(&self, receipts: &[Receipt]) -> PortResult<Vec<Result<(), PortError>>> {
        check_batch(receipts.len(), 0)?;
        self.chaos.before("delete").await?;
        let rates = self.chaos.rates();
        let mut results = Vec::with_capacity(receipts.len());
        for receipt in receipts {
            if self.chaos.happens("partial_batch", rates.partial_batch) {
                results.push(Err(PortError::transient("injected failure of one entry")));
                continue;
            }
            self.with_receipt(receipt, |state, number| {
                // A deleted message can return (FACTS §2).
                if self.chaos.happens("undelete", rates.undelete) {
                    return;
                }
                state.messages.remove(&number);
            });
            results.push(Ok(()));
        }
        self.chaos.after("delete", Ok(results))
    }

    async fn depth(&self) -> PortResult<Depth> {
        self.chaos.before("depth").await?;
        let now_ms = self.clock.now_ms();
        let state = self.state.lock().expect("no panic while held");
        let mut depth = Depth {
            dead: self.dead.count(),
            ..Depth::default()
        };
        for message in state.messages.values() {
            match (message.visible_ms <= now_ms, message.receipt.is_some()) {
                (true, _) => depth.visible += 1,
                (false, true) => depth.in_flight += 1,
                (false, false) => depth.delayed += 1,
            }
        }
        Ok(depth)
    }

    async fn bury(&self, message: &Received, reason: &str) -> PortResult<()> {
        self.chaos.before("bury").await?;
        self.with_receipt(&message.receipt, |state, number| {
            let held = state
                .messages
                .remove(&number)
                .expect("it was just looked at");
            self.dead.push(Held {
                reason: Some(reason.to_string()),
                ..held
            });
        });
        self.chaos.after("bury", Ok(()))
    }

    fn dead_letters(&self) -> Option<Arc<dyn Queue>> {
        Some(self.dead.clone())
    }

    fn visibility(&self) -> Duration {
        self.setup.visibility
    }
}
