//! What is told when a job has ended, and to whom it still has to be told.
//!
//! A notice is frozen in the write that ends the job, so that whoever tells it, however late, tells the same. It stays in
//! the ledger until every target has it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::ids::{Generation, JobId};

/// The `type` of the one notice there is.
pub const JOB_ENDED: &str = "annexa.job.ended";

/// Who can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// A bus of Amazon EventBridge.
    EventBus,
    /// A topic of Amazon SNS.
    Topic,
    /// An HTTPS receiver.
    Webhook,
}

impl Target {
    /// Its name in logs.
    pub fn name(self) -> &'static str {
        match self {
            Target::EventBus => "event bus",
            Target::Topic => "topic",
            Target::Webhook => "webhook",
        }
    }
}

/// The end of a job, as receivers get it: a summary without report text. Field names are a contract (docs/NOTICES.md).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// [`JOB_ENDED`].
    #[serde(rename = "type")]
    pub kind: String,
    /// When the job ended (RFC 3339), as summary.json has it.
    pub timestamp: String,
    /// Form of this notice; raised when a field changes its meaning.
    pub schema_version: u32,
    /// The receiver's key: every notice of this end has it, however often it comes.
    pub notice_id: String,
    /// The job.
    pub job_id: String,
    /// 0 for the first pass; raised by each retry of what failed.
    pub generation: Generation,
    /// COMPLETED, COMPLETED_WITH_ERRORS, FAILED or CANCELLED.
    pub state: String,
    /// Why, for a job that failed.
    pub reason: Option<String>,
    /// True: the job was stopped, and its files hold only the rows that were done.
    pub partial: bool,
    /// Who answered.
    pub model_id: String,
    /// Rows of the input.
    pub rows: u64,
    /// Rows by outcome: coded, insufficient, empty, failed.
    pub outcomes: BTreeMap<String, u64>,
    /// Rows with a reason for review.
    pub review_rows: u64,
    /// US dollars with nine decimals; none: the model's price is not known.
    pub cost_usd: Option<String>,
    /// Tokens of all calls.
    pub tokens: Tokens,
    /// When the job was made (RFC 3339).
    pub started: String,
    /// When its last chunk was done, or it was stopped (RFC 3339).
    pub ended: String,
    /// Bucket of the outputs; of a run on one machine `output`, which is its folder.
    pub output_bucket: String,
    /// Prefix of the outputs.
    pub output_prefix: String,
    /// Names of the outputs under the prefix.
    pub outputs: Vec<String>,
    /// The program that ended the job.
    pub annexa_version: String,
}

/// What calls used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Tokens {
    pub input: u64,
    pub output: u64,
    pub cache_read: u64,
    pub cache_write: u64,
}

/// The receiver's key for the end of a job's generation: the job's id, with `-retry-N` for the N-th retry. No full stop is
/// in it, as Standard Webhooks asks of what is signed with full stops between.
pub fn notice_id(job_id: &JobId, generation: Generation) -> String {
    match generation {
        0 => job_id.to_string(),
        retry => format!("{job_id}-retry-{retry}"),
    }
}

/// How long a target still waits for a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// It is not told before this, in Unix milliseconds.
    pub not_before_ms: u64,
    /// Tries so far.
    pub tries: u32,
}

/// A notice that somebody still has to be told.
///
/// In a ledger it is known by its job, its generation and [`DueNotice::not_before_ms`]: whoever wants to tell it moves that
/// time first, so that nobody else does meanwhile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DueNotice {
    /// The job.
    pub job_id: JobId,
    /// Which pass over it ended.
    pub generation: Generation,
    /// Nobody tells it before this, in Unix milliseconds: somebody is at it, or no target is due before.
    pub not_before_ms: u64,
    /// When the job ended, in Unix milliseconds.
    pub since_ms: u64,
    /// Who does not have it yet, each with a time of its own: none waits for another.
    pub targets: BTreeMap<Target, Wait>,
    /// What is told.
    pub notice: Notice,
}

impl DueNotice {
    /// The end of a job that is told at once.
    pub fn new(notice: Notice, targets: BTreeSet<Target>, now_ms: u64) -> DueNotice {
        let first = Wait {
            not_before_ms: now_ms,
            tries: 0,
        };
        DueNotice {
            job_id: JobId(notice.job_id.clone()),
            generation: notice.generation,
            not_before_ms: now_ms,
            since_ms: now_ms,
            targets: targets.into_iter().map(|target| (target, first)).collect(),
            notice,
        }
    }

    /// Whether the two are the same notice at the same time, as ledgers tell them apart.
    pub fn is(&self, other: &DueNotice) -> bool {
        self.place() == other.place()
    }

    /// Whom the try is about that somebody took it for.
    pub fn in_hand(&self) -> impl Iterator<Item = Target> + '_ {
        let is_taken = |wait: &Wait| wait.not_before_ms == self.not_before_ms;
        let taken = self.targets.iter().filter(move |(_, wait)| is_taken(wait));
        taken.map(|(target, _)| *target)
    }

    /// Where it stands among the others: the one that is due first first.
    pub fn place(&self) -> (u64, &JobId, Generation) {
        (self.not_before_ms, &self.job_id, self.generation)
    }
}
