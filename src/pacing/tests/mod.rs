//! The lane against a service that holds a quota, in virtual time (DESIGN §7). `docs/PACING.md` quotes the figures, which
//! `cargo test --lib pacing::tests -- --nocapture` prints.

mod faults;
mod fleet;
mod line;
mod quotas;
mod requests;
mod service;
mod shared;
