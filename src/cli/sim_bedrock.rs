//! `annexa sim-bedrock`: a simulator of Amazon Bedrock on this machine, to rehearse large jobs without an account.

#[cfg(test)]
mod tests;

use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::exit;
use crate::adapters::sim_bedrock::{
    ALL, FAULTS, FaultRates, MARKER, Settings, SimBedrock, SimSetup,
};
use crate::pacing::quota::Refill;

/// Play Amazon Bedrock on this machine, with quotas, latency and faults, to rehearse large jobs.
///
/// No model is behind it: answers are the offline model's. It says how to point a run at it and serves until Ctrl-C.
#[derive(Debug, Args)]
pub struct SimBedrockArgs {
    /// Port to listen on; 0 takes a free one
    #[arg(long, value_name = "P", default_value_t = 8399)]
    port: u16,
    /// Address to listen on
    #[arg(long, value_name = "IP", default_value = "127.0.0.1")]
    host: IpAddr,
    /// How long answers take in milliseconds: all so long (800), or median and 99th percentile (800..4000)
    #[arg(
        long,
        value_name = "MS",
        default_value = "0",
        allow_hyphen_values = true
    )]
    latency_ms: String,
    /// Requests a minute of each model or profile [default: not limited]
    #[arg(long, value_name = "N")]
    rpm: Option<u64>,
    /// Tokens a minute of each model or profile [default: not limited]
    #[arg(long, value_name = "N")]
    tpm: Option<u64>,
    /// How much a quota holds, in seconds at the full rate
    #[arg(
        long,
        value_name = "S",
        default_value_t = 60.0,
        allow_negative_numbers = true
    )]
    bucket_s: f64,
    /// How a quota refills: all the time, or at once every --bucket-s seconds
    #[arg(long, value_enum, default_value_t = RefillArg::Continuous)]
    refill: RefillArg,
    /// What an output token counts when a call is settled [default: as the model has it]
    #[arg(long, value_name = "N")]
    burndown: Option<u64>,
    /// Settled tokens of each model or profile in 24 hours [default: not limited]
    #[arg(long, value_name = "N")]
    daily_tokens: Option<u64>,
    /// How likely a fault is, such as stall=0.01; all=P stands for every fault that does not end a job
    #[arg(long = "fault", value_name = "KIND=P")]
    faults: Vec<String>,
    /// How long a stalled call is silent, in milliseconds [default: for ever]
    #[arg(long, value_name = "N")]
    stall_ms: Option<u64>,
    /// What chance follows from
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How long a cached prefix lasts after its last use, in seconds
    #[arg(long, value_name = "N", default_value_t = 300)]
    cache_ttl_s: u64,
    /// Prefixes under so many tokens are not cached [default: as the model has it]
    #[arg(long, value_name = "N")]
    cache_minimum: Option<u64>,
    /// Print the faults and what they do, and end
    #[arg(long)]
    list_faults: bool,
}

/// How a quota refills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RefillArg {
    /// All the time
    Continuous,
    /// All at once, at the start of each window
    Window,
}

/// Serves until it is told to stop; prints to `out`, gives the exit code.
///
/// # Errors
/// The port is taken or not allowed, or the runtime does not start.
pub fn run(args: &SimBedrockArgs, out: &mut dyn Write) -> anyhow::Result<u8> {
    if args.list_faults {
        list_faults(out)?;
        return Ok(exit::OK);
    }
    let setup = match setup(args) {
        Ok(setup) => setup,
        Err(problems) => {
            for problem in problems {
                eprintln!("annexa: {problem}");
            }
            return Ok(exit::USAGE);
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(serve(SocketAddr::new(args.host, args.port), setup, out))
}

/// The setup that the flags ask for, or all that is wrong with them.
fn setup(args: &SimBedrockArgs) -> Result<SimSetup, Vec<String>> {
    let mut problems = Vec::new();
    let latency = args.latency_ms.parse().unwrap_or_else(|problem| {
        problems.push(format!("--latency-ms: {problem}"));
        Default::default()
    });
    let faults = faults(&args.faults).unwrap_or_else(|more| {
        problems.extend(more.iter().map(|problem| format!("--fault: {problem}")));
        FaultRates::default()
    });
    if !(0.001..=86_400.0).contains(&args.bucket_s) {
        problems.push(format!(
            "--bucket-s is {}: 0.001 to 86400 seconds are allowed",
            args.bucket_s
        ));
    }
    if args.burndown == Some(0) {
        problems.push("--burndown is 0: an output token counts 1 at least".to_string());
    }
    if args.cache_ttl_s > 86_400 {
        problems.push(format!(
            "--cache-ttl-s is {}: 86400 seconds are the most",
            args.cache_ttl_s
        ));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(SimSetup {
        settings: Settings {
            tokens_per_minute: args.tpm,
            requests_per_minute: args.rpm,
            daily_tokens: args.daily_tokens,
            latency,
            stall: args.stall_ms.map(Duration::from_millis),
            faults,
        },
        bucket: Duration::from_secs_f64(args.bucket_s),
        refill: match args.refill {
            RefillArg::Continuous => Refill::Continuous,
            RefillArg::Window => Refill::Window,
        },
        burndown: args.burndown,
        cache_minimum_tokens: args.cache_minimum,
        cache_ttl: Duration::from_secs(args.cache_ttl_s),
        seed: args.seed,
        ..SimSetup::default()
    })
}

fn faults(given: &[String]) -> Result<FaultRates, Vec<String>> {
    let (mut named, mut problems) = (Vec::new(), Vec::new());
    for text in given {
        let parsed = text.split_once('=');
        match parsed.and_then(|(name, rate)| Some((name, rate.parse().ok()?))) {
            Some((name, rate)) => named.push((name, rate)),
            None => problems.push(format!(
                "'{text}' is not understood: KIND=P is expected, such as stall=0.01"
            )),
        }
    }
    match FaultRates::new(named) {
        Ok(rates) if problems.is_empty() => Ok(rates),
        Ok(_) => Err(problems),
        Err(more) => Err([problems, more].concat()),
    }
}

fn list_faults(out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(
        out,
        "{:21} {:9} {:5} what the client sees",
        "fault", "hits", "ends"
    )?;
    for row in FAULTS {
        let (stage, ends) = (row.stage.name(), row.ends.name());
        writeln!(out, "{:21} {stage:9} {ends:5} {}", row.name, row.what)?;
    }
    writeln!(
        out,
        "\nhits  before: nothing is taken from the quota; reserved: taken and given back, not paid; paid: settled and paid\n\
         ends  what the fault puts an end to; -: asked again, the call may succeed\n\
         --fault KIND=P makes a fault happen to that part of the calls, --fault {ALL}=P every fault that does not end a job\n\
         a text with {MARKER}KIND in it always gets that fault"
    )
}

async fn serve(address: SocketAddr, setup: SimSetup, out: &mut dyn Write) -> anyhow::Result<u8> {
    // Before anybody is told that it serves: from then on a signal ends it in order.
    let signals = [SignalKind::interrupt(), SignalKind::terminate()].map(signal);
    let [Ok(mut interrupt), Ok(mut terminate)] = signals else {
        anyhow::bail!("cannot listen for signals");
    };
    let listener = SimBedrock::listen(address).with_context(|| {
        format!("cannot listen on {address}: name another --port, or 0 for a free one")
    })?;
    let simulator = SimBedrock::start(setup, listener)
        .await
        .context("cannot start the simulator")?;
    let said = announce(&simulator.url(), out);
    if said.is_ok() {
        next(&mut interrupt, &mut terminate).await;
    }
    simulator.stop().await;
    said?;
    Ok(exit::OK)
}

async fn next(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

fn announce(url: &str, out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(
        out,
        "a simulator of Amazon Bedrock, no model: nothing that it answers is a model's opinion\n\
         {url}\n\
         export AWS_ENDPOINT_URL_BEDROCK_RUNTIME={url}\n\
         export AWS_ACCESS_KEY_ID=sim AWS_SECRET_ACCESS_KEY=sim AWS_REGION=us-east-1"
    )?;
    out.flush()
}
