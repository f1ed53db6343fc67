//! The inbox: from an S3 event or a job spec to a job in the ledger.
//!
//! A message says what arrived ([`parse`]). A CSV is taken with the sidecar that lies beside it, a spec by itself. What
//! the spec leaves open is filled in from the defaults, everything that shapes answers is looked up, checked and pinned
//! ([`Resolver`]), and the job is created under the id that follows from it. What can never become a job becomes a
//! failed one with its reason, so that nobody waits for it in vain.
//!
//! What an arrival came to is frozen under `_annexa/inbox/` in the fleet's output bucket before the job is created: the
//! same event said again is the same job, whatever the defaults are by then.

mod arrival;
mod corpus;
mod counts;
mod failed;
mod fields;
mod frozen;
mod intake;
mod key;
mod pin;
mod place;
mod request;
mod resolve;
mod shapes;
mod sources;
mod submit;
mod terms;

pub use arrival::{Arrival, Ignored, ObjectEvent};
pub use counts::{Counts, CountsNow};
pub use failed::UNKNOWN;
pub use intake::{Intake, IntakePorts};
pub use key::form_decoded;
pub use place::{InboxPlace, Kind, kind_of};
pub use request::JobRequest;
pub use resolve::{Resolved, Resolver, ResolverSetup, Unresolved};
pub use shapes::parse;
pub use submit::Submitted;
