//! The lanes of a process: each has one quota, whoever asks. In a fleet they are parts of the fleet's lanes, which keepers
//! renew in the ledger; so is a job's `rate_limit`, as a lane of the job's own.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::Notify;

use super::Worker;
use crate::core::ids::JobId;
use crate::core::lane::Rates;
use crate::core::spec::Limits;
use crate::pacing::Pacer;
use crate::pacing::keeper::{GAP, Keeper};
use crate::pacing::lane::{Demand, Lane, LaneSetup, LaneSnapshot};
use crate::ports::Clock;

/// That lanes are shared through the ledger, and what is told of them.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct SharedLanes {
    /// The quota of each lane, as far as the fleet's owner tells it. Where a job tells one too, the lower holds.
    pub told: Rates,
}

/// The lanes of a process.
#[derive(Default)]
pub(super) struct Lanes {
    known: Mutex<BTreeMap<String, Known>>,
    added: Notify,
}

struct Known {
    lane: Arc<Lane>,
    is_kept: bool,
    /// Its keeper can go.
    gone: Arc<Notify>,
}

/// How fast the calls of a job may start, whatever its lane says.
pub(super) enum JobPace {
    /// As fast as the lane lets them.
    Free,
    /// So many a second in this process.
    Own(Pacer),
    /// A part of so many a second in the fleet.
    Shared(Arc<Lane>),
}

impl Lanes {
    /// The lane of this name. What was told first stands until it is told anew.
    pub(super) fn get(&self, clock: &Arc<dyn Clock>, name: &str, setup: LaneSetup) -> Arc<Lane> {
        let mut lanes = self.known.lock().expect("no panic while held");
        if let Some(known) = lanes.get(name) {
            return known.lane.clone();
        }
        let known = Known {
            lane: Arc::new(Lane::new(clock.clone(), setup)),
            is_kept: false,
            gone: Arc::default(),
        };
        let lane = known.lane.clone();
        lanes.insert(name.to_string(), known);
        drop(lanes);
        self.added.notify_one();
        lane
    }

    /// Forgets a lane that nobody will start calls in.
    pub(super) fn forget(&self, name: &str) {
        let known = self.known.lock().expect("no panic while held").remove(name);
        if let Some(known) = known {
            known.gone.notify_one();
        }
    }

    /// Lanes that nobody keeps yet; they count as kept from now on.
    fn new_ones(&self) -> Vec<(String, Arc<Lane>, Arc<Notify>)> {
        let mut lanes = self.known.lock().expect("no panic while held");
        let new = lanes.iter_mut().filter(|(_, known)| !known.is_kept);
        new.map(|(name, known)| {
            known.is_kept = true;
            (name.clone(), known.lane.clone(), known.gone.clone())
        })
        .collect()
    }

    fn all(&self) -> Vec<(String, Arc<Lane>)> {
        let lanes = self.known.lock().expect("no panic while held");
        let all = lanes.iter();
        all.map(|(name, known)| (name.clone(), known.lane.clone()))
            .collect()
    }

    /// All of them as they stand, by name.
    pub(super) fn snapshots(&self) -> Vec<(String, LaneSnapshot)> {
        let all = self.all().into_iter();
        all.map(|(name, lane)| (name, lane.snapshot())).collect()
    }

    /// No two writes of one lane are closer, so that all lanes together write less than once a second.
    fn gap(&self) -> Duration {
        let lanes = self.known.lock().expect("no panic while held");
        let in_use = lanes.values().filter(|known| known.lane.is_in_use());
        GAP * u32::try_from(in_use.count()).unwrap_or(u32::MAX).max(1)
    }
}

/// What is told of a lane's quota: by the fleet's owner where lanes are shared, since a job's own limits are the job's and
/// nobody else's; by the job where there is but one process.
pub(super) fn told(shared: Option<&SharedLanes>, limits: &Limits) -> Rates {
    let of_job = Rates {
        tokens: limits.tokens_per_minute.map(|told| told as f64),
        requests: limits.requests_per_minute.map(|told| told as f64),
    };
    shared.map_or(of_job, |shared| shared.told)
}

/// The name of a job's own lane.
pub(super) fn name_of_job(job_id: &JobId) -> String {
    format!("job/{job_id}")
}

/// A job's own limits as a lane has them; none: it has none.
pub(super) fn told_of_job(limits: &Limits) -> Option<Rates> {
    let rate = limits
        .rate_limit
        .filter(|rate| rate.is_finite() && *rate > 0.0);
    let told = Rates {
        tokens: limits.tokens_per_minute.map(|told| told as f64),
        requests: limits.requests_per_minute.map(|told| told as f64),
    };
    let rates = told.min(Rates {
        tokens: None,
        requests: rate.map(|rate| 60.0 * rate),
    });
    (rates != Rates::default()).then_some(rates)
}

impl JobPace {
    /// Returns when the next call, which is predicted to settle at so many tokens, may start.
    pub(super) async fn start(&self, tokens: u64) {
        match self {
            JobPace::Free => {}
            JobPace::Own(pacer) => pacer.start().await,
            JobPace::Shared(lane) => {
                // At its prediction: what it really takes is the lane's affair that all jobs share.
                let demand = Demand {
                    reserved_tokens: tokens,
                    expected_tokens: tokens,
                };
                lane.start(demand).await.settled(tokens);
            }
        }
    }
}

impl Worker {
    /// Renews this process's parts of the fleet's lanes until a drain is asked for, and gives them back then. Without it
    /// no call of a shared lane ever starts: run it beside the worker's consumer. Returns at once where lanes are not
    /// shared.
    pub async fn keep_lanes_until_drained(&self) {
        if self.setup.shared_lanes.is_none() {
            return;
        }
        let mut keepers = FuturesUnordered::new();
        loop {
            for (name, lane, gone) in self.lanes.new_ones() {
                let keeper = self.keeper(name, lane);
                keepers.push(async move {
                    tokio::select! {
                        biased;
                        () = gone.notified() => {}
                        () = keeper.keep(|| self.lanes.gap()) => {}
                    }
                });
            }
            let added = pin!(self.lanes.added.notified());
            tokio::select! {
                biased;
                () = self.ports.shutdown.draining() => break,
                () = added => {}
                Some(()) = keepers.next(), if !keepers.is_empty() => {}
            }
        }
        drop(keepers);
        let all = self.lanes.all().into_iter();
        join_all(all.map(async |(name, lane)| self.keeper(name, lane).leave().await)).await;
    }

    fn keeper(&self, name: String, lane: Arc<Lane>) -> Keeper {
        let (clock, ledger) = (self.ports.clock.clone(), self.ports.ledger.clone());
        Keeper::new(clock, ledger, lane, name, self.setup.name.clone())
    }
}
