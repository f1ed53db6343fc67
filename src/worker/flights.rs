//! Texts that are being asked right now: who meets the same text waits instead of paying a second time (I8).

use std::collections::BTreeSet;
use std::sync::Mutex;

use tokio::sync::Notify;

use crate::core::answer::AnswerKey;

/// Keys in flight within this process.
#[derive(Default)]
pub(super) struct Flights {
    keys: Mutex<BTreeSet<AnswerKey>>,
    landed: Notify,
}

/// The right to ask for one key; given back on drop.
pub(super) struct Flight<'f> {
    flights: &'f Flights,
    key: AnswerKey,
}

impl Flights {
    /// The right to ask for `key`, unless somebody has it.
    pub(super) fn take(&self, key: AnswerKey) -> Option<Flight<'_>> {
        let is_new = self.keys.lock().expect("no panic while held").insert(key);
        // Lazily: a flight that is made only to be dropped would land the other one's.
        is_new.then(|| Flight { flights: self, key })
    }

    /// Returns after the next landing. Enable it before looking, so that none is missed in between.
    pub(super) fn landing(&self) -> tokio::sync::futures::Notified<'_> {
        self.landed.notified()
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.flights
            .keys
            .lock()
            .expect("no panic while held")
            .remove(&self.key);
        self.flights.landed.notify_waiters();
    }
}
