//! How well a run uses a quota over real HTTP: `cargo bench --bench quota`. Takes some three minutes.
//!
//! 1. A token quota of a third of what could be sent, told to the run: settled tokens a minute after ramp-up, as a share of
//!    the quota, and the share of requests that the quota refused.
//! 2. A request quota of 20 a second that the run is not told: 400 calls, 32 in flight; how many are refused, and the time
//!    against the best possible one.
//!
//! In virtual time the same is proved by tests (docs/PACING.md).

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use annexa::adapters::sim_bedrock::{Latency, Settings, SimBedrock, SimHandle, SimSetup};

const MODEL: &str = "us.anthropic.claude-haiku-4-5-20251001-v1:0";
/// Median and 99th percentile of an answer's latency in the first part.
const SLOW: &str = "1500..4000";
/// What the first part measures, after ramp-up.
const RAMP: Duration = Duration::from_secs(20);
const MEASURED: Duration = Duration::from_secs(80);

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    write_reports(&folder.path().join("reports.csv"), 20_000);
    write_reports(&folder.path().join("few.csv"), 400);
    let unlimited = tokens_a_minute(&runtime, folder.path());
    told_tokens(&runtime, folder.path(), unlimited / 3);
    untold_requests(&runtime, folder.path());
}

/// What could be sent: settled tokens a minute without any limit.
fn tokens_a_minute(runtime: &tokio::runtime::Runtime, folder: &Path) -> u64 {
    let sim = start(runtime, settings(None), Duration::from_secs(60));
    let mut run = Run::start(&sim, folder, "reports.csv", "free", &[]);
    wait(RAMP / 2);
    let before = sim.stats().all.settled_tokens;
    wait(Duration::from_secs(20));
    let rate = (sim.stats().all.settled_tokens - before) * 3;
    run.end();
    println!("without a limit: {rate} settled tokens a minute");
    rate
}

fn told_tokens(runtime: &tokio::runtime::Runtime, folder: &Path, quota: u64) {
    // A bucket of ten seconds: what it holds at first is used up within the ramp.
    let sim = start(runtime, settings(Some(quota)), Duration::from_secs(10));
    let told = quota.to_string();
    let flags = ["--tokens-per-minute", &told];
    let mut run = Run::start(&sim, folder, "reports.csv", "told", &flags);
    wait(RAMP);
    let before = sim.stats().all;
    wait(MEASURED);
    let after = sim.stats().all;
    run.end();
    let settled = (after.settled_tokens - before.settled_tokens) as f64;
    let share = settled / (quota as f64 * MEASURED.as_secs_f64() / 60.0);
    let refused =
        |counts: &annexa::adapters::sim_bedrock::Counts| counts.refused.values().sum::<u64>();
    let requests = after.requests - before.requests;
    println!(
        "told {quota} tokens a minute: {:.1} % of the quota settled, {} of {requests} requests refused",
        100.0 * share,
        refused(&after) - refused(&before)
    );
}

fn untold_requests(runtime: &tokio::runtime::Runtime, folder: &Path) {
    let settings = Settings {
        requests_per_minute: Some(20 * 60),
        latency: "50..150".parse::<Latency>().expect("a latency"),
        ..Settings::default()
    };
    let sim = start(runtime, settings, Duration::from_secs(1));
    let mut run = Run::start(&sim, folder, "few.csv", "few", &["--batch-size", "1"]);
    while sim.stats().all.requests == 0 {
        wait(Duration::from_millis(5));
    }
    let took = timed(|| {
        while sim.stats().all.answered < 400 && run.is_running() {
            wait(Duration::from_millis(5));
        }
    });
    run.wait();
    let all = sim.stats().all;
    let best = (400.0 - 20.0) / 20.0;
    println!(
        "20 requests a second, not told: {} answered, {} of {} requests refused, {:.1} s, {:.2} of the best time",
        all.answered,
        all.refused.values().sum::<u64>(),
        all.requests,
        took.as_secs_f64(),
        took.as_secs_f64() / best
    );
}

fn settings(tokens_per_minute: Option<u64>) -> Settings {
    Settings {
        tokens_per_minute,
        latency: SLOW.parse().expect("a latency"),
        ..Settings::default()
    }
}

fn start(runtime: &tokio::runtime::Runtime, settings: Settings, bucket: Duration) -> SimHandle {
    let setup = SimSetup {
        settings,
        bucket,
        ..SimSetup::default()
    };
    runtime
        .block_on(SimBedrock::start_here(setup))
        .expect("the simulator starts")
}

/// A run of the program, ended on drop.
struct Run(Child);

impl Run {
    fn start(sim: &SimHandle, folder: &Path, input: &str, out: &str, flags: &[&str]) -> Run {
        let child = Command::new(env!("CARGO_BIN_EXE_annexa"))
            .args([
                "run",
                input,
                "--model",
                MODEL,
                "--problem",
                "product",
                "--yes",
            ])
            .args(["--out", out, "--answers", &format!("{out}.sqlite")])
            .args(flags)
            .current_dir(folder)
            .env("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", sim.url())
            .env("AWS_ACCESS_KEY_ID", "sim")
            .env("AWS_SECRET_ACCESS_KEY", "sim")
            .env("AWS_REGION", "us-east-1")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        Run(child)
    }

    fn is_running(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(None))
    }

    fn wait(&mut self) {
        let status = self.0.wait().expect("it ends");
        assert!(status.success(), "{status}");
    }

    fn end(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.end();
    }
}

fn write_reports(path: &Path, rows: usize) {
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/maude_sample.csv");
    let mut reader = csv::Reader::from_path(sample).expect("the examples");
    let texts: Vec<String> = reader
        .records()
        .map(|record| record.expect("a record")[1].to_string())
        .collect();
    let mut csv = csv::Writer::from_path(path).expect("a file");
    csv.write_record(["id", "mdr_text"]).expect("written");
    for number in 0..rows {
        let text = format!("{} (REPORT {number})", texts[number % texts.len()]);
        csv.write_record([number.to_string(), text])
            .expect("written");
    }
    csv.flush().expect("written");
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn wait(time: Duration) {
    std::thread::sleep(time);
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}
