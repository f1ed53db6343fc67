//! Queues, a table and a bucket of a test's own in the emulator, and services that work on them.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use annexa::adapters::aws::dynamodb::schema;
use annexa::adapters::local::clock::SystemClock;
use annexa::adapters::memory::queue::QueueSetup;
use serde_json::Value;
use tempfile::TempDir;

use crate::aws::emulator::{Emulator, REGION, unique};
use crate::conformance::fixtures_aws::{make_bucket, make_queue};

/// Who takes longer than this hangs.
const HANG: Duration = Duration::from_secs(120);

/// A place for a fleet.
pub struct Place {
    pub inbox: String,
    pub chunks: String,
    pub done: String,
    pub table: String,
    pub bucket: String,
    folder: TempDir,
}

impl Place {
    pub async fn new() -> Place {
        let setup = QueueSetup {
            visibility: Duration::from_secs(30),
            max_receives: 100,
        };
        let table = unique("annexa");
        let clock = std::sync::Arc::new(SystemClock::new());
        schema::create_table(&Emulator::shared().config(), &table, clock)
            .await
            .expect("a table can be made");
        Place {
            inbox: make_queue(setup).await,
            chunks: make_queue(setup).await,
            done: make_queue(setup).await,
            bucket: make_bucket(true).await,
            table,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// A program with this place in its environment, and nothing of the surroundings.
    pub fn program(&self, name: &str) -> Command {
        let mut program = program(name);
        program
            .env("ANNEXA_INBOX_QUEUE_URL", &self.inbox)
            .env("ANNEXA_CHUNK_QUEUE_URL", &self.chunks)
            .env("ANNEXA_DONE_QUEUE_URL", &self.done)
            .env("ANNEXA_TABLE", &self.table)
            .env("ANNEXA_OUTPUT_BUCKET", &self.bucket)
            .env("AWS_ENDPOINT_URL", Emulator::shared().endpoint())
            .env("AWS_ACCESS_KEY_ID", "AKIASTANDIN000000000")
            .env("AWS_SECRET_ACCESS_KEY", "stand-in")
            .env("AWS_REGION", REGION)
            .env("DEFAULT_MODEL_ID", "precedents")
            .env("ANNEXA_DRAIN_S", "10")
            .env("ANNEXA_METRICS_S", "1")
            .env("ANNEXA_HEALTH_PORT", free_port().to_string());
        program
    }

    /// Starts `program`, and returns once it is ready.
    pub fn start(&self, mut program: Command) -> Running {
        let name = unique("service");
        let (out, err) = (
            self.folder.path().join(&name),
            self.folder.path().join(name + ".err"),
        );
        program.stdout(File::create(&out).unwrap());
        program.stderr(File::create(&err).unwrap());
        let envs = program.get_envs();
        let port = envs
            .filter(|(key, _)| *key == "ANNEXA_HEALTH_PORT")
            .find_map(|(_, port)| port.map(ToOwned::to_owned));
        let port = port
            .expect("a service of these tests has a port")
            .into_string()
            .unwrap();
        let mut running = Running {
            child: program.spawn().unwrap(),
            out,
            err,
            port,
        };
        running.until("ready", |running| running.health(&["--ready"]).0 == 0);
        running
    }
}

/// A program with nothing of the surroundings in its environment.
pub fn program(name: &str) -> Command {
    let path = match name {
        "annexa" => assert_cmd::cargo::cargo_bin!("annexa"),
        "annexa-splitter" => assert_cmd::cargo::cargo_bin!("annexa-splitter"),
        "annexa-worker" => assert_cmd::cargo::cargo_bin!("annexa-worker"),
        "annexa-aggregator" => assert_cmd::cargo::cargo_bin!("annexa-aggregator"),
        _ => panic!("{name} is no program of ours"),
    };
    let mut program = Command::new(path);
    program.env_clear().env("AWS_EC2_METADATA_DISABLED", "true");
    program
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// A service at work; it is killed when a test fails.
pub struct Running {
    child: Child,
    out: PathBuf,
    err: PathBuf,
    port: String,
}

impl Running {
    pub fn out(&self) -> String {
        fs::read_to_string(&self.out).unwrap()
    }

    pub fn err(&self) -> String {
        fs::read_to_string(&self.err).unwrap()
    }

    /// Its logs; every line is JSON.
    pub fn logs(&self) -> Vec<Value> {
        let line = |line: &str| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        self.err().lines().map(line).collect()
    }

    /// What `annexa-worker health` says of it: exit code and words.
    pub fn health(&self, flags: &[&str]) -> (i32, String) {
        let mut ask = program("annexa-worker");
        ask.env("ANNEXA_HEALTH_PORT", &self.port);
        let said = ask.arg("health").args(flags).output().unwrap();
        let words = String::from_utf8(said.stderr).unwrap();
        (said.status.code().unwrap(), words)
    }

    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
    }

    /// Waits until `is_so`.
    #[expect(clippy::disallowed_methods, reason = "a process keeps real time")]
    pub fn until(&mut self, what: &str, mut is_so: impl FnMut(&Running) -> bool) {
        let began = Instant::now();
        while !is_so(self) {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "ended before {what}: {}", self.err());
            assert!(began.elapsed() < HANG, "not {what}: {}", self.err());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Its exit code, once it has ended.
    #[expect(clippy::disallowed_methods, reason = "a process keeps real time")]
    pub fn end(&mut self) -> i32 {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return ExitStatus::code(&status).unwrap_or(-1);
            }
            assert!(began.elapsed() < HANG, "it does not end: {}", self.err());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
