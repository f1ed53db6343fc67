//! A simulated process: a future that can be dropped at any await (a crash) or not be polled for a while (a machine
//! that stands still, and a zombie when it wakes).

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use annexa::ports::signals::ShutdownHandle;
use futures_util::future::BoxFuture;
use tokio::time::Sleep;

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Splitter,
    Worker,
    Aggregator,
}

impl Role {
    pub fn crash_name(self) -> &'static str {
        match self {
            Role::Splitter => "crash_splitter",
            Role::Worker => "crash_worker",
            Role::Aggregator => "crash_aggregator",
        }
    }
}

/// A process.
pub struct Process {
    pub role: Role,
    pub number: usize,
    pub shutdown: ShutdownHandle,
    work: BoxFuture<'static, ()>,
    frozen: Option<Pin<Box<Sleep>>>,
    /// Set from within: the process stands still as soon as it comes back from its next await.
    pub stand_still: StandStill,
}

/// A wish to stand still for a while.
pub type StandStill = Arc<Mutex<Option<Duration>>>;

impl Process {
    pub fn new(
        role: Role,
        number: usize,
        shutdown: ShutdownHandle,
        work: BoxFuture<'static, ()>,
        stand_still: StandStill,
    ) -> Process {
        Process {
            role,
            number,
            shutdown,
            work,
            frozen: None,
            stand_still,
        }
    }

    /// Stops polling it for `span`. Its timers run on, and its requests may be answered meanwhile.
    #[expect(clippy::disallowed_methods, reason = "the simulation owns time")]
    pub fn freeze(&mut self, span: Duration) {
        self.frozen = Some(Box::pin(tokio::time::sleep(span)));
    }
}

impl Future for Process {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let wish = self.stand_still.lock().unwrap().take();
        if let Some(span) = wish {
            self.freeze(span);
        }
        if let Some(frozen) = &mut self.frozen {
            if frozen.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            self.frozen = None;
        }
        self.work.as_mut().poll(context)
    }
}
