//! One fleet's surroundings: what infra/storage.yaml makes under names of its own, a simulated Bedrock, and services to start.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use annexa::adapters::sim_bedrock::{Settings, SimBedrock, SimHandle, SimSetup, Stats};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_sqs::types::QueueAttributeName;

use super::recorder::Recorder;
use crate::aws::emulator::{Emulator, REGION, unique};
use crate::cli::harness::Place;
use crate::cli::process::Running;

/// The roles that are services.
pub const ROLES: [&str; 3] = ["splitter", "worker", "aggregator"];

/// The variables that name queues.
pub const QUEUES: [&str; 3] = [
    "ANNEXA_INBOX_QUEUE_URL",
    "ANNEXA_CHUNK_QUEUE_URL",
    "ANNEXA_DONE_QUEUE_URL",
];

/// A fleet's surroundings.
pub struct FleetPlace {
    pub place: Place,
    pub(super) runtime: tokio::runtime::Runtime,
    sim: Option<SimHandle>,
    pub(super) env: BTreeMap<String, String>,
    /// Addresses of those who ask AWS through a proxy of their own.
    pub(super) proxies: BTreeMap<String, String>,
    pub(super) s3: aws_sdk_s3::Client,
    pub(super) sqs: aws_sdk_sqs::Client,
}

/// A port that nobody listens on.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// The python of the emulator's virtual environment, installed if need be.
pub fn python() -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let installed = Command::new("python3")
        .arg(root.join("localstack/emulator.py"))
        .arg("--install")
        .status()
        .expect("python3 is on the PATH");
    assert!(installed.success());
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
    target.join("emulator/bin/python")
}

/// Deploys infra/storage.yaml as it is for the fleet `name`, with these parameters (`Key=Value`): the services' environment,
/// or what CloudFormation said.
pub fn deployed(name: &str, parameters: &[&str]) -> Result<BTreeMap<String, String>, String> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/");
    let mut deploy = Command::new(python());
    deploy.arg(format!("{root}localstack/stack.py"));
    deploy.args(["--endpoint-url", Emulator::shared().endpoint()]);
    deploy.args(["--region", REGION, "--name", name]);
    deploy
        .arg("--template")
        .arg(format!("{root}infra/storage.yaml"));
    for parameter in parameters {
        deploy.args(["-p", parameter]);
    }
    let made = deploy.output().expect("python is installed");
    if !made.status.success() {
        return Err(String::from_utf8_lossy(&made.stderr).into_owned());
    }
    let said = String::from_utf8(made.stdout).expect("it prints text");
    let pairs = said.lines().filter_map(|line| line.split_once('='));
    Ok(pairs
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect())
}

impl FleetPlace {
    /// With a simulator that is set up so, where all that services ask of AWS passes through a recorder.
    pub fn recorded(settings: Settings) -> (FleetPlace, Recorder) {
        let mut fleet = FleetPlace::new(settings, 120);
        let recorder = Recorder::default();
        let upstream = Emulator::shared().endpoint();
        let address = fleet.runtime.block_on(recorder.start(upstream));
        fleet.set("AWS_ENDPOINT_URL", address);
        (fleet, recorder)
    }

    /// With a simulator that is set up so; received messages are hidden for `visibility_s`.
    pub fn new(settings: Settings, visibility_s: u32) -> FleetPlace {
        let emulator = Emulator::shared();
        let env = deployed(&unique("f"), &[]).unwrap_or_else(|why| panic!("{why}"));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let setup = SimSetup {
            settings,
            ..SimSetup::default()
        };
        let sim = runtime.block_on(SimBedrock::start_here(setup)).unwrap();
        let url = sim.url();
        let mut fleet = FleetPlace {
            place: Place::new(),
            runtime,
            sim: Some(sim),
            env,
            proxies: BTreeMap::new(),
            s3: emulator.s3(),
            sqs: emulator.sqs(),
        };
        fleet.set("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", url);
        fleet.hide_for(visibility_s);
        fleet
    }

    /// Hides received messages of all queues for so long: shorter than the stack allows, where a test waits for it.
    fn hide_for(&self, visibility_s: u32) {
        for queue in QUEUES {
            let set = self.sqs.set_queue_attributes().queue_url(&self.env[queue]);
            let set = set.attributes(
                QueueAttributeName::VisibilityTimeout,
                visibility_s.to_string(),
            );
            self.runtime
                .block_on(set.send())
                .expect("a queue's attributes can be set");
        }
    }

    /// Sets a variable of all services that are started from now on.
    pub fn set(&mut self, name: &str, value: impl ToString) {
        self.env.insert(name.to_string(), value.to_string());
    }

    /// Makes a topic; its ARN.
    pub fn make_topic(&self) -> String {
        let sns = aws_sdk_sns::Client::new(&Emulator::shared().sdk());
        let made = sns.create_topic().name(unique("jobs")).send();
        let made = self.runtime.block_on(made).expect("a topic can be made");
        made.topic_arn.expect("it has one")
    }

    /// What the simulator has seen.
    pub fn stats(&self) -> Stats {
        self.sim
            .as_ref()
            .expect("it runs until it is dropped")
            .stats()
    }

    /// Changes the simulator's settings, for calls that come after.
    pub fn change(&self, change: impl FnOnce(&mut Settings)) {
        let _inside = self.runtime.enter();
        self.sim
            .as_ref()
            .expect("it runs until it is dropped")
            .change(change);
    }

    /// Starts a service.
    pub fn start(&self, role: &str) -> Running {
        Running::start_program(&self.place, self.program(role))
    }

    /// Starts a service, and returns once its health check says that it takes work.
    pub fn start_ready(&self, role: &str) -> Running {
        let port = free_port().to_string();
        let mut program = self.program(role);
        program.env("ANNEXA_HEALTH_PORT", &port);
        let mut running = Running::start_program(&self.place, program);
        running.wait_until("ready", || {
            let mut ask = self.program(role);
            ask.env("ANNEXA_HEALTH_PORT", &port);
            let said = ask.args(["health", "--ready"]).output();
            said.expect("the program can be started").status.success()
        });
        running
    }

    fn program(&self, role: &str) -> Command {
        let annexa = assert_cmd::cargo::cargo_bin!("annexa");
        let mut program = Command::new(annexa.with_file_name(format!("annexa-{role}")));
        program
            .current_dir(self.place.root())
            .env_clear()
            .envs(self.env_of(role));
        program.env("HOME", self.place.path("home"));
        program
    }

    /// What services are told under a variable.
    pub fn env(&self, name: &str) -> &str {
        &self.env[name]
    }

    pub(super) fn bucket(&self, which: &str) -> &str {
        &self.env[which]
    }

    /// Puts an object into the inbox bucket.
    pub fn drop_in(&self, key: &str, bytes: impl Into<Vec<u8>>) {
        self.put(self.bucket("ANNEXA_INBOX_BUCKET"), key, bytes);
    }

    /// Puts an object into a bucket.
    pub fn put(&self, bucket: &str, key: &str, bytes: impl Into<Vec<u8>>) {
        let put = self.s3.put_object().bucket(bucket).key(key);
        let sent = put.body(ByteStream::from(bytes.into())).send();
        self.runtime.block_on(sent).expect("an object can be put");
    }

    /// Sends a message to the queue that a variable names.
    pub fn send(&self, queue: &str, body: &str) {
        self.send_to(&self.env[queue], body);
    }

    /// Sends a message to the queue at `url`.
    pub fn send_to(&self, url: &str, body: &str) {
        let send = self.sqs.send_message().queue_url(url).message_body(body);
        self.runtime
            .block_on(send.send())
            .expect("a message can be sent");
    }
}

impl Drop for FleetPlace {
    fn drop(&mut self) {
        if let Some(sim) = self.sim.take() {
            self.runtime.block_on(sim.stop());
        }
    }
}
