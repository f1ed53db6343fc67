//! Dead letters: messages that nobody could work on, and chunks that were given up (S26).
//!
//! Looking at a dead letter takes it in hand and gives it back at once. Our own messages hold no report text; a body of
//! another shape may hold anything, and is shown only to who asks for it by its id.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Serialize;

use super::find::{self, ENDED_SHOWN};
use super::queues::Which;
use super::status::quarantined;
use super::{ControlError, ControlPorts, ControlResult};
use crate::core::messages::{ChunkMessage, DoneMessage, SplitMessage};
use crate::ports::error::{PortError, PortResult};
use crate::ports::queue::{MAX_BATCH_ENTRIES, Queue, Received};
use crate::ports::retry::{Backoff, retry};
use crate::ports::send::send_all;

/// Letters of one queue that are looked at at once.
const MOST_LETTERS: usize = 1_000;
/// Chunks of one job that are listed.
const MOST_CHUNKS: usize = 1_000;
/// Empty looks in a row after which a queue's dead letters count as seen: some services look at a part of their servers.
const EMPTY_LOOKS: u32 = 3;
/// What the ids of given-up chunks begin with.
const CHUNK_PREFIX: &str = "chunk:";

/// One dead letter or given-up chunk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Dead {
    /// For show, redrive and purge.
    pub id: String,
    /// Where it comes from.
    pub queue: Which,
    /// What it is about, if that can be read.
    pub about: Option<String>,
    /// Why it is here, if somebody said so.
    pub reason: Option<String>,
    /// How often it was received, looks at it included; 0 for a chunk.
    pub received: u32,
    /// When it was sent, in Unix milliseconds; none for a chunk.
    pub sent_ms: Option<u64>,
    /// It is a chunk that was given up: `annexa retry` does it again.
    pub is_chunk: bool,
}

/// A dead letter with its body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// What it is.
    pub dead: Dead,
    /// As it was sent; none for a chunk.
    pub body: Option<String>,
    /// The body is one of our own messages: ids and numbers, no report text.
    pub is_ours: bool,
}

/// What a redrive or a purge did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Moved {
    /// Ids of what was sent again, or removed.
    pub done: Vec<String>,
    /// Ids that were not found.
    pub not_found: Vec<String>,
}

/// Dead letters of `queues`, and chunks that were given up where the chunk queue is among them.
pub async fn list(ports: &ControlPorts, queues: &[Which]) -> ControlResult<Vec<Dead>> {
    let mut all = Vec::new();
    for which in queues {
        let Some(dead) = ports.queue(*which).dead_letters() else {
            continue;
        };
        let letters = look(ports, &*dead).await?;
        all.extend(letters.iter().map(|letter| of_letter(*which, letter)));
    }
    if queues.contains(&Which::Chunk) {
        all.extend(given_up(ports).await?);
    }
    Ok(all)
}

/// One of them, with its body.
pub async fn show(ports: &ControlPorts, queues: &[Which], id: &str) -> ControlResult<Shown> {
    for which in queues {
        let Some(dead) = ports.queue(*which).dead_letters() else {
            continue;
        };
        let letters = look(ports, &*dead).await?;
        if let Some(letter) = letters.into_iter().find(|letter| letter.message_id == id) {
            return Ok(Shown {
                dead: of_letter(*which, &letter),
                is_ours: about(&letter.body).is_some(),
                body: Some(letter.body),
            });
        }
    }
    let chunks = match id.starts_with(CHUNK_PREFIX) {
        true => given_up(ports).await?,
        false => Vec::new(),
    };
    let chunk = chunks.into_iter().find(|chunk| chunk.id == id);
    let dead = chunk.ok_or_else(|| unknown(&[id.to_string()]))?;
    Ok(Shown {
        dead,
        body: None,
        is_ours: true,
    })
}

/// Sends dead letters to their queue again and removes them from the dead ones; `ids` none: all. Sent first: killed between
/// the two, a message is there twice, which does no harm.
pub async fn redrive(
    ports: &ControlPorts,
    queues: &[Which],
    ids: Option<&[String]>,
) -> ControlResult<Moved> {
    if let Some(chunk) = ids.and_then(|ids| ids.iter().find(|id| id.starts_with(CHUNK_PREFIX))) {
        let job = chunk[CHUNK_PREFIX.len()..].split('/').next();
        return Err(ControlError::Refused(format!(
            "{chunk} is a chunk that was given up, not a message: annexa retry {} does it again once the job has ended",
            job.unwrap_or_default()
        )));
    }
    take(ports, queues, ids, async |which, letter| {
        let group = group(&letter.body);
        let body = vec![letter.body.clone()];
        send_all(&*ports.clock, &**ports.queue(which), &group, body).await
    })
    .await
}

/// Removes dead letters for good; `ids` none: all.
pub async fn purge(
    ports: &ControlPorts,
    queues: &[Which],
    ids: Option<&[String]>,
) -> ControlResult<Moved> {
    if let Some(chunk) = ids.and_then(|ids| ids.iter().find(|id| id.starts_with(CHUNK_PREFIX))) {
        return Err(ControlError::Refused(format!(
            "{chunk} is a chunk that was given up: it is part of its job's record and stays"
        )));
    }
    take(ports, queues, ids, async |_, _| Ok(())).await
}

/// Takes letters in hand, does `before` with those that are meant, and deletes them; the others are given back.
async fn take(
    ports: &ControlPorts,
    queues: &[Which],
    ids: Option<&[String]>,
    before: impl AsyncFn(Which, &Received) -> PortResult<()>,
) -> ControlResult<Moved> {
    let mut left: Option<BTreeSet<&String>> = ids.map(|ids| ids.iter().collect());
    let mut moved = Moved::default();
    // What comes after this is not meant by "all": what is sent back and cannot be read comes again at once.
    let began_ms = ports.clock.now_ms();
    for which in queues {
        let Some(dead) = ports.queue(*which).dead_letters() else {
            continue;
        };
        let mut others = Vec::new();
        let taken = async {
            loop {
                if left.as_ref().is_some_and(BTreeSet::is_empty) {
                    return Ok(());
                }
                let letters = next(ports, &*dead).await?;
                if letters.is_empty() || others.len() >= MOST_LETTERS {
                    others.extend(letters);
                    return Ok(());
                }
                for letter in letters {
                    let is_meant = match &mut left {
                        Some(left) => left.remove(&letter.message_id),
                        None => letter.sent_ms <= began_ms,
                    };
                    if !is_meant {
                        others.push(letter);
                        continue;
                    }
                    before(*which, &letter).await?;
                    delete(ports, &*dead, &letter).await?;
                    moved.done.push(letter.message_id);
                }
            }
        };
        let taken: PortResult<()> = taken.await;
        give_back(&*dead, &others).await;
        taken?;
    }
    moved.not_found = left.into_iter().flatten().cloned().collect();
    if moved.done.is_empty() && !moved.not_found.is_empty() {
        return Err(unknown(&moved.not_found));
    }
    Ok(moved)
}

fn unknown(ids: &[String]) -> ControlError {
    ControlError::Refused(format!(
        "there is no dead letter {}: annexa dlq list says what there is (what somebody looks at just now comes back \
         within its queue's visibility timeout)",
        ids.join(", ")
    ))
}

async fn delete(ports: &ControlPorts, dead: &dyn Queue, letter: &Received) -> PortResult<()> {
    retry(&*ports.clock, Backoff::STORAGE, async || {
        let receipts = std::slice::from_ref(&letter.receipt);
        let mut entries = dead.delete(receipts).await?;
        entries.pop().unwrap_or(Ok(()))
    })
    .await
}

/// All letters of a dead-letter queue, up to a bound, each once; given back when this returns.
async fn look(ports: &ControlPorts, dead: &dyn Queue) -> PortResult<Vec<Received>> {
    let mut letters = Vec::new();
    let looked = async {
        while letters.len() < MOST_LETTERS {
            let some = next(ports, dead).await?;
            if some.is_empty() {
                break;
            }
            letters.extend(some);
        }
        Ok::<(), PortError>(())
    };
    let looked = looked.await;
    give_back(dead, &letters).await;
    looked?;
    let mut known = BTreeSet::new();
    letters.retain(|letter| known.insert(letter.message_id.clone()));
    Ok(letters)
}

async fn next(ports: &ControlPorts, dead: &dyn Queue) -> PortResult<Vec<Received>> {
    for _ in 0..EMPTY_LOOKS {
        let some = retry(&*ports.clock, Backoff::STORAGE, || {
            dead.receive(MAX_BATCH_ENTRIES, Duration::ZERO)
        })
        .await?;
        if !some.is_empty() {
            return Ok(some);
        }
    }
    Ok(Vec::new())
}

/// What cannot be given back comes back by itself.
async fn give_back(dead: &dyn Queue, letters: &[Received]) {
    for letter in letters {
        let _ = dead.release(&letter.receipt, Duration::ZERO).await;
    }
}

fn of_letter(which: Which, letter: &Received) -> Dead {
    Dead {
        id: letter.message_id.clone(),
        queue: which,
        about: about(&letter.body),
        reason: letter.reason.clone(),
        received: letter.receive_count,
        sent_ms: Some(letter.sent_ms),
        is_chunk: false,
    }
}

/// What one of our own messages is about; none: it is not one.
fn about(body: &str) -> Option<String> {
    if let Ok(message) = serde_json::from_str::<ChunkMessage>(body) {
        let key = crate::core::ids::ChunkKey::from(message);
        return Some(format!("chunk {key}"));
    }
    if let Ok(message) = serde_json::from_str::<SplitMessage>(body) {
        return Some(format!("split of {}", message.split_job));
    }
    let done = serde_json::from_str::<DoneMessage>(body).ok()?;
    Some(format!("progress of {}", done.progress_of))
}

/// The fairness group that a message is sent in again: its job's, if it can be read.
fn group(body: &str) -> String {
    let job = |value: serde_json::Value| {
        ["job", "split_job", "progress_of"]
            .iter()
            .find_map(|field| value.get(field)?.as_str().map(str::to_string))
    };
    let read = serde_json::from_str(body).ok().and_then(job);
    read.filter(|job| (1..=128).contains(&job.len()) && job.bytes().all(|b| b.is_ascii_graphic()))
        .unwrap_or_else(|| "redriven".to_string())
}

/// Chunks that were given up, of live jobs and of the newest ended ones.
async fn given_up(ports: &ControlPorts) -> ControlResult<Vec<Dead>> {
    let mut jobs = find::jobs(ports, find::Which::Live).await?;
    for state in ["COMPLETED_WITH_ERRORS", "FAILED", "CANCELLED"] {
        let ended = retry(&*ports.clock, Backoff::STORAGE, || {
            ports.ledger.ended_jobs(state, ENDED_SHOWN)
        })
        .await?;
        jobs.extend(ended);
    }
    let mut all = Vec::new();
    for job in jobs.iter().filter(|job| job.counters.quarantined > 0) {
        for chunk in quarantined(ports, job, MOST_CHUNKS).await? {
            let rows = format!(
                "rows {} to {}",
                chunk.first_row,
                chunk.first_row + u64::from(chunk.rows.saturating_sub(1))
            );
            all.push(Dead {
                id: format!(
                    "{CHUNK_PREFIX}{}/g{}/{}",
                    job.job_id, job.generation, chunk.chunk
                ),
                queue: Which::Chunk,
                about: Some(format!("chunk given up, {rows}, job {}", job.state())),
                reason: Some(chunk.reason),
                received: 0,
                sent_ms: None,
                is_chunk: true,
            });
        }
    }
    Ok(all)
}
