//! Keeping a right alive beside the work done under it (S3: counted from before each request, on the monotonic clock).

use std::time::Duration;

use super::clock::Clock;
use super::error::PortResult;
use super::ledger::Held;

/// Renews at a third of `lease`; returns once the right is lost or could not be renewed by `valid_until`.
pub async fn keep<F>(
    clock: &dyn Clock,
    lease: Duration,
    mut valid_until: Duration,
    mut renew: impl FnMut() -> F,
) where
    F: Future<Output = PortResult<Held>>,
{
    let mut pause = lease / 3;
    loop {
        clock.sleep(pause).await;
        let asked = clock.monotonic();
        let renewed = tokio::select! {
            biased;
            renewed = renew() => renewed,
            () = clock.sleep(valid_until.saturating_sub(asked)) => return,
        };
        match renewed {
            Ok(Held::Yes) => (valid_until, pause) = (asked + lease, lease / 3),
            Ok(Held::Lost) => return,
            Err(error) => {
                tracing::warn!(%error, "lease not renewed yet");
                if clock.monotonic() >= valid_until {
                    return;
                }
                pause = lease / 12;
            }
        }
    }
}
