//! Dead letters of the chunk queue: what came too often without its chunk getting done is given up, so that its job ends
//! all the same. Bodies that nobody can read stay for people to look at (S19).

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use crate::core::chunk::GivenUp;
use crate::core::ids::ChunkKey;
use crate::core::messages::ChunkMessage;
use crate::ports::error::{PortError, PortResult};
use crate::ports::queue::{MAX_BATCH_ENTRIES, Queue, Received};
use crate::ports::retry::{Backoff, retry};
use crate::ports::send::announce;

use super::Aggregator;

/// Receives of one sweep at most; the next one goes on.
const RECEIVES_AT_ONCE: usize = 50;
/// A receive that takes longer is given up (S1).
const RECEIVE_MARGIN: Duration = Duration::from_secs(10);
/// Letters that are remembered as told of.
const TOLD_MOST: usize = 10_000;

/// Dead letters that were told of already, by message id.
#[derive(Default)]
pub(super) struct Told(Mutex<BTreeSet<String>>);

impl Told {
    /// Whether it is told of for the first time.
    fn is_new(&self, message_id: &str) -> bool {
        let mut told = self.0.lock().expect("no panic while held");
        if told.len() >= TOLD_MOST {
            told.clear();
        }
        told.insert(message_id.to_string())
    }
}

impl Aggregator {
    /// Looks through the dead letters once. An empty look is the only request of an idle sweep.
    pub(super) async fn drain_dead_letters(&self) -> PortResult<()> {
        let Some(dead) = self.ports.chunks.dead_letters() else {
            return Ok(());
        };
        // What stays is given back at the end: given back at once, it would be met again.
        let mut stays = Vec::new();
        let drained = self.drain(&*dead, &mut stays).await;
        for letter in stays {
            if let Err(error) = dead.release(&letter.receipt, Duration::ZERO).await {
                tracing::warn!(message_id = %letter.message_id, %error, "dead letter not released");
            }
        }
        drained
    }

    async fn drain(&self, dead: &dyn Queue, stays: &mut Vec<Received>) -> PortResult<()> {
        for _ in 0..RECEIVES_AT_ONCE {
            let letters = tokio::select! {
                biased;
                letters = dead.receive(MAX_BATCH_ENTRIES, Duration::ZERO) => letters?,
                () = self.ports.clock.sleep(RECEIVE_MARGIN) => {
                    return Err(PortError::transient("dead letters were not received in time"));
                }
            };
            if letters.is_empty() || self.ports.shutdown.is_draining() {
                stays.extend(letters);
                return Ok(());
            }
            for letter in letters {
                match self.settle_letter(&letter).await {
                    Ok(true) => {
                        let deleted = dead.delete(std::slice::from_ref(&letter.receipt)).await;
                        let entry = deleted.map(|mut entries| entries.pop().unwrap_or(Ok(())));
                        if let Ok(Err(error)) | Err(error) = entry {
                            // It comes again and is then found to be done.
                            tracing::warn!(message_id = %letter.message_id, %error, "dead letter not deleted");
                        }
                    }
                    Ok(false) => stays.push(letter),
                    Err(error) => {
                        tracing::warn!(message_id = %letter.message_id, %error, "dead letter not settled");
                        stays.push(letter);
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether the letter can go.
    async fn settle_letter(&self, letter: &Received) -> PortResult<bool> {
        let Ok(message) = serde_json::from_str::<ChunkMessage>(&letter.body) else {
            if self.told.is_new(&letter.message_id) {
                // No word of the body: nobody knows what is in it (I10).
                tracing::error!(message_id = %letter.message_id, "a dead letter of the chunk queue cannot be read; \
                    look at it with: annexa dlq show");
            }
            return Ok(false);
        };
        let key = ChunkKey::from(message);
        // This receive is not one that could have got it done.
        let times = letter.receive_count.saturating_sub(1).max(1);
        let often = match times {
            1 => "once".to_string(),
            times => format!("{times} times"),
        };
        let reason = format!("its message was received {often} without the chunk getting done");
        let (clock, ledger) = (&*self.ports.clock, &self.ports.ledger);
        let given_up = retry(clock, Backoff::STORAGE, || {
            ledger.give_up_chunk(&key, &reason)
        })
        .await?;
        match given_up {
            GivenUp::Yes => {
                tracing::error!(chunk = %key, times, "a chunk is given up: its message came too often");
                announce(clock, &*self.ports.done, &key.job_id).await?;
                Ok(true)
            }
            GivenUp::Parked | GivenUp::Final | GivenUp::JobOver => Ok(true),
            GivenUp::Held => Ok(false),
        }
    }
}
