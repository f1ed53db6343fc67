//! I10: nothing of a file that cannot be split is in a log, the ledger or a queue.

use std::sync::Arc;

use annexa::adapters::aws::dynamodb::DynamoLedger;
use annexa::adapters::local::clock::SystemClock;
use annexa::core::chunk::ChunkLimits;
use annexa::ports::Ledger;

use super::place::Place;
use super::whole::drop_csv;
use crate::aws::emulator::Emulator;

/// Stands in every file, and nowhere else.
const MARKER: &str = "ZQXMARKERXQZ";

/// All jobs of the fleet, as the ledger has them.
async fn ledger(place: &Place) -> String {
    let config = Emulator::shared().config();
    let clock = Arc::new(SystemClock::new());
    let ledger = DynamoLedger::new(&config, &place.table, clock, ChunkLimits::default());
    format!("{:?}", ledger.list_jobs().await.unwrap())
}

/// All bodies that wait in a queue.
async fn bodies(queue_url: &str) -> Vec<String> {
    let receive = Emulator::shared().sqs().receive_message();
    let receive = receive.queue_url(queue_url).max_number_of_messages(10);
    let received = receive.send().await.unwrap();
    let body = |message: &aws_sdk_sqs::types::Message| message.body().unwrap().to_string();
    received.messages().iter().map(body).collect()
}

#[tokio::test]
async fn i10_a_file_without_a_header_leaves_nothing_of_it_in_logs_ledger_and_queues() {
    let place = Place::new().await;
    let mut splitter = place.program("annexa-splitter");
    splitter.env("ANNEXA_LOG", "annexa=trace");
    let mut splitter = place.start(splitter);
    let files = [
        format!("{MARKER}\n"),
        format!("MDR-1001,{MARKER} patient John Doe died after the catheter broke\n"),
        format!("{MARKER} Doe,died\n"),
        format!("The catheter broke, {MARKER} fell, {MARKER} died\n"),
        format!("{}x\n", format!("{MARKER},").repeat(40)),
    ];
    let count = files.len();
    for (i, csv) in files.into_iter().enumerate() {
        drop_csv(&place, &format!("inbox/{i}.csv"), csv).await;
    }
    splitter.until("all refused", |splitter| {
        splitter.err().matches("the job cannot be split").count() == count
    });
    let jobs = ledger(&place).await;
    assert_eq!(jobs.matches("no id column 'id'").count(), count, "{jobs}");
    let mut announced = Vec::new();
    splitter.signal("-TERM");
    assert_eq!(splitter.end(), 0, "{}", splitter.err());
    for queue in [&place.inbox, &place.chunks, &place.done] {
        announced.extend(bodies(queue).await);
    }
    assert!(!announced.is_empty(), "the ends of jobs are announced");
    for (what, text) in [
        ("the log", splitter.err()),
        ("the metrics", splitter.out()),
        ("the ledger", ledger(&place).await),
        ("the queues", announced.concat()),
    ] {
        assert!(!text.contains(MARKER), "report text in {what}: {text}");
    }
}
