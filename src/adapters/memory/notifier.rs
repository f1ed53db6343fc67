//! A receiver in memory that may be slow, fail, or have had enough.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;

use crate::core::notice::{Notice, Target};
use crate::ports::error::{PortError, PortResult};
use crate::ports::notifier::Taken;
use crate::ports::{Clock, Notifier};

/// What a receiver does next.
#[derive(Debug, Clone)]
pub enum Mood {
    /// It takes the notice.
    Takes,
    /// It takes the notice, and its answer is lost.
    TakesAndLosesTheAnswer,
    /// It fails.
    Fails(PortError),
    /// It wants no more.
    HasEnough,
}

/// A receiver in memory.
pub struct MemoryNotifier {
    target: Target,
    clock: Arc<dyn Clock>,
    takes: Duration,
    moods: Mutex<VecDeque<Mood>>,
    tried: Mutex<Vec<Notice>>,
    got: Mutex<Vec<Notice>>,
}

impl MemoryNotifier {
    /// One that answers after `takes`: in these moods, one after the other, and then it takes all.
    pub fn new(
        target: Target,
        clock: Arc<dyn Clock>,
        takes: Duration,
        moods: impl IntoIterator<Item = Mood>,
    ) -> MemoryNotifier {
        MemoryNotifier {
            target,
            clock,
            takes,
            moods: Mutex::new(moods.into_iter().collect()),
            tried: Mutex::default(),
            got: Mutex::default(),
        }
    }

    /// What it was told, whether it took it or not.
    pub fn tried(&self) -> Vec<Notice> {
        self.tried.lock().expect("no panic while held").clone()
    }

    /// What it has.
    pub fn got(&self) -> Vec<Notice> {
        self.got.lock().expect("no panic while held").clone()
    }

    fn keep(&self, notice: &Notice) {
        let mut got = self.got.lock().expect("no panic while held");
        got.push(notice.clone());
    }
}

#[async_trait]
impl Notifier for MemoryNotifier {
    fn target(&self) -> Target {
        self.target
    }

    async fn tell(&self, notice: &Notice) -> PortResult<Taken> {
        let mood = {
            let mut tried = self.tried.lock().expect("no panic while held");
            tried.push(notice.clone());
            self.moods.lock().expect("no panic while held").pop_front()
        };
        self.clock.sleep(self.takes).await;
        match mood.unwrap_or(Mood::Takes) {
            Mood::Takes => {
                self.keep(notice);
                self.clock.sleep(self.takes).await;
                Ok(Taken::Yes)
            }
            Mood::TakesAndLosesTheAnswer => {
                self.keep(notice);
                Err(PortError::unknown("the answer is lost"))
            }
            Mood::Fails(error) => Err(error),
            Mood::HasEnough => Ok(Taken::Gone),
        }
    }
}
