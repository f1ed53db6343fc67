//! A job through the three services, from an event in the inbox to its results.

use std::collections::BTreeSet;

use annexa::adapters::aws::s3::S3Blobs;
use annexa::core::spec::BlobRef;
use annexa::ports::Blobs;
use serde_json::{Value, json};

use super::place::{Place, Running};
use crate::aws::emulator::Emulator;
use crate::cli::harness::sample;

const ROWS: usize = 60;

/// Puts reports into the inbox, with the event that S3 sends of it.
async fn drop_reports(place: &Place, key: &str) {
    drop_csv(place, key, sample(ROWS)).await;
}

/// The same of any text.
pub async fn drop_csv(place: &Place, key: &str, csv: String) {
    let put = Emulator::shared().s3().put_object();
    let put = put
        .bucket(&place.bucket)
        .key(key)
        .body(csv.into_bytes().into());
    let version = put.send().await.unwrap().version_id;
    let event = json!({ "Records": [{
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "s3": {
            "bucket": { "name": place.bucket },
            "object": { "key": key, "versionId": version },
        },
    }] });
    let send = Emulator::shared().sqs().send_message();
    let send = send.queue_url(&place.inbox).message_body(event.to_string());
    send.send().await.unwrap();
}

/// The job's summary, once it is there.
#[expect(clippy::disallowed_methods, reason = "processes keep real time")]
async fn summary(place: &Place, services: &mut [Running]) -> Value {
    let blobs = S3Blobs::new(&Emulator::shared().config());
    loop {
        for service in services.iter_mut() {
            service.until("at work", |_| true);
        }
        let keys = blobs.list(&place.bucket, "results/").await.unwrap();
        if let Some(key) = keys.iter().find(|key| key.ends_with("/manifest.json")) {
            let key = key.replace("manifest.json", "summary.json");
            let at = BlobRef::new(&place.bucket, key);
            let bytes = blobs.get_range(&at, 0, u64::MAX, None).await.unwrap();
            return serde_json::from_slice(&bytes).unwrap();
        }
        tokio::task::yield_now().await;
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}

/// Stops all, and checks that nothing was cut.
fn stop(services: &mut [Running]) {
    services.iter().for_each(|service| service.signal("-TERM"));
    for service in services {
        assert_eq!(service.end(), 0, "{}", service.err());
    }
}

/// The metrics of a service: lines that name the fleet and the service, and nothing that docs/metrics.json does not.
fn metrics(service: &Running) -> Vec<Value> {
    let listed: Value = serde_json::from_str(include_str!("../../../docs/metrics.json")).unwrap();
    let lines: Vec<Value> = service
        .out()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for line in &lines {
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], listed["namespace"]);
        assert_eq!(directive["Dimensions"], json!([listed["dimensions"]]));
        assert_eq!(line["Fleet"], "fleet-of-a-test");
        let of_service = &listed["services"][line["Service"].as_str().unwrap()];
        let written = directive["Metrics"].as_array().unwrap();
        assert!(!written.is_empty(), "{line}");
        for metric in written {
            let name = metric["Name"].as_str().unwrap();
            assert_eq!(metric["Unit"], of_service[name], "{name} in {line}");
        }
    }
    lines
}

/// The sum of a metric over lines.
fn sum(lines: &[Value], name: &str) -> u64 {
    let values = lines.iter().filter_map(|line| line[name].as_u64());
    values.sum()
}

/// I10: nothing that a service says has any report's words in it.
fn check_privacy(service: &Running) {
    let said = service.err() + &service.out();
    let input = sample(ROWS);
    let mut reader = csv::Reader::from_reader(input.as_bytes());
    let headers = reader.headers().unwrap().clone();
    let at = headers.iter().position(|name| name == "mdr_text").unwrap();
    for record in reader.records() {
        let words: String = record.unwrap()[at].chars().take(40).collect();
        assert!(
            words.len() < 20 || !said.contains(&words),
            "a report in a log"
        );
    }
}

#[tokio::test]
async fn s25_three_services_code_what_is_dropped_into_the_inbox_and_tell_of_it() {
    let place = Place::new().await;
    let names = ["annexa-splitter", "annexa-worker", "annexa-aggregator"];
    let mut services = names.map(|name| {
        let mut program = place.program(name);
        program.env("ANNEXA_LOG", "annexa=debug");
        program.env("ANNEXA_FLEET", "fleet-of-a-test");
        place.start(program)
    });
    drop_reports(&place, "inbox/some reports.csv").await;
    let summary = summary(&place, &mut services).await;
    assert_eq!(summary["status"], "COMPLETED", "{summary}");
    assert_eq!(summary["total_records"], ROWS);
    stop(&mut services);
    services.iter().for_each(check_privacy);

    let worker = &services[1];
    let logs = worker.logs();
    let claimed = logs.iter().filter(|line| line["span"]["name"] == "chunk");
    let spans: Vec<&Value> = claimed.map(|line| &line["span"]).collect();
    assert!(!spans.is_empty(), "{}", worker.err());
    for span in spans {
        for field in ["job", "chunk", "epoch", "attempt", "message_id"] {
            assert!(!span[field].is_null(), "no {field} in {span}");
        }
    }
    let [splitter, worker, aggregator] = services.each_ref().map(metrics);
    let sums = [
        sum(&splitter, "JobsCreated"),
        sum(&worker, "Rows"),
        sum(&aggregator, "JobsEnded"),
        sum(&aggregator, "JobsFailed"),
    ];
    assert_eq!(sums, [1, ROWS as u64, 1, 0], "metrics add up to the work");
    for (lines, name) in [
        (splitter, "splitter"),
        (worker, "worker"),
        (aggregator, "aggregator"),
    ] {
        assert!(lines.iter().all(|line| line["Service"] == name));
    }
}

#[tokio::test]
async fn annexa_up_is_all_three_services_in_one_process() {
    let place = Place::new().await;
    let mut program = place.program("annexa");
    program.arg("up");
    let mut services = [place.start(program)];
    drop_reports(&place, "inbox/reports.csv").await;
    let summary = summary(&place, &mut services).await;
    assert_eq!(summary["status"], "COMPLETED", "{summary}");
    stop(&mut services);
    let out = services[0].out();
    let who = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["Service"].as_str().unwrap().to_string()
    };
    let said: BTreeSet<String> = out.lines().map(who).collect();
    assert_eq!(
        said,
        ["aggregator", "splitter", "worker"]
            .map(String::from)
            .into()
    );
}

/// Starts an aggregator that sweeps at its start and then not for an hour.
fn aggregator(place: &Place) -> Running {
    let mut program = place.program("annexa-aggregator");
    program.env("ANNEXA_SWEEP_S", "3600");
    program.env("ANNEXA_FLEET", "fleet-of-a-test");
    place.start(program)
}

/// Waits until a service has written a metric with a value above 0, and a whole line after it.
fn told(service: &mut Running, name: &str) {
    let is_told = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        line[name].as_f64().is_some_and(|value| value > 0.0)
    };
    service.until(name, |running| {
        let out = running.out();
        let whole = out.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole.lines().any(is_told)
    });
}

#[tokio::test]
async fn i4_an_aggregator_tells_of_a_live_job_while_nobody_works_on_it_and_of_a_paused_one() {
    let place = Place::new().await;
    let splitter = place.start(place.program("annexa-splitter"));
    // The first sweep finds nothing: this one hears of the job.
    let mut hears = aggregator(&place);
    drop_reports(&place, "inbox/reports.csv").await;
    for name in ["LiveJobs", "LongestStall"] {
        told(&mut hears, name);
    }
    let mut services = [splitter, hears];
    stop(&mut services);

    // Nobody says anything of it any more: this one finds it when it starts, as the one that a schedule wakes.
    let mut wakes = aggregator(&place);
    told(&mut wakes, "LiveJobs");
    let blobs = S3Blobs::new(&Emulator::shared().config());
    let keys = blobs.list(&place.bucket, "results/").await.unwrap();
    let job = keys[0].split('/').nth(1).unwrap();
    let paused = place.program("annexa").args(["pause", job]).output();
    let paused = paused.unwrap();
    assert!(paused.status.success(), "{paused:?}");
    let mut services = [wakes];
    stop(&mut services);

    let mut services = [aggregator(&place)];
    told(&mut services[0], "PausedJobs");
    stop(&mut services);
    let lines = metrics(&services[0]);
    assert_eq!(sum(&lines, "LiveJobs"), 0, "it wants nobody");
}
