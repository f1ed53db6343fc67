//! `annexa submit`: a file, an object or a spec becomes a job of the fleet.

mod args;
mod upload;

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub use args::SubmitArgs;

use super::exit;
use super::runtime::in_runtime;
use crate::adapters::aws::config::AwsConfig;
use crate::adapters::local::clock::SystemClock;
use crate::core::ids::JobId;
use crate::core::job::{End, JobRecord, PauseReason, Phase};
use crate::fleet::Fleet;
use crate::inbox::{Intake, IntakePorts, JobRequest, ResolverSetup, Submitted, Unresolved};
use crate::ports::error::PortError;
use crate::ports::retry::{Backoff, retry};
use crate::ports::{Clock, Ledger};

/// How often --wait looks.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Why nothing was submitted.
pub struct Failure {
    /// Each a line.
    pub problems: Vec<String>,
    /// The exit code.
    pub code: u8,
}

impl From<Unresolved> for Failure {
    fn from(why: Unresolved) -> Failure {
        match why {
            Unresolved::Refused(problems) => Failure {
                problems,
                code: exit::USAGE,
            },
            Unresolved::Trouble(error) => error.into(),
        }
    }
}

impl From<PortError> for Failure {
    fn from(error: PortError) -> Failure {
        vec![error].into()
    }
}

impl From<Vec<PortError>> for Failure {
    fn from(errors: Vec<PortError>) -> Failure {
        Failure {
            code: exit::of_trouble(&errors),
            problems: errors.into_iter().map(|error| error.what).collect(),
        }
    }
}

/// Runs the command.
pub fn run(args: &SubmitArgs) -> u8 {
    in_runtime("annexa", async {
        let code = tokio::select! {
            code = on_the_fleet(args) => code,
            _ = tokio::signal::ctrl_c() => Ok(exit::INTERRUPTED),
        };
        code.unwrap_or_else(|failure| {
            for problem in &failure.problems {
                eprintln!("annexa: {problem}");
            }
            failure.code
        })
    })
}

async fn on_the_fleet(args: &SubmitArgs) -> Result<u8, Failure> {
    let config = args.fleet.check().map_err(Unresolved::Refused)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let aws = AwsConfig::load(config.region.as_deref()).await;
    let setup = ResolverSetup::new(&config, aws.region()?);
    let fleet = Fleet::open(&config, &aws, clock.clone()).await?;
    let ports = IntakePorts {
        clock: clock.clone(),
        ledger: fleet.ledger.clone(),
        blobs: fleet.blobs.clone(),
        models: fleet.models.clone(),
        inbox: fleet.inbox.clone(),
        done: fleet.done.clone(),
    };
    let submitted = submit(args, ports, setup).await?;
    let id = &submitted.job_id;
    let mut out = std::io::stdout().lock();
    let printed = writeln!(out, "{id}").and_then(|()| out.flush());
    drop(out);
    printed.map_err(|error| Failure {
        problems: vec![format!(
            "job {id} is submitted; its id cannot be printed: {error}"
        )],
        code: exit::FAILED,
    })?;
    if !args.wait {
        return Ok(exit::OK);
    }
    wait(&*clock, &*fleet.ledger, id).await
}

/// Uploads what has to be, makes the job and says on stderr what became of it.
///
/// # Errors
/// All that is wrong; then nothing was begun.
pub async fn submit(
    args: &SubmitArgs,
    ports: IntakePorts,
    setup: ResolverSetup,
) -> Result<Submitted, Failure> {
    let (mut request, mut problems) = asked(args, &*ports.clock);
    let (clock, blobs) = (ports.clock.clone(), ports.blobs.clone());
    let mut file = None;
    if let Some(input) = &args.input {
        match upload::prepare(args, input, &request, &setup) {
            Ok(prepared) => {
                let at = &prepared.at;
                let other = |said: &Option<String>, is: &String| {
                    said.as_ref().is_some_and(|said| said != is)
                };
                if other(&request.input_bucket, &at.bucket) || other(&request.input_key, &at.key) {
                    problems.push(
                        "the spec names another input than the command: leave one of them out"
                            .to_string(),
                    );
                }
                request.input_bucket = Some(at.bucket.clone());
                request.input_key = Some(at.key.clone());
                file = prepared.file.map(|path| (path, prepared.at));
            }
            Err(more) => problems.extend(more),
        }
    } else if request.input().is_none() {
        problems.push(
            "nothing to submit: name a file, s3://BUCKET/KEY, or a spec with input_bucket and input_key"
                .to_string(),
        );
    }
    let intake = Intake::new(ports, setup);
    // All that is wrong at once, and before anything is uploaded.
    match intake.check(&request).await {
        Err(Unresolved::Refused(more)) => problems.extend(more),
        Err(trouble) => return Err(trouble.into()),
        Ok(()) => {}
    }
    if !problems.is_empty() {
        return Err(Unresolved::Refused(problems).into());
    }
    if let Some((path, at)) = file {
        upload::send(&*clock, &*blobs, &path, &at).await?;
    }
    let submitted = intake.submit(&request).await?;
    for warning in &submitted.warnings {
        eprintln!("annexa: warning: {warning}");
    }
    eprintln!("annexa: {}", sentence(&submitted));
    Ok(submitted)
}

/// What spec and flags ask for, and what is wrong with them.
fn asked(args: &SubmitArgs, clock: &dyn Clock) -> (JobRequest, Vec<String>) {
    let mut object = serde_json::Map::new();
    let mut problems = Vec::new();
    if let Some(path) = &args.spec {
        match read_spec(path) {
            Ok(spec) => object = spec,
            Err(problem) => problems.push(problem),
        }
    }
    // As fields of the spec, so that they are checked as those are.
    let mut say = |name: &str, value: Option<serde_json::Value>| {
        if let Some(value) = value {
            object.insert(name.to_string(), value);
        }
    };
    let text = |text: &Option<String>| text.clone().map(serde_json::Value::from);
    say(
        "problem_type",
        args.problem.map(|said| said.to_string().into()),
    );
    say("model_id", text(&args.model));
    say("batch_size", args.batch_size.map(Into::into));
    say("max_workers", args.max_workers.map(Into::into));
    say("rate_limit", args.rate_limit.map(Into::into));
    say(
        "max_cost_usd",
        args.max_cost_usd.map(|usd| usd.to_string().into()),
    );
    say("chunk_rows", args.chunk_rows.map(Into::into));
    say("id_column", text(&args.id_column));
    say("text_column", text(&args.text_column));
    say("encoding", text(&args.encoding));
    say("max_text_chars", args.max_text_chars.map(Into::into));
    say("review_below", args.review_below.map(Into::into));
    say(
        "second_opinion",
        args.second_opinion.map(|who| who.name().into()),
    );
    say("precedents", args.precedents.map(Into::into));
    let formats = args.forms.formats();
    let names: Vec<&str> = formats.iter().map(|format| format.name()).collect();
    say("formats", (!names.is_empty()).then(|| names.into()));
    say("no_text", args.no_text.then(|| true.into()));
    for (flag, address_of, names) in [
        ("--terms", &args.terms, ["imdrf_bucket", "imdrf_key"]),
        ("--corpus", &args.corpus, ["corpus_bucket", "corpus_key"]),
        ("--output", &args.output, ["output_bucket", "output_prefix"]),
    ] {
        let Some(said) = address_of else { continue };
        match address(said) {
            Some((bucket, key)) => {
                say(names[0], Some(bucket.into()));
                say(names[1], Some(key.into()));
            }
            None => problems.push(format!("{flag} is '{said}': s3://BUCKET/KEY expected")),
        }
    }
    let (mut request, more) = JobRequest::from_object(object);
    problems.extend(more);
    if args.again || args.fresh {
        request.again = Some(format!("{:016x}", clock.random()));
    }
    request.fresh = args.fresh;
    (request, problems)
}

fn read_spec(path: &Path) -> Result<serde_json::Map<String, serde_json::Value>, String> {
    let shown = path.display();
    let bytes = std::fs::read(path).map_err(|error| format!("--spec {shown}: {error}"))?;
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes);
    match serde_json::from_slice(bytes) {
        Ok(serde_json::Value::Object(object)) => Ok(object),
        Ok(_) => Err(format!("--spec {shown} is no JSON object")),
        Err(error) => Err(format!("--spec {shown}: {error}")),
    }
}

/// Bucket and key of `s3://BUCKET/KEY`.
fn address(text: &str) -> Option<(String, String)> {
    let (bucket, key) = text.strip_prefix("s3://")?.split_once('/')?;
    (!bucket.is_empty()).then(|| (bucket.to_string(), key.to_string()))
}

/// What became of a submission, in a sentence.
pub fn sentence(submitted: &Submitted) -> String {
    let id = &submitted.job_id;
    let Some(job) = &submitted.found else {
        return format!("job {id} is submitted");
    };
    if job.is_over() {
        return format!(
            "this is job {id}, which has ended ({}): its outputs are in {}; --again does the work anew",
            job.state(),
            job.spec.output("")
        );
    }
    let mut said = format!("this is job {id}, which is {} already", job.state());
    if let Some(now) = submitted.new_cap {
        let was = job.spec.max_cost_usd;
        let was = was.map_or("none".to_string(), |cap| format!("{cap} US dollars"));
        said.push_str(&format!(
            "; its cost cap is now {now} US dollars (was {was})"
        ));
    }
    match (&job.paused, submitted.new_cap.or(job.spec.max_cost_usd)) {
        (Some(PauseReason::CostCap), Some(cap)) => said.push_str(&format!(
            "; it stays paused: annexa resume {id} --max-cost-usd {cap}, or more"
        )),
        (Some(_), _) => said.push_str(&format!("; it stays paused: annexa resume {id}")),
        (None, _) => {}
    }
    said
}

/// Waits until the job is over or paused.
async fn wait(clock: &dyn Clock, ledger: &dyn Ledger, id: &JobId) -> Result<u8, Failure> {
    loop {
        let job = retry(clock, Backoff::STORAGE, || ledger.job(id)).await?;
        if let Some(job) = job {
            if job.is_over() {
                eprintln!(
                    "annexa: job {id} has ended ({}): its outputs are in {}",
                    job.state(),
                    job.spec.output("")
                );
                return Ok(code_of(&job));
            }
            if job.paused.is_some() {
                eprintln!("annexa: job {id} is paused; annexa status {id} says why");
                return Ok(exit::PAUSED);
            }
        }
        clock.sleep(LOOK_EVERY).await;
    }
}

fn code_of(job: &JobRecord) -> u8 {
    match &job.phase {
        Phase::Ended(End::Completed) => exit::OK,
        Phase::Ended(End::CompletedWithErrors) => exit::FAILED_ROWS,
        _ => exit::FAILED,
    }
}
