//! In place of a receiver that cannot be told as things are set: notices wait for it as for one that refuses.

use async_trait::async_trait;

use crate::core::notice::{Notice, Target};
use crate::ports::Notifier;
use crate::ports::error::{PortError, PortResult};
use crate::ports::notifier::Taken;

/// Somebody who is to be told, and cannot be. Nothing is lost if it is mended within the day that notices are tried.
pub struct LeftOut {
    target: Target,
    why: String,
}

impl LeftOut {
    /// `target` is left out for this reason, which holds no secret. It is said at once, and again with each notice.
    pub fn new(target: Target, why: String) -> LeftOut {
        tracing::error!(
            target = target.name(),
            "{why}: it is not told of jobs that end; notices wait for it for a day, and for nothing else does anything wait"
        );
        LeftOut { target, why }
    }
}

#[async_trait]
impl Notifier for LeftOut {
    fn target(&self) -> Target {
        self.target
    }

    async fn tell(&self, _notice: &Notice) -> PortResult<Taken> {
        let (name, why) = (self.target.name(), &self.why);
        Err(PortError::permanent_job(format!(
            "{name} is left out: {why}"
        )))
    }
}
