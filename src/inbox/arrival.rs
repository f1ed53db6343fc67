//! What a message of the inbox queue says has arrived.

use serde_json::{Map, Value};

use crate::core::spec::BlobRef;

/// One thing that arrived; a message can say several.
#[derive(Debug, Clone, PartialEq)]
pub enum Arrival {
    /// An object was written.
    Object(ObjectEvent),
    /// A job spec came as the message itself.
    Spec(Map<String, Value>),
    /// Nothing to do, and why.
    Ignored(Ignored),
    /// Nobody knows what it is; said without a word of it.
    Unknown(&'static str),
}

/// An object that was written, as an event tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectEvent {
    /// The object, its key decoded.
    pub blob: BlobRef,
    /// The version's id; none: the bucket keeps no versions.
    pub version_id: Option<String>,
    /// The bare ETag; none: the event does not say.
    pub etag: Option<String>,
    /// Length; none: the event does not say.
    pub bytes: Option<u64>,
    /// What tells this write from a later one of the same bytes: S3's sequencer, or else the event's time.
    pub occurrence: Option<String>,
}

/// Why something that arrived makes no job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ignored {
    /// S3 tried out the notification.
    TestEvent,
    /// Something other than the creation of an object.
    OtherKind,
    /// The object lies outside the inbox.
    OtherPlace,
    /// Neither a CSV nor a spec, by its name.
    OtherFile,
    /// A spec that waits for its CSV.
    SidecarAlone,
    /// A job wrote it.
    OwnOutput,
}

impl Ignored {
    /// All, in a fixed order.
    pub const ALL: [Ignored; 6] = [
        Ignored::TestEvent,
        Ignored::OtherKind,
        Ignored::OtherPlace,
        Ignored::OtherFile,
        Ignored::SidecarAlone,
        Ignored::OwnOutput,
    ];

    /// A stable name for logs and counters.
    pub fn name(self) -> &'static str {
        match self {
            Ignored::TestEvent => "test_event",
            Ignored::OtherKind => "other_kind",
            Ignored::OtherPlace => "other_place",
            Ignored::OtherFile => "other_file",
            Ignored::SidecarAlone => "sidecar_alone",
            Ignored::OwnOutput => "own_output",
        }
    }
}
