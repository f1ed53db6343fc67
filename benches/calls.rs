//! What a call costs in CPU, against a bare loop over the SDK and a pool of boto3 threads: `cargo bench --bench calls`.
//!
//! All three send the same bodies (the prompt of Annex A, 78 KB of terms) to the same simulator without latency, 32 in
//! flight. Ours is the whole program: reading, lanes, books, checking, keeping answers, outputs. CPU time is that of the client
//! processes as the system counts it, starting included; what to look at on another machine are the ratios.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use annexa::coding::incidents::user_message;
use annexa::coding::prompt::system_prompt;
use annexa::coding::schema::{TOOL_DESCRIPTION, TOOL_NAME, tool_schema};
use annexa::core::problem::ProblemType;
use annexa::ports::model::Incident;
use annexa::terms::TermTable;
use aws_sdk_bedrockruntime::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_bedrockruntime::types::{
    CachePointBlock, CachePointType, ContentBlock, ConversationRole, InferenceConfiguration,
    Message, SpecificToolChoice, SystemContentBlock, Tool, ToolChoice, ToolConfiguration,
    ToolInputSchema, ToolSpecification,
};
use aws_smithy_types::{Document, Number};
use serde_json::{Value, json};

/// Calls of each client.
const CALLS: usize = 2_000;
/// Calls in flight.
const IN_FLIGHT: usize = 32;
const MODEL: &str = "us.anthropic.claude-haiku-4-5-20251001-v1:0";
/// The version that the ratio is stated for.
const BOTO3: &str = "boto3==1.44.5";

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if let Some(at) = args.iter().position(|arg| arg == "--bare") {
        return bare(&args[at + 1], Path::new(&args[at + 2]));
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let bodies = folder.path().join("bodies.json");
    let input = folder.path().join("reports.csv");
    write_inputs(&input, &bodies);
    let sim = Sim::start();
    let us = ours(&sim, folder.path());
    let sdk = client(
        &sim,
        Command::new(std::env::current_exe().expect("this program")).arg("--bare"),
        &bodies,
    );
    println!("{CALLS} calls, {IN_FLIGHT} in flight, {MODEL}");
    println!("annexa run:     {us:.3} ms of CPU a call");
    println!(
        "bare SDK loop:  {sdk:.3} ms of CPU a call; annexa takes {:.2} of it",
        us / sdk
    );
    match boto3() {
        Ok(python) => {
            let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/boto3_pool.py");
            let pool = client(&sim, Command::new(python).arg(script), &bodies);
            println!(
                "boto3 threads:  {pool:.3} ms of CPU a call, {:.1} times what annexa takes",
                pool / us
            );
        }
        Err(why) => println!("boto3 threads:  not measured: {why}"),
    }
}

/// The simulator as a process of its own; ended on drop.
struct Sim {
    child: Child,
    url: String,
}

impl Sim {
    fn start() -> Sim {
        let mut child = Command::new(env!("CARGO_BIN_EXE_annexa"))
            .args(["sim-bedrock", "--port", "0"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the simulator starts");
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let url = lines
            .map_while(Result::ok)
            .find(|line| line.starts_with("http://"))
            .expect("it says its address");
        Sim { child, url }
    }

    fn variables(&self) -> [(&str, &str); 4] {
        [
            ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", &self.url),
            ("AWS_ACCESS_KEY_ID", "sim"),
            ("AWS_SECRET_ACCESS_KEY", "sim"),
            ("AWS_REGION", "us-east-1"),
        ]
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn texts() -> Vec<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/maude_sample.csv");
    let mut reader = csv::Reader::from_path(path).expect("the examples");
    let texts: Vec<String> = reader
        .records()
        .map(|record| record.expect("a record")[1].trim().to_string())
        .collect();
    (0..CALLS)
        .map(|number| format!("{} (REPORT {number})", texts[number % texts.len()]))
        .collect()
}

/// The reports as CSV, and the bodies that they become, for the other clients.
fn write_inputs(input: &Path, bodies: &Path) {
    let texts = texts();
    let mut csv = csv::Writer::from_path(input).expect("a file");
    csv.write_record(["id", "mdr_text"]).expect("written");
    for (number, text) in texts.iter().enumerate() {
        csv.write_record([&number.to_string(), text])
            .expect("written");
    }
    csv.flush().expect("written");
    let message = |text: &String| {
        user_message(&[Incident {
            text: text.clone(),
            examples: Vec::new(),
            fault: None,
        }])
    };
    let parts = json!({
        "model": MODEL,
        "system": system_prompt(&TermTable::builtin(), ProblemType::Product),
        "tool": TOOL_NAME,
        "description": TOOL_DESCRIPTION,
        "schema": tool_schema(ProblemType::Product),
        "messages": texts.iter().map(message).collect::<Vec<_>>(),
        "in_flight": IN_FLIGHT,
    });
    let file = File::create(bodies).expect("a file");
    serde_json::to_writer(file, &parts).expect("written");
}

fn ours(sim: &Sim, folder: &Path) -> f64 {
    let mut command = Command::new(env!("CARGO_BIN_EXE_annexa"));
    command
        .args([
            "run",
            "reports.csv",
            "--model",
            MODEL,
            "--problem",
            "product",
            "--yes",
        ])
        .args([
            "--batch-size",
            "1",
            "--answers",
            "answers.sqlite",
            "--no-text",
        ])
        .args(["--max-workers", &IN_FLIGHT.to_string()])
        .current_dir(folder)
        .envs(sim.variables())
        .stdout(Stdio::null());
    let took = cpu_ms(&mut command);
    let summary = fs::read(folder.join("reports-annexa/summary.json")).expect("a summary");
    let summary: Value = serde_json::from_slice(&summary).expect("JSON");
    assert_eq!(summary["calls"], CALLS, "a call a report");
    took / CALLS as f64
}

fn client(sim: &Sim, command: &mut Command, bodies: &Path) -> f64 {
    let command = command.arg(&sim.url).arg(bodies).envs(sim.variables());
    cpu_ms(command) / CALLS as f64
}

/// Runs a process to its end; CPU milliseconds, user and system.
fn cpu_ms(command: &mut Command) -> f64 {
    let before = children_ticks();
    let status = command.status().expect("it starts");
    assert!(status.success(), "{status}");
    // USER_HZ is 100 on Linux, whatever the kernel's own clock is (man 5 proc).
    (children_ticks() - before) as f64 * 10.0
}

/// CPU ticks of the children that were waited for (`cutime` and `cstime` of /proc/self/stat).
fn children_ticks() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("Linux");
    let (_, after) = stat.rsplit_once(')').expect("the name is in parentheses");
    let fields: Vec<&str> = after.split_whitespace().collect();
    let ticks = |at: usize| fields[at].parse::<u64>().expect("a number");
    ticks(13) + ticks(14)
}

/// A Python that has boto3, in a folder beside the build.
fn boto3() -> Result<PathBuf, String> {
    let venv = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench-venv");
    let python = venv.join("bin/python");
    let has_boto3 = |python: &Path| {
        let status = Command::new(python).args(["-c", "import boto3"]).status();
        status.is_ok_and(|status| status.success())
    };
    if !has_boto3(&python) {
        let run = |command: &mut Command| match command.status() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("{command:?}: {status}")),
            Err(error) => Err(format!("{command:?}: {error}")),
        };
        run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet", BOTO3]))?;
    }
    Ok(python)
}

/// A loop over the SDK's `converse` as its users write it: the same requests, a number of them in flight.
fn bare(url: &str, bodies: &Path) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let parts: Value = serde_json::from_slice(&fs::read(bodies).expect("bodies")).expect("JSON");
    let answered = runtime.block_on(converse_all(url, &parts));
    let mut out = std::io::stdout();
    let _ = writeln!(out, "{answered} answers");
}

#[expect(
    clippy::disallowed_methods,
    reason = "the loop that is compared with spawns its tasks"
)]
async fn converse_all(url: &str, parts: &Value) -> usize {
    let config = aws_sdk_bedrockruntime::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("sim", "sim", None, None, "bench"))
        .endpoint_url(url)
        .build();
    let client = aws_sdk_bedrockruntime::Client::from_conf(config);
    let text = |name: &str| parts[name].as_str().expect("text").to_string();
    let point = CachePointBlock::builder()
        .r#type(CachePointType::Default)
        .build();
    let system = vec![
        SystemContentBlock::Text(text("system")),
        SystemContentBlock::CachePoint(point.expect("built")),
    ];
    let tool = ToolSpecification::builder()
        .name(text("tool"))
        .description(text("description"))
        .input_schema(ToolInputSchema::Json(document(&parts["schema"])));
    let choice = SpecificToolChoice::builder().name(text("tool")).build();
    let tools = ToolConfiguration::builder()
        .tools(Tool::ToolSpec(tool.build().expect("built")))
        .tool_choice(ToolChoice::Tool(choice.expect("built")))
        .build()
        .expect("built");
    let messages: Vec<String> = serde_json::from_value(parts["messages"].clone()).expect("texts");
    let (messages, next) = (Arc::new(messages), Arc::new(AtomicUsize::new(0)));
    let workers = (0..parts["in_flight"].as_u64().unwrap_or(1)).map(|_| {
        let (client, system, tools) = (client.clone(), system.clone(), tools.clone());
        let (messages, next) = (messages.clone(), next.clone());
        tokio::spawn(async move {
            let mut answered = 0;
            while let Some(text) = messages.get(next.fetch_add(1, Ordering::Relaxed)) {
                let message = Message::builder()
                    .role(ConversationRole::User)
                    .content(ContentBlock::Text(text.clone()))
                    .build();
                let limits = InferenceConfiguration::builder()
                    .max_tokens(500)
                    .temperature(0.0);
                let output = client
                    .converse()
                    .model_id(MODEL)
                    .set_system(Some(system.clone()))
                    .tool_config(tools.clone())
                    .inference_config(limits.build())
                    .messages(message.expect("built"))
                    .send()
                    .await;
                answered += usize::from(output.expect("an answer").output.is_some());
            }
            answered
        })
    });
    let mut answered = 0;
    for worker in workers.collect::<Vec<_>>() {
        answered += worker.await.expect("no panic");
    }
    assert_eq!(answered, messages.len());
    answered
}

fn document(value: &Value) -> Document {
    match value {
        Value::Null => Document::Null,
        Value::Bool(bool) => Document::Bool(*bool),
        Value::Number(number) => match number.as_u64() {
            Some(number) => Document::Number(Number::PosInt(number)),
            None => Document::Number(Number::Float(number.as_f64().expect("a number"))),
        },
        Value::String(text) => Document::String(text.clone()),
        Value::Array(list) => Document::Array(list.iter().map(document).collect()),
        Value::Object(map) => Document::Object(
            map.iter()
                .map(|(name, value)| (name.clone(), document(value)))
                .collect(),
        ),
    }
}
