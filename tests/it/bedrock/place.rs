//! A simulator and a folder, and the program that is pointed at it.

use annexa::adapters::sim_bedrock::{Settings, SimBedrock, SimHandle, SimSetup, Stats};

use crate::cli::harness::{Place, Ran};

/// A model whose facts are known, by its profile.
pub const MODEL: &str = "us.anthropic.claude-haiku-4-5-20251001-v1:0";

/// A simulator, a folder of its own, and what the program needs to call the one from the other.
pub struct Rehearsal {
    pub place: Place,
    runtime: tokio::runtime::Runtime,
    sim: Option<SimHandle>,
    url: String,
}

impl Rehearsal {
    /// A simulator that is set up so.
    pub fn new(settings: Settings) -> Rehearsal {
        Rehearsal::with(SimSetup {
            settings,
            ..SimSetup::default()
        })
    }

    pub fn with(setup: SimSetup) -> Rehearsal {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let sim = runtime.block_on(SimBedrock::start_here(setup)).unwrap();
        Rehearsal {
            place: Place::new(),
            url: sim.url(),
            runtime,
            sim: Some(sim),
        }
    }

    /// What the simulator has seen.
    pub fn stats(&self) -> Stats {
        self.sim().stats()
    }

    /// Changes the simulator's settings.
    pub fn change(&self, change: impl FnOnce(&mut Settings)) {
        let _inside = self.runtime.enter();
        self.sim().change(change);
    }

    fn sim(&self) -> &SimHandle {
        self.sim.as_ref().expect("it runs until it is dropped")
    }

    /// The environment of the program.
    pub fn variables(&self) -> [(&str, &str); 4] {
        [
            ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", &self.url),
            ("AWS_ACCESS_KEY_ID", "sim"),
            ("AWS_SECRET_ACCESS_KEY", "sim"),
            ("AWS_REGION", "us-east-1"),
        ]
    }

    /// `annexa run in.csv` with [`MODEL`] and these flags.
    pub fn run(&self, flags: &[&str]) -> Ran {
        let args = [&["run", "in.csv", "--model", MODEL, "--yes"], flags].concat();
        self.place.annexa_with(&self.variables(), &args)
    }

    /// The job's summary.
    pub fn summary(&self) -> serde_json::Value {
        self.place.json("in-annexa/summary.json")
    }
}

impl Drop for Rehearsal {
    fn drop(&mut self) {
        if let Some(sim) = self.sim.take() {
            self.runtime.block_on(sim.stop());
        }
    }
}
