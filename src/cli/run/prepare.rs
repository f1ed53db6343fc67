//! Everything that can be known to be wrong is said at once, before any work: flags, terms, input, folder.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use super::args::RunArgs;
use super::folder::{self, OutputFolder, Owner};
use super::models;
use crate::adapters::local::clock::SystemClock;
use crate::adapters::local::files::FileBlobs;
use crate::cli::exit;
use crate::core::identity::{differences, job_id};
use crate::core::ids::JobId;
use crate::core::spec::{BlobRef, JobSpec, defaults};
use crate::ports::{Blobs, Clock};
use crate::records;
use crate::terms::TermTable;

/// Names of the buckets of a run on one machine.
const INPUT_BUCKET: &str = "input";
const OUTPUT_BUCKET: &str = "output";
const TERMS_BUCKET: &str = "terms";

/// Why a run does not start.
pub struct Refusal {
    /// What is wrong, each with what to do.
    pub problems: Vec<String>,
    /// The exit code.
    pub code: u8,
}

impl Refusal {
    fn usage(problems: Vec<String>) -> Refusal {
        Refusal {
            problems,
            code: exit::USAGE,
        }
    }

    fn one(problem: impl std::fmt::Display) -> Refusal {
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
}

/// Checks everything and takes the folder.
pub async fn prepare(args: &RunArgs) -> Result<Prepared, Refusal> {
    let mut problems = flags(args);
    let terms_sha256 = match terms(args) {
        Ok(terms) => terms.sha256_hex(),
        Err(more) => {
            problems.extend(more);
            String::new()
        }
    };
    problems.extend(look_at_input(args).err());
    if !problems.is_empty() {
        return Err(Refusal::usage(problems));
    }
    let out = args
        .out
        .clone()
        .unwrap_or_else(|| folder::default_for(&args.input));
    let folder = OutputFolder::open(&out).map_err(|error| Refusal::one(format!("{error:#}")))?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let blobs = buckets(args, folder.path()).map_err(Refusal::one)?;
    let mut spec = spec(args, &blobs, terms_sha256).await?;
    own_folder(args, &folder, &mut spec, &*clock)?;
    let info =
        models::info(&args.model).ok_or_else(|| Refusal::one(models::unknown(&args.model)))?;
    let answers = match (&args.answers, info.is_paid) {
        (Some(file), _) => Some(file.clone()),
        (None, true) => {
            Some(default_answers().map_err(|error| Refusal::one(format!("{error:#}")))?)
        }
        (None, false) => None,
    };
    Ok(Prepared {
        job_id: job_id(&spec),
        spec,
        folder,
        blobs,
        answers,
        clock,
    })
}

fn flags(args: &RunArgs) -> Vec<String> {
    let mut problems = Vec::new();
    if !(1..=10).contains(&args.batch_size) {
        problems.push(format!(
            "--batch-size is {}: 1 to 10 reports a call are allowed",
            args.batch_size
        ));
    }
    if !(1..=10_000).contains(&args.max_workers) {
        problems.push(format!(
            "--max-workers is {}: 1 to 10000 calls in flight are allowed",
            args.max_workers
        ));
    }
    problems.extend(args.how.problems());
    if let Some(rate) = args.rate_limit
        && !(rate.is_finite() && rate > 0.0)
    {
        problems.push(format!(
            "--rate-limit is {rate}: a positive number of calls a second is expected"
        ));
    }
    if let Some(below) = args.review_below
        && !(0.0..=1.0).contains(&below)
    {
        problems.push(format!(
            "--review-below is {below}: a confidence between 0 and 1 is expected"
        ));
    }
    if models::info(&args.model).is_none() {
        problems.push(models::unknown(&args.model));
    }
    problems
}

fn terms(args: &RunArgs) -> Result<Arc<TermTable>, Vec<String>> {
    let Some(path) = &args.terms else {
        return Ok(TermTable::builtin());
    };
    let bytes = std::fs::read(path)
        .map_err(|error| vec![format!("--terms {}: {error}", path.display())])?;
    match TermTable::from_csv_bytes(&path.display().to_string(), &bytes) {
        Ok(table) => {
            for warning in table
                .warnings()
                .iter()
                .chain(&models::warnings(&args.model, &table))
            {
                eprintln!("annexa: warning: {warning}");
            }
            Ok(Arc::new(table))
        }
        Err(error) => Err(vec![format!("--terms: {error}")]),
    }
}

/// The head of the input, so that a file that cannot be read as reports is refused before a folder is made for it.
fn look_at_input(args: &RunArgs) -> Result<(), String> {
    let shown = args.input.display();
    let file = File::open(&args.input).map_err(|error| format!("{shown}: {error}"))?;
    let metadata = file
        .metadata()
        .map_err(|error| format!("{shown}: {error}"))?;
    if metadata.is_dir() {
        return Err(format!("{shown} is a folder: name a CSV file"));
    }
    if !metadata.is_file() {
        return Err(format!(
            "{shown} is no regular file: a run reads its input more than once; write it to a file first"
        ));
    }
    records::open(file, &args.how.options())
        .map(drop)
        .map_err(|error| format!("{shown}: {error}"))
}

/// The folders behind the buckets.
fn buckets(args: &RunArgs, out: &std::path::Path) -> Result<FileBlobs, String> {
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
    Ok(FileBlobs::new(roots))
}

async fn spec(args: &RunArgs, blobs: &FileBlobs, terms_sha256: String) -> Result<JobSpec, Refusal> {
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
    let info =
        models::info(&args.model).ok_or_else(|| Refusal::one(models::unknown(&args.model)))?;
    Ok(JobSpec {
        input_bucket: input.bucket,
        input_key: input.key,
        input_version: head.etag,
        output_bucket: OUTPUT_BUCKET.to_string(),
        output_prefix: String::new(),
        model_id: info.model_id,
        problem_type: args.problem,
        batch_size: args.batch_size,
        max_workers: args.max_workers,
        rate_limit: args.rate_limit,
        imdrf_bucket: args.terms.as_ref().map(|_| TERMS_BUCKET.to_string()),
        imdrf_key: args.terms.as_deref().map(name),
        terms_sha256,
        prompt_version: info.prompt_version,
        chunk_rows: args.how.chunk_rows,
        id_column: args.how.id_column.clone(),
        text_column: args.how.text_column.clone(),
        encoding: args.how.encoding.clone(),
        max_text_chars: defaults::MAX_TEXT_CHARS,
        max_record_bytes: defaults::MAX_RECORD_BYTES,
        review_below: args
            .review_below
            .or_else(|| models::default_review_below(&args.model)),
        again: None,
    })
}

/// Makes sure that the folder is this job's: it is nobody's, or it is the same job's, or `--again` clears it.
fn own_folder(
    args: &RunArgs,
    folder: &OutputFolder,
    spec: &mut JobSpec,
    clock: &dyn Clock,
) -> Result<(), Refusal> {
    let shown = folder.path().display();
    let owner = folder
        .owner()
        .map_err(|error| Refusal::one(format!("{error:#}")))?;
    if args.again
        && !owner
            .as_ref()
            .is_some_and(|owner| is_unfinished_again(owner, folder, spec))
    {
        spec.again = Some(format!("{:016x}", clock.random()));
        if owner.is_some() {
            let aside = folder
                .move_aside()
                .map_err(|error| Refusal::one(format!("{error:#}")))?;
            eprintln!("earlier outputs are in {}", aside.display());
            return Ok(());
        }
    }
    let Some(owner) = owner else {
        return folder
            .take()
            .map_err(|error| Refusal::one(format!("{error:#}")));
    };
    // A job that was made by --again stays the same job when it is gone on with.
    spec.again.clone_from(&owner.spec.again);
    if owner.job_id == job_id(spec) {
        return Ok(());
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

/// Paid answers outlive jobs and folders: they are kept with the user's data.
fn default_answers() -> anyhow::Result<PathBuf> {
    use etcetera::BaseStrategy;
    let strategy = etcetera::choose_base_strategy().map_err(|error| {
        anyhow::anyhow!("your data folder is not known ({error}): name a file with --answers")
    })?;
    let folder = strategy.data_dir().join("annexa");
    std::fs::create_dir_all(&folder).map_err(|error| {
        anyhow::anyhow!(
            "cannot make {}: {error}; name a file with --answers",
            folder.display()
        )
    })?;
    Ok(folder.join("answers.sqlite"))
}
