//! SIGTERM and SIGINT, listened for from one place and without a gap between two of them (S23).

use std::io;

use tokio::runtime::{Builder, Runtime};
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

/// The same signals for a command that waits for keys and has no runtime: it looks whether one came.
pub struct StopLooks {
    runtime: Runtime,
    signals: StopSignals,
}

impl StopLooks {
    /// Listens.
    ///
    /// # Errors
    /// The system refuses.
    pub fn listen() -> io::Result<StopLooks> {
        let runtime = Builder::new_current_thread().enable_io().build()?;
        let signals = {
            let _inside = runtime.enter();
            StopSignals::listen()?
        };
        Ok(StopLooks { runtime, signals })
    }

    /// Whether one has come since the last look.
    pub fn came(&mut self) -> bool {
        let signals = &mut self.signals;
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = signals.next() => true,
                // The runtime asks the system for what came before it goes on behind this.
                () = tokio::task::yield_now() => false,
            }
        })
    }
}
