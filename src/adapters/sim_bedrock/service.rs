//! The simulated service between calls: its setup, what it has seen, and the calls in work.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::task::JoinSet;

use super::answers::Answers;
use super::lane::Lane;
use super::listing::Listings;
use super::stats::{Book, Stats};
use super::{Settings, SimSetup};
use crate::ports::Clock;
use crate::ports::signals::Shutdown;

/// What changes with every call.
#[derive(Default)]
pub(super) struct State {
    pub(super) lanes: HashMap<String, Lane>,
    pub(super) book: Book,
    /// Calls so far: what chance is drawn by.
    pub(super) calls: u64,
}

/// The simulated service.
pub(super) struct Service {
    setup: Mutex<Arc<SimSetup>>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) answers: Answers,
    pub(super) listings: Listings,
    state: Mutex<State>,
    pub(super) calls: Mutex<JoinSet<()>>,
    pub(super) stopping: Shutdown,
}

impl Service {
    pub(super) fn new(setup: SimSetup, answers: Answers, stopping: Shutdown) -> Service {
        Service {
            clock: setup.clock.clone(),
            setup: Mutex::new(Arc::new(setup)),
            answers,
            listings: Listings::default(),
            state: Mutex::default(),
            calls: Mutex::default(),
            stopping,
        }
    }

    /// The setup as it is now.
    pub(super) fn setup(&self) -> Arc<SimSetup> {
        self.setup.lock().expect("no panic while held").clone()
    }

    /// Other settings from now on.
    pub(super) fn set(&self, settings: Settings) {
        let now = self.clock.monotonic();
        for lane in self.state().lanes.values_mut() {
            lane.set_limits(
                now,
                settings.tokens_per_minute,
                settings.requests_per_minute,
            );
        }
        let mut setup = self.setup.lock().expect("no panic while held");
        *setup = Arc::new(SimSetup {
            settings,
            ..SimSetup::clone(&setup)
        });
    }

    /// Everything but the settings as at the start.
    pub(super) fn reset(&self) {
        let mut state = self.state();
        state.lanes.clear();
        state.book.clear();
        state.calls = 0;
    }

    pub(super) fn stats(&self, with_texts: bool) -> Stats {
        self.state().book.stats(with_texts)
    }

    pub(super) fn connected(&self) {
        self.state().book.connected();
    }

    pub(super) fn disconnected(&self) {
        self.state().book.open_connections -= 1;
    }

    /// Returns when no call is in work any more.
    pub(super) async fn join_calls(&self) {
        let mut calls = std::mem::take(&mut *self.calls.lock().expect("no panic while held"));
        while calls.join_next().await.is_some() {}
    }

    pub(super) fn abort_calls(&self) {
        self.calls.lock().expect("no panic while held").abort_all();
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic while held")
    }

    pub(super) fn request_id(&self) -> String {
        let (a, b) = (self.clock.random(), self.clock.random());
        format!(
            "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            a >> 32,
            (a >> 16) & 0xffff,
            a & 0xfff,
            (b >> 48) & 0xfff,
            b & 0xffff_ffff_ffff
        )
    }
}
