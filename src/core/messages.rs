//! Bodies of queue messages. They point at jobs and chunks and never hold report text (I10); ASCII JSON.

use serde::{Deserialize, Serialize};

use super::ids::{ChunkKey, ChunkNo, Generation, JobId};

/// Inbox: a job that is in the ledger waits for its split.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitMessage {
    /// The job.
    pub split_job: JobId,
}

/// Chunk queue: a chunk waits for a worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChunkMessage {
    /// The job.
    pub job: JobId,
    /// The generation.
    pub generation: Generation,
    /// The chunk.
    pub chunk: ChunkNo,
}

impl From<&ChunkKey> for ChunkMessage {
    fn from(key: &ChunkKey) -> Self {
        ChunkMessage {
            job: key.job_id.clone(),
            generation: key.generation,
            chunk: key.chunk,
        }
    }
}

impl From<ChunkMessage> for ChunkKey {
    fn from(message: ChunkMessage) -> Self {
        ChunkKey {
            job_id: message.job,
            generation: message.generation,
            chunk: message.chunk,
        }
    }
}

/// Done queue: something of a job was finished (a chunk, or the split); look whether it can go on or end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DoneMessage {
    /// The job.
    pub progress_of: JobId,
}

/// A message as it is sent: pure ASCII, since queues refuse some characters (FACTS §2).
pub fn encode<T: Serialize>(message: &T) -> String {
    let json = serde_json::to_string(message).expect("messages hold only ids and numbers");
    debug_assert!(json.is_ascii(), "ids are ASCII");
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_read_back_and_refuse_what_they_do_not_know() {
        let key = ChunkKey {
            job_id: JobId("job-1".into()),
            generation: 0,
            chunk: 7,
        };
        let body = encode(&ChunkMessage::from(&key));
        assert_eq!(body, r#"{"job":"job-1","generation":0,"chunk":7}"#);
        assert_eq!(
            ChunkKey::from(serde_json::from_str::<ChunkMessage>(&body).unwrap()),
            key
        );
        assert!(serde_json::from_str::<DoneMessage>(&body).is_err());
        assert!(serde_json::from_str::<SplitMessage>(r#"{"split_job":"a","x":1}"#).is_err());
    }
}
