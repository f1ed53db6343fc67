//! How often and how patiently an operation reads again because others were faster.

use std::time::Duration;

use crate::ports::Clock;
use crate::ports::error::{PortError, PortResult};
use crate::ports::retry::Backoff;

/// Rounds of "read, decide, write if nobody was faster" of one operation.
const ROUNDS: Backoff = Backoff {
    tries: 40,
    first: Duration::from_millis(5),
    most: Duration::from_millis(500),
};

/// Counts the rounds of one operation.
#[derive(Debug, Default)]
pub(super) struct Rounds(u32);

impl Rounds {
    /// Pauses before the next round: others were faster.
    pub(super) async fn next(&mut self, clock: &dyn Clock, what: &str) -> PortResult<()> {
        self.0 += 1;
        if self.0 >= ROUNDS.tries {
            let tries = ROUNDS.tries;
            return Err(PortError::transient(format!(
                "{what}: others were faster {tries} times in a row"
            )));
        }
        clock.sleep(ROUNDS.pause(clock, self.0)).await;
        Ok(())
    }
}
