//! After a pause a few calls go one by one, to find out whether the service accepts again.

use std::time::Duration;

/// Calls that go one by one.
const PROBES: u32 = 2;

/// How far the finding out is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Probe {
    /// None is needed: the lane is open.
    None,
    /// The next call is one; with it, so many are still needed.
    Due { left: u32 },
    /// It is out; if it is not refused until then, it was accepted.
    Out {
        seq: u64,
        until: Duration,
        left: u32,
    },
}

impl Probe {
    /// All are needed.
    pub(super) fn due() -> Probe {
        Probe::Due { left: PROBES }
    }

    /// Whether the call that was started as number `seq` is the one that is out.
    pub(super) fn is(self, seq: u64) -> bool {
        matches!(self, Probe::Out { seq: out, .. } if out == seq)
    }

    /// Whether the one that is out was not refused for long enough.
    pub(super) fn is_accepted(self, now: Duration) -> bool {
        matches!(self, Probe::Out { until, .. } if until <= now)
    }

    /// The call that is started as number `seq` is one, if one is due.
    pub(super) fn start(&mut self, seq: u64, until: Duration) {
        if let Probe::Due { left } = *self {
            *self = Probe::Out { seq, until, left };
        }
    }

    /// The one that is out says nothing: another has to go.
    pub(super) fn repeat(&mut self) {
        if let Probe::Out { left, .. } = *self {
            *self = Probe::Due { left };
        }
    }

    /// The one that is out was accepted. Whether it was the last one.
    pub(super) fn pass(&mut self) -> bool {
        *self = match *self {
            Probe::Out { left, .. } if left > 1 => Probe::Due { left: left - 1 },
            _ => Probe::None,
        };
        *self == Probe::None
    }
}
