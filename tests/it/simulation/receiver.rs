//! Who is told of the job's ends: a receiver behind a network that is not always well, and what must hold of what it got.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use annexa::adapters::memory::chaos::Chaos;
use annexa::core::invariants::Broken;
use annexa::core::job::JobRecord;
use annexa::core::notice::{Notice, Target, notice_id};
use annexa::ports::error::PortResult;
use annexa::ports::notifier::Taken;
use annexa::ports::{Ledger, Notifier};
use async_trait::async_trait;

/// What was told, by the receiver's key.
#[derive(Clone)]
pub struct Receiver {
    chaos: Arc<Chaos>,
    told: Arc<Mutex<BTreeMap<String, Vec<Notice>>>>,
}

impl Receiver {
    pub fn new(chaos: Arc<Chaos>) -> Receiver {
        Receiver {
            chaos,
            told: Arc::default(),
        }
    }

    /// The end of the job's generation was told, or somebody will tell it, and nothing else was.
    pub async fn check(&self, job: &JobRecord, ledger: &dyn Ledger) -> Result<(), Broken> {
        let id = notice_id(&job.job_id, job.generation);
        let kept = ledger.notices(100).await.unwrap();
        let is_kept = kept.iter().any(|due| due.notice.notice_id == id);
        let told = self.told.lock().unwrap().get(&id).cloned();
        let told = told.unwrap_or_default();
        let broken = |what: String| Err(Broken { id: "I6", what });
        if told.is_empty() && !is_kept {
            return broken(format!("nobody is told that {id} ended as {}", job.state()));
        }
        if told.len() > 1 {
            self.chaos.saw("told_again");
        }
        match told.iter().find(|notice| notice.state != job.state()) {
            Some(other) => broken(format!(
                "{id} ended as {}, and {} was told",
                job.state(),
                other.state
            )),
            None => Ok(()),
        }
    }
}

#[async_trait]
impl Notifier for Receiver {
    fn target(&self) -> Target {
        Target::Webhook
    }

    async fn tell(&self, notice: &Notice) -> PortResult<Taken> {
        self.chaos.before("tell").await?;
        {
            let mut told = self.told.lock().unwrap();
            let of_key = told.entry(notice.notice_id.clone()).or_default();
            of_key.push(notice.clone());
        }
        self.chaos.after("tell", Ok(Taken::Yes))
    }
}
