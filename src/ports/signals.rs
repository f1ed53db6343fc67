//! The wish to stop, passed in as a value: roles never install signal handlers themselves (S21, S23).

use tokio::sync::watch;

/// How urgently a process is asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Go on.
    Running,
    /// Stop taking work, finish what is paid for, give back the rest.
    Draining,
}

/// The receiving end: cheap to clone, one for each task.
#[derive(Debug, Clone)]
pub struct Shutdown(watch::Receiver<Stage>);

/// The end that asks. Dropping it without asking leaves the tasks running.
#[derive(Debug)]
pub struct ShutdownHandle(watch::Sender<Stage>);

/// A pair of ends.
pub fn shutdown() -> (ShutdownHandle, Shutdown) {
    let (sender, receiver) = watch::channel(Stage::Running);
    (ShutdownHandle(sender), Shutdown(receiver))
}

impl ShutdownHandle {
    /// Asks everybody to drain. Asking twice is the same as asking once.
    pub fn drain(&self) {
        self.0.send_replace(Stage::Draining);
    }

    /// Another receiving end.
    pub fn subscribe(&self) -> Shutdown {
        Shutdown(self.0.subscribe())
    }
}

impl Shutdown {
    /// Whether a drain was asked for.
    pub fn is_draining(&self) -> bool {
        *self.0.borrow() >= Stage::Draining
    }

    /// Returns once a drain was asked for.
    pub async fn draining(&self) {
        let mut receiver = self.0.clone();
        // An error means that the asking end is gone without having asked: then nobody ever will.
        if receiver
            .wait_for(|stage| *stage >= Stage::Draining)
            .await
            .is_err()
        {
            std::future::pending::<()>().await;
        }
    }
}
