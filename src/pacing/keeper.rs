//! Keeps a process's part of a lane that the fleet shares: asks the ledger for it, again before it ends, and at once when
//! calls are refused. An idle lane is not asked for, and nothing is written for it.

use std::sync::Arc;
use std::time::Duration;

use super::lane::{Lane, Say};
use crate::ports::error::{PortError, PortResult};
use crate::ports::{Clock, Ledger};

/// No two writes of a lane are closer: a worker writes less than once a second.
pub const GAP: Duration = Duration::from_millis(1_100);

/// A word that was not answered within this is said again.
const PATIENCE: Duration = Duration::from_secs(5);

/// Between a lane and the ledger.
pub struct Keeper {
    clock: Arc<dyn Clock>,
    ledger: Arc<dyn Ledger>,
    lane: Arc<Lane>,
    name: String,
    worker: String,
}

impl Keeper {
    /// Keeps `worker`'s part of the fleet's lane `name`; no two processes have the same worker's name.
    pub fn new(
        clock: Arc<dyn Clock>,
        ledger: Arc<dyn Ledger>,
        lane: Arc<Lane>,
        name: impl Into<String>,
        worker: impl Into<String>,
    ) -> Keeper {
        Keeper {
            clock,
            ledger,
            lane,
            name: name.into(),
            worker: worker.into(),
        }
    }

    /// Keeps the part for as long as it is polled. `gap` is asked before each write: no two of them are closer. While
    /// the ledger does not answer, the part runs out, and calls wait.
    pub async fn keep(&self, gap: impl Fn() -> Duration) {
        loop {
            self.lane.until_due(gap()).await;
            let said = tokio::select! {
                biased;
                said = self.say() => said,
                () = self.clock.sleep(PATIENCE) => {
                    Err(PortError::unknown("no answer in time"))
                }
            };
            if let Err(error) = said {
                tracing::warn!(lane = self.name, %error, "the fleet's lane was not asked yet");
            }
        }
    }

    /// Gives the part back, so that others have it at once. Best effort: it runs out by itself.
    pub async fn leave(&self) {
        let Some(report) = self.lane.leave() else {
            return;
        };
        let said = self.ledger.lane_report(&self.name, &self.worker, &report);
        if let Err(error) = said.await {
            tracing::debug!(lane = self.name, %error, "a part of a lane was not given back; it runs out");
        }
    }

    async fn say(&self) -> PortResult<()> {
        let asked = self.clock.monotonic();
        match self.lane.say() {
            Some(Say::Ask(ask)) => {
                let (lane, worker) = (&self.name, &self.worker);
                let share = self.ledger.lane_reserve(lane, worker, &ask).await?;
                self.lane.set_share(asked, &share);
            }
            Some(Say::Report(report)) => {
                let (lane, worker) = (&self.name, &self.worker);
                self.ledger.lane_report(lane, worker, &report).await?;
                self.lane.heard(asked);
            }
            None => {}
        }
        Ok(())
    }
}
