//! Sending any number of messages: cut into batches that the queue takes, failed entries tried again alone (S24).

use std::time::Duration;

use super::clock::Clock;
use super::error::{PortError, PortResult};
use super::queue::{MAX_BATCH_BYTES, MAX_BATCH_ENTRIES, Outgoing, Queue};
use super::retry::Backoff;
use crate::core::ids::JobId;
use crate::core::messages::{DoneMessage, SplitMessage, encode};

/// Sends every body, as messages of one group. On an error some may have been sent: sending all again is harmless.
pub async fn send_all(
    clock: &dyn Clock,
    queue: &dyn Queue,
    group: &str,
    bodies: Vec<String>,
) -> PortResult<()> {
    let outgoing = |body| Outgoing {
        body,
        group: group.to_string(),
        delay: Duration::ZERO,
    };
    let mut left: Vec<Outgoing> = bodies.into_iter().map(outgoing).collect();
    let mut tried = 0;
    while !left.is_empty() {
        let mut again = Vec::new();
        let mut newest = None;
        for batch in batches(left) {
            match queue.send_batch(&batch).await {
                Ok(results) => {
                    for (entry, result) in batch.into_iter().zip(results) {
                        if let Err(error) = result {
                            again.push(entry);
                            newest = Some(error);
                        }
                    }
                }
                Err(error) => {
                    again.extend(batch);
                    newest = Some(error);
                }
            }
        }
        left = again;
        if let Some(error) = newest {
            tried += 1;
            if tried >= Backoff::STORAGE.tries || !error.is_retryable() {
                return Err(PortError {
                    unknown_outcome: true,
                    ..error
                });
            }
            clock.sleep(Backoff::STORAGE.pause(clock, tried)).await;
        }
    }
    Ok(())
}

/// Announces progress of a job on the done queue: somebody should look whether it can go on or end.
pub async fn announce(clock: &dyn Clock, done: &dyn Queue, job_id: &JobId) -> PortResult<()> {
    let body = encode(&DoneMessage {
        progress_of: job_id.clone(),
    });
    send_all(clock, done, job_id.as_str(), vec![body]).await
}

/// Asks on the inbox queue for the split of a job that is in the ledger. A second split only verifies the first.
pub async fn ask_for_split(clock: &dyn Clock, inbox: &dyn Queue, job_id: &JobId) -> PortResult<()> {
    let body = encode(&SplitMessage {
        split_job: job_id.clone(),
    });
    send_all(clock, inbox, job_id.as_str(), vec![body]).await
}

fn batches(entries: Vec<Outgoing>) -> Vec<Vec<Outgoing>> {
    let mut batches: Vec<Vec<Outgoing>> = Vec::new();
    let mut bytes = 0;
    for entry in entries {
        let is_full = batches.last().is_none_or(|batch| {
            batch.len() == MAX_BATCH_ENTRIES || bytes + entry.body.len() > MAX_BATCH_BYTES
        });
        if is_full {
            batches.push(Vec::with_capacity(MAX_BATCH_ENTRIES));
            bytes = 0;
        }
        bytes += entry.body.len();
        batches.last_mut().expect("one was just pushed").push(entry);
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s24_batches_stay_within_ten_entries_and_one_mebibyte() {
        let entry = |bytes: usize| Outgoing {
            body: "x".repeat(bytes),
            group: String::new(),
            delay: Duration::ZERO,
        };
        let sizes =
            |entries: Vec<Outgoing>| batches(entries).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes((0..21).map(|_| entry(9)).collect()), [10, 10, 1]);
        assert_eq!(
            sizes(vec![
                entry(MAX_BATCH_BYTES),
                entry(1),
                entry(600_000),
                entry(600_000)
            ]),
            [1, 2, 1]
        );
        assert!(batches(Vec::new()).is_empty());
    }
}
