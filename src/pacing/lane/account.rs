//! Credit that comes at a rate, up to a most, and is spent by starts: the clock behind both halves of a limit.
//!
//! It may be overdrawn by what is learnt late (a call settled higher than predicted), but never by more than a minute:
//! one wrong figure must not stop a lane for hours.

use std::time::Duration;

/// No account is overdrawn by more than this much time at its rate.
const MOST_OWED_SECONDS: f64 = 60.0;

/// No wait is longer; who waits looks again then.
const LONGEST_WAIT_SECONDS: f64 = 3_600.0;

/// Credit in tokens or requests.
#[derive(Debug, Clone)]
pub(super) struct Account {
    per_second: f64,
    most: f64,
    level: f64,
    at: Duration,
}

impl Account {
    /// A full account at `now`.
    pub(super) fn full(per_second: f64, most: f64, now: Duration) -> Account {
        Account {
            per_second,
            most,
            level: most,
            at: now,
        }
    }

    /// Changes what comes and what is kept, from `now` on.
    pub(super) fn set(&mut self, now: Duration, per_second: f64, most: f64) {
        self.advance(now);
        self.per_second = per_second;
        self.most = most;
        self.level = self.level.min(most);
    }

    /// Spends `amount`; a negative one gives back. What is given back above the most is lost.
    pub(super) fn spend(&mut self, now: Duration, amount: f64) {
        self.advance(now);
        let least = -self.per_second * MOST_OWED_SECONDS;
        self.level = (self.level - amount).max(least).min(self.most);
    }

    /// Leaves no more than `level`.
    pub(super) fn lower_to(&mut self, now: Duration, level: f64) {
        self.advance(now);
        self.level = self.level.min(level);
    }

    /// How long until `amount` can be spent; more than the most can be as soon as the account is full.
    pub(super) fn wait_for(&mut self, now: Duration, amount: f64) -> Duration {
        self.advance(now);
        let missing = amount.min(self.most) - self.level;
        // Sums of fractions: a billionth is nothing.
        if missing <= self.most * 1e-9 {
            return Duration::ZERO;
        }
        let seconds = (missing / self.per_second).min(LONGEST_WAIT_SECONDS);
        // Rounded up, so that who sleeps so long finds enough.
        Duration::from_secs_f64(seconds) + Duration::from_nanos(1)
    }

    fn advance(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.at).as_secs_f64();
        self.level = (self.level + passed * self.per_second).min(self.most);
        self.at = self.at.max(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn credit_comes_at_the_rate_and_is_not_saved_up_beyond_the_most() {
        let mut account = Account::full(10.0, 5.0, at(0.0));
        assert_eq!(account.wait_for(at(100.0), 5.0), Duration::ZERO);
        account.spend(at(100.0), 5.0);
        let wait = account.wait_for(at(100.0), 2.0);
        assert!(wait >= at(0.2) && wait < at(0.2001), "{wait:?}");
        assert_eq!(account.wait_for(at(100.0) + wait, 2.0), Duration::ZERO);
    }

    #[test]
    fn more_than_the_most_can_be_spent_when_the_account_is_full_and_is_owed() {
        let mut account = Account::full(10.0, 5.0, at(0.0));
        assert_eq!(account.wait_for(at(0.0), 25.0), Duration::ZERO);
        account.spend(at(0.0), 25.0);
        let wait = account.wait_for(at(0.0), 25.0);
        assert!(wait >= at(2.5) && wait < at(2.5001), "{wait:?}");
    }

    #[test]
    fn no_debt_is_longer_than_a_minute() {
        let mut account = Account::full(10.0, 5.0, at(0.0));
        account.spend(at(0.0), 1e9);
        let wait = account.wait_for(at(0.0), 1.0);
        assert!(wait > at(60.0) && wait < at(60.2), "{wait:?}");
        account.spend(at(0.0), -1e9);
        assert_eq!(account.wait_for(at(0.0), 5.0), Duration::ZERO);
    }
}
