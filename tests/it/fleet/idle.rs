//! A fleet with nothing to do.

use std::time::Duration;

use annexa::adapters::sim_bedrock::Settings;

use super::place::{FleetPlace, ROLES};
use crate::cli::process::{Running, pause};

/// Long polls take 20 s.
const POLL_S: u64 = 20;
const WATCHED_S: u64 = 42;

#[test]
fn s1_an_idle_fleet_writes_nothing_and_polls_once_in_twenty_seconds() {
    let (fleet, recorder) = FleetPlace::recorded(Settings::default());
    let services: Vec<Running> = ROLES.iter().map(|role| fleet.start(role)).collect();
    // They have begun when each waits for a message.
    pause(Duration::from_secs(6));
    recorder.take();
    pause(Duration::from_secs(WATCHED_S));
    let seen = recorder.take();
    for service in services {
        service.signal("TERM");
        let ran = service.end();
        assert_eq!(ran.code, 0, "{}", ran.err);
    }
    assert!(
        seen.iter().all(|exchange| exchange.status < 400),
        "nothing is refused"
    );
    let writes = [
        "PutItem",
        "UpdateItem",
        "DeleteItem",
        "TransactWriteItems",
        "BatchWriteItem",
    ];
    let written: Vec<&str> = seen
        .iter()
        .map(|exchange| exchange.operation.as_str())
        .filter(|operation| writes.contains(operation))
        .collect();
    assert_eq!(written, [""; 0]);
    for queue in ["inbox", "chunks", "done"] {
        let polls = seen.iter().filter(|exchange| {
            let url = exchange.request["QueueUrl"].as_str().unwrap_or_default();
            exchange.operation == "ReceiveMessage" && url.ends_with(queue)
        });
        let polls = polls.count() as u64;
        // One may have been on its way when the watch began.
        assert!(
            (1..=WATCHED_S / POLL_S + 1).contains(&polls),
            "{queue}: {polls} receives in {WATCHED_S} s"
        );
    }
    let puts = seen
        .iter()
        .filter(|exchange| exchange.service == "s3")
        .count();
    assert_eq!(puts, 0, "nothing is asked of S3");
}
