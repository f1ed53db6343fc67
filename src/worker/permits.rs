//! How many calls of a job may be in flight in this process: a number that may change while they are.

use std::sync::Mutex;

use tokio::sync::{Semaphore, SemaphorePermit};

/// Permits for calls.
pub(super) struct CallPermits {
    permits: Semaphore,
    number: Mutex<Number>,
}

#[derive(Clone, Copy)]
struct Number {
    /// Permits that there are, taken or not.
    present: usize,
    /// Permits that there shall be: what is too much goes as it comes back.
    wanted: usize,
}

impl CallPermits {
    /// So many permits, one at least.
    pub(super) fn new(number: u32) -> CallPermits {
        let number = number.max(1) as usize;
        CallPermits {
            permits: Semaphore::new(number),
            number: Mutex::new(Number {
                present: number,
                wanted: number,
            }),
        }
    }

    /// Changes their number. Calls in flight go on; new ones start within it.
    pub(super) fn set(&self, number: u32) {
        let wanted = number.max(1) as usize;
        let mut number = self.number.lock().expect("no panic while held");
        number.wanted = wanted;
        if wanted > number.present {
            self.permits.add_permits(wanted - number.present);
            number.present = wanted;
        } else {
            let too_many = number.present - wanted;
            number.present -= self.permits.forget_permits(too_many);
        }
    }

    /// A permit, given back on drop.
    pub(super) async fn acquire(&self) -> SemaphorePermit<'_> {
        loop {
            let permit = self.permits.acquire().await.expect("it is never closed");
            let mut number = self.number.lock().expect("no panic while held");
            if number.present <= number.wanted {
                return permit;
            }
            number.present -= 1;
            permit.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn take(permits: &CallPermits) -> Option<SemaphorePermit<'_>> {
        permits.acquire().now_or_never()
    }

    #[tokio::test]
    async fn more_permits_are_there_at_once_and_fewer_as_calls_end() {
        let permits = CallPermits::new(2);
        let (one, two) = (take(&permits), take(&permits));
        assert!(one.is_some() && two.is_some() && take(&permits).is_none());
        permits.set(3);
        let three = take(&permits);
        assert!(three.is_some() && take(&permits).is_none());
        permits.set(1);
        drop(one);
        assert!(take(&permits).is_none(), "two are in flight still");
        drop(two);
        assert!(take(&permits).is_none(), "one is in flight still");
        drop(three);
        let last = take(&permits);
        assert!(last.is_some() && take(&permits).is_none());
        permits.set(2);
        assert!(take(&permits).is_some());
    }
}
