//! SIGTERM and SIGINT, listened for from one place and without a gap between two of them (S23).

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that ask a process to stop. From its making on they no longer end the process by themselves.
pub struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// Listens, within a tokio runtime.
    ///
    /// # Errors
    /// The system refuses.
    pub fn listen() -> io::Result<StopSignals> {
        Ok(StopSignals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Returns at the next one; one that came before this was called is not missed.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
