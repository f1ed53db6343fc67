//! From flags to a run that may start: everything checked, its cost said, its folder taken.

use std::path::PathBuf;
use std::sync::Arc;

use super::args::RunArgs;
use super::check::{Checked, check};
use super::consent;
use super::folder::{self, OutputFolder, Owner};
use super::meter::{Meter, MeteredModel};
use super::models;
use crate::adapters::local::clock::SystemClock;
use crate::adapters::local::files::FileBlobs;
use crate::adapters::webhook::Webhook;
use crate::cli::exit;
use crate::config::WebhookConfig;
use crate::core::identity::{differences, job_id};
use crate::core::ids::JobId;
use crate::core::spec::{BlobRef, JobSpec, defaults};
use crate::ports::model::ModelInfo;
use crate::ports::{Blobs, Clock, Model, Notifier};
use crate::precedents::CodedReports;
use crate::terms::TermTable;

/// Names of the buckets of a run on one machine.
const INPUT_BUCKET: &str = "input";
const OUTPUT_BUCKET: &str = "output";
const TERMS_BUCKET: &str = "terms";
const CORPUS_BUCKET: &str = "corpus";

/// Why a run does not start.
pub struct Refusal {
    /// What is wrong, each with what to do.
    pub problems: Vec<String>,
    /// The exit code.
    pub code: u8,
}

impl Refusal {
    pub(super) fn usage(problems: Vec<String>) -> Refusal {
        Refusal {
            problems,
            code: exit::USAGE,
        }
    }

    pub(super) fn one(problem: impl std::fmt::Display) -> Refusal {
        Refusal::usage(vec![problem.to_string()])
    }
}

/// A run that may start.
pub struct Prepared {
    /// The job.
    pub job_id: JobId,
    /// Its spec.
    pub spec: JobSpec,
    /// Where its outputs go, locked.
    pub folder: OutputFolder,
    /// Input, outputs and terms.
    pub blobs: FileBlobs,
    /// Where paid answers are; none: the model costs nothing and no file was named.
    pub answers: Option<PathBuf>,
    /// The clock of the process.
    pub clock: Arc<dyn Clock>,
    /// Who answers.
    pub model: Arc<dyn Model>,
    /// Counts what a paid model's answers take; none: it costs nothing, or nothing is left to do.
    pub meter: Option<Arc<Meter>>,
    /// Who is told when the job ends.
    pub notifiers: Vec<Arc<dyn Notifier>>,
}

/// Checks everything, says what it will cost and asks if need be, and takes the folder.
pub async fn prepare(args: &RunArgs) -> Result<Prepared, Refusal> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let Checked {
        terms,
        coded,
        model,
        webhook,
    } = check(args, &clock).await.map_err(Refusal::usage)?;
    let coded = coded.as_ref();
    let notifiers = notifiers(webhook, &clock)?;
    let out = args
        .out
        .clone()
        .unwrap_or_else(|| folder::default_for(&args.input));
    let folder = OutputFolder::open(&out).map_err(|error| Refusal::one(format!("{error:#}")))?;
    let blobs = buckets(args, folder.path()).map_err(Refusal::one)?;
    let info = model.info();
    let mut spec = spec(args, &blobs, &terms, coded, info).await?;
    let claim = claim_of(args, &folder, &mut spec, &*clock)?;
    let answers = answers(args, info)?;
    let mut metered = None;
    if info.is_paid && claim != FolderClaim::IsDone {
        let consent = consent::ask(args, &spec, info, coded, answers.as_deref()).await;
        let workload = consent.map_err(|problem| {
            folder.leave();
            Refusal::one(problem)
        })?;
        let problems = spec.problem_type.problems().len();
        metered = Some(MeteredModel::new(model.clone(), workload, problems));
    }
    match claim {
        FolderClaim::New => folder.take(),
        FolderClaim::Again => folder
            .move_aside()
            .map(|aside| eprintln!("earlier outputs are in {}", aside.display())),
        FolderClaim::GoesOn | FolderClaim::IsDone => Ok(()),
    }
    .map_err(|error| Refusal::one(format!("{error:#}")))?;
    let meter = metered.as_ref().map(MeteredModel::meter);
    Ok(Prepared {
        job_id: job_id(&spec),
        spec,
        folder,
        blobs,
        answers,
        clock,
        model: metered.map_or(model.clone(), |metered| Arc::new(metered)),
        meter,
        notifiers,
    })
}

/// Who is told when the job ends.
fn notifiers(
    webhook: Option<WebhookConfig>,
    clock: &Arc<dyn Clock>,
) -> Result<Vec<Arc<dyn Notifier>>, Refusal> {
    let Some(WebhookConfig { url, secret }) = webhook else {
        return Ok(Vec::new());
    };
    let webhook = Webhook::new(url, secret, clock.clone()).map_err(Refusal::one)?;
    Ok(vec![Arc::new(webhook)])
}

/// Where paid answers are; none: the model costs nothing and no file was named.
pub fn answers(args: &RunArgs, info: &ModelInfo) -> Result<Option<PathBuf>, Refusal> {
    match (&args.answers, info.is_paid) {
        (Some(file), _) => Ok(Some(file.clone())),
        (None, true) => default_answers()
            .map(Some)
            .map_err(|error| Refusal::one(format!("{error:#}"))),
        (None, false) => Ok(None),
    }
}

/// The folders behind the buckets.
pub fn buckets(args: &RunArgs, out: &std::path::Path) -> Result<FileBlobs, String> {
    let parent = |path: &std::path::Path| {
        let parent = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        parent.map_or_else(|| PathBuf::from("."), PathBuf::from)
    };
    let input = args
        .input
        .canonicalize()
        .map_err(|error| format!("{}: {error}", args.input.display()))?;
    let mut roots = vec![
        (INPUT_BUCKET.to_string(), parent(&input)),
        (OUTPUT_BUCKET.to_string(), out.to_path_buf()),
    ];
    if let Some(terms) = &args.terms {
        roots.push((TERMS_BUCKET.to_string(), parent(terms)));
    }
    if let Some(corpus) = &args.corpus {
        roots.push((CORPUS_BUCKET.to_string(), parent(corpus)));
    }
    Ok(FileBlobs::new(roots))
}

/// What is asked, with all defaults filled in.
pub async fn spec(
    args: &RunArgs,
    blobs: &FileBlobs,
    terms: &TermTable,
    coded: Option<&CodedReports>,
    info: &ModelInfo,
) -> Result<JobSpec, Refusal> {
    let name = |path: &std::path::Path| {
        path.file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    // The link's target, if it is one: that is the file whose version is pinned.
    let input = args.input.canonicalize().map_err(Refusal::one)?;
    let input = BlobRef::new(INPUT_BUCKET, name(&input));
    let head = blobs.head(&input).await.map_err(Refusal::one)?;
    let head = head.ok_or_else(|| Refusal::one(format!("{} is gone", args.input.display())))?;
    Ok(JobSpec {
        input_bucket: input.bucket,
        input_key: input.key,
        input_version: head.etag,
        output_bucket: OUTPUT_BUCKET.to_string(),
        output_prefix: String::new(),
        model_id: info.model_id.clone(),
        problem_type: args.problem,
        batch_size: args.batch_size,
        max_workers: args.max_workers,
        rate_limit: args.rate_limit,
        tokens_per_minute: args.tokens_per_minute,
        requests_per_minute: args.requests_per_minute,
        max_cost_usd: args.max_cost_usd,
        imdrf_bucket: args.terms.as_ref().map(|_| TERMS_BUCKET.to_string()),
        imdrf_key: args.terms.as_deref().map(name),
        imdrf_version: None,
        terms_sha256: terms.sha256_hex(),
        prompt_version: info.prompt_version.clone(),
        chunk_rows: args.how.chunk_rows,
        id_column: args.how.id_column.clone(),
        text_column: args.how.text_column.clone(),
        encoding: args.how.encoding.clone(),
        max_text_chars: args.max_text_chars,
        max_record_bytes: defaults::MAX_RECORD_BYTES,
        review_below: args
            .review_below
            .or_else(|| models::default_review_below(&args.model)),
        again: None,
        fresh: args.fresh,
        second_opinion: args.second_opinion,
        precedents: args.precedents,
        corpus_bucket: args.corpus.as_ref().map(|_| CORPUS_BUCKET.to_string()),
        corpus_key: args.corpus.as_deref().map(name),
        corpus_version: None,
        corpus_sha256: coded.map(|coded| coded.sha256().to_string()),
        formats: args.forms.formats(),
        no_text: args.no_text,
    })
}

/// How a job comes to its folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FolderClaim {
    /// Nobody has it.
    New,
    /// Earlier outputs are moved aside first.
    Again,
    /// The job goes on.
    GoesOn,
    /// The job is over.
    IsDone,
}

/// Makes sure that the folder is this job's, or may become so: it is nobody's, or it is the same job's, or `--again` clears
/// it. Changes nothing but the spec: a job that was made by `--again` stays the same job when it is gone on with.
fn claim_of(
    args: &RunArgs,
    folder: &OutputFolder,
    spec: &mut JobSpec,
    clock: &dyn Clock,
) -> Result<FolderClaim, Refusal> {
    let shown = folder.path().display();
    let owner = folder
        .owner()
        .map_err(|error| Refusal::one(format!("{error:#}")))?;
    let goes_on = owner
        .as_ref()
        .is_some_and(|owner| is_unfinished_again(owner, folder, spec));
    if (args.again || args.fresh) && !goes_on {
        spec.again = Some(format!("{:016x}", clock.random()));
        if owner.is_some() {
            return Ok(FolderClaim::Again);
        }
    }
    let Some(owner) = owner else {
        return Ok(FolderClaim::New);
    };
    spec.again.clone_from(&owner.spec.again);
    // Said once is enough: it belongs to the job.
    spec.fresh |= owner.spec.fresh && !args.again;
    if owner.job_id == job_id(spec) {
        return Ok(match folder.path().join("manifest.json").exists() {
            true => FolderClaim::IsDone,
            false => FolderClaim::GoesOn,
        });
    }
    Err(Refusal::one(format!(
        "{shown} holds another job ({}), which differs in: {}; name another folder with --out, or say --again to move \
         its outputs aside and begin anew",
        owner.job_id,
        differences(&owner.spec, spec).join(", ")
    )))
}

/// Whether the folder holds this very job, begun by `--again` and not ended: then the same command goes on with it, and
/// does not begin a third time.
fn is_unfinished_again(owner: &Owner, folder: &OutputFolder, spec: &JobSpec) -> bool {
    let again = JobSpec {
        again: owner.spec.again.clone(),
        ..spec.clone()
    };
    let is_ended = folder.path().join("manifest.json").exists();
    owner.spec.again.is_some() && owner.job_id == job_id(&again) && !is_ended
}

/// Paid answers outlive jobs and folders: they are kept with the user's data. Its folder may not be there yet.
pub fn default_answers_file() -> anyhow::Result<PathBuf> {
    use etcetera::BaseStrategy;
    let strategy = etcetera::choose_base_strategy().map_err(|error| {
        anyhow::anyhow!("your data folder is not known ({error}): name a file with --answers")
    })?;
    Ok(strategy.data_dir().join("annexa").join("answers.sqlite"))
}

fn default_answers() -> anyhow::Result<PathBuf> {
    let file = default_answers_file()?;
    let folder = file.parent().unwrap_or(&file);
    std::fs::create_dir_all(folder).map_err(|error| {
        anyhow::anyhow!(
            "cannot make {}: {error}; name a file with --answers",
            folder.display()
        )
    })?;
    Ok(file)
}
