//! When a line is written, and what stands in it.

use super::*;
use crate::adapters::embedded::EmbeddedLedger;
use crate::adapters::memory::chaos::Chaos;
use crate::adapters::memory::clock::SimClock;
use crate::adapters::memory::ledger::MemoryStore;
use crate::adapters::memory::queue::{MemoryQueue, QueueSetup};
use crate::aggregator::Standing;
use crate::core::chunk::ChunkLimits;
use crate::core::money::{NanoUsd, Usage};
use crate::inbox::CountsNow;
use crate::notices::Teller;

#[derive(Clone, Default)]
struct Out(Arc<Mutex<Vec<u8>>>);

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Out {
    fn lines(&self) -> Vec<serde_json::Value> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

fn flusher(out: &Out) -> Flusher {
    let clock: Arc<dyn Clock> = Arc::new(SimClock::new(1));
    let setup = QueueSetup {
        visibility: Duration::from_secs(30),
        max_receives: 5,
    };
    let queue = MemoryQueue::new(clock.clone(), Chaos::none(clock.clone()), setup);
    Flusher::new(
        "annexa",
        "worker",
        Arc::default(),
        clock,
        Duration::from_secs(60),
        Arc::new(queue),
        Box::new(out.clone()),
    )
}

#[tokio::test(start_paused = true)]
async fn s25_an_idle_service_writes_no_metrics_and_a_busy_one_what_changed() {
    let out = Out::default();
    let flusher = flusher(&out);
    flusher.flush().await;
    assert!(out.lines().is_empty());

    flusher.metrics.received(1_500);
    let usage = Usage {
        input_tokens: 700,
        ..Usage::default()
    };
    flusher.metrics.answered(&usage, NanoUsd(2_500_000));
    flusher.flush().await;
    // Once more, so that what was high is seen to be 0 again; then silence.
    flusher.flush().await;
    flusher.flush().await;
    flusher.flush().await;
    let lines = out.lines();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["Service"], "worker");
    assert_eq!(lines[0]["Received"], 1);
    assert_eq!(lines[0]["OldestMessageAge"], 1.5);
    assert_eq!(lines[0]["InputTokens"], 700);
    assert_eq!(lines[0]["CostUsd"], 0.0025);
    assert_eq!(lines[1]["InputTokens"], 0);
    assert!(
        lines[1]["Rows"].is_null(),
        "nothing of the kind was ever done"
    );
}

#[tokio::test(start_paused = true)]
async fn a_gauge_is_written_in_each_minute_that_it_stands_and_once_more_when_it_is_over() {
    let (out, clock) = (Out::default(), Arc::new(SimClock::new(1)));
    let live = Arc::new(std::sync::atomic::AtomicU64::new(1));
    let shown = live.clone();
    let flusher = Flusher {
        clock: clock.clone(),
        service: "aggregator",
        ..flusher(&out)
    };
    let read = move || shown.load(std::sync::atomic::Ordering::Relaxed) as f64;
    let flusher = flusher.with_gauges(Box::new(move || vec![("LiveJobs", "Count", read())]));
    let change = async {
        clock.sleep(Duration::from_secs(10 * 60)).await;
        live.store(0, std::sync::atomic::Ordering::Relaxed);
        clock.sleep(Duration::from_secs(10 * 60)).await;
    };
    tokio::select! {
        () = flusher.run() => {}
        () = change => {}
    }
    let lines = out.lines();
    let minute = |line: &serde_json::Value| line["_aws"]["Timestamp"].as_u64().unwrap() / 60_000;
    let minutes: Vec<u64> = lines.iter().map(minute).collect();
    let first = minutes[0];
    assert_eq!(
        minutes,
        (first..first + lines.len() as u64).collect::<Vec<_>>()
    );
    let jobs: Vec<u64> = lines
        .iter()
        .map(|line| line["LiveJobs"].as_u64().unwrap())
        .collect();
    assert_eq!(jobs, [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0]);
    assert_eq!(lines[0]["Fleet"], "annexa");
}

#[test]
fn lane_use_is_settled_tokens_against_the_limit() {
    let lane = |settled_tokens| LaneSnapshot {
        tokens_per_minute: Some(60_000),
        requests_per_minute: None,
        paused: Duration::ZERO,
        waiting: 0,
        in_flight: 0,
        reserved_tokens: 0,
        started: 0,
        settled: 0,
        throttled: 0,
        failed: 0,
        lowered: 0,
        settled_tokens,
    };
    let mut before = BTreeMap::new();
    let half_a_minute = Duration::from_secs(30);
    let mut used = |settled| {
        let lanes = [("lane".to_string(), lane(settled))];
        lane_use(&lanes, &mut before, half_a_minute)
    };
    assert_eq!(used(15_000), 50.0);
    assert_eq!(used(45_000), 100.0);
    assert_eq!(used(45_000), 0.0);
}

#[tokio::test(start_paused = true)]
async fn every_metric_of_the_table_is_one_that_its_service_can_write_and_no_other_is() {
    let out = Out::default();
    let service = |service: &'static str| Flusher {
        service,
        ..flusher(&out)
    };
    let standing = Arc::new(Standing::default());
    let shown = standing.clone();
    let clock: Arc<dyn Clock> = Arc::new(SimClock::new(1));
    let limits = ChunkLimits::default();
    let ledger = EmbeddedLedger::new(MemoryStore::default(), clock.clone(), limits);
    let teller = Teller::new(clock, Arc::new(ledger), Vec::new());
    // Set up as the services are.
    let flushers = [
        service("splitter").with_counts(Box::new(|| CountsNow::default().metrics())),
        service("worker").with_lanes(Box::new(Vec::new)),
        service("aggregator")
            .with_counts(Box::new(move || {
                standing
                    .counts()
                    .into_iter()
                    .chain(teller.counts())
                    .collect()
            }))
            .with_gauges(Box::new(move || shown.gauges(Duration::ZERO, 0))),
    ];
    let shared: BTreeSet<&str> = COUNTS.iter().map(|(_, name, _)| *name).collect();
    let table = names::as_json();
    let services = table["services"].as_object().unwrap();
    assert_eq!(services.len(), flushers.len());
    for flusher in flushers {
        let named = services[flusher.service].as_object().unwrap();
        let measured = flusher.measure(&mut Before::default(), 0.0);
        let can_be: BTreeSet<(&str, &str)> =
            measured.iter().map(|one| (one.name, one.unit)).collect();
        for (name, unit) in named {
            let row = (name.as_str(), unit.as_str().unwrap());
            assert!(
                can_be.contains(&row),
                "{} writes no {row:?}",
                flusher.service
            );
        }
        // What all services share is only written where it happens.
        for (name, _) in can_be {
            let is_named = named.contains_key(name);
            assert!(is_named || shared.contains(name), "{name} is in no table");
        }
    }
}

#[test]
fn every_count_is_one_that_something_in_the_code_adds_to() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
    let mut folders = vec![std::path::PathBuf::from(root)];
    let mut code = String::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let within = path.strip_prefix(root).unwrap();
            let is_test = within.to_string_lossy().contains("tests");
            match path.is_dir() {
                true => folders.push(path),
                false if is_test => {}
                false => code += &std::fs::read_to_string(path).unwrap(),
            }
        }
    }
    let words: Vec<&str> = code.split_whitespace().collect();
    let code = words.concat();
    for (count, name, _) in COUNTS {
        let adds = ["one(", "add("].map(|adds| format!(".{adds}Count::{count:?}"));
        let is_added = adds.iter().any(|adds| {
            let rests = code.split(adds.as_str()).skip(1);
            rests.into_iter().any(|rest| rest.starts_with([')', ',']))
        });
        assert!(is_added, "nothing adds to {name}");
    }
}
