//! `annexa verify`: recomputes what finished outputs claim.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Args;

use super::{exit, terms};
use crate::adapters::aws::config::AwsConfig;
use crate::adapters::aws::s3::S3Blobs;
use crate::adapters::local::clock::SystemClock;
use crate::adapters::local::files::FileBlobs;
use crate::core::spec::BlobRef;
use crate::outputs::{OWNER, Owner, read_json};
use crate::ports::Blobs;
use crate::verify::{Check, InputPlace, Place, Report, Store, Verdict, VerifyError, verify};

/// The folder of outputs and that of the input, as buckets.
const OUTPUTS: &str = "outputs";
const INPUT: &str = "input";

/// Check finished outputs: files, rows, codes, counts, costs
///
/// Recomputes what an auditor would: digests, rows against chunks and input, codes against the terms, counts and costs
/// against the summary. Changes nothing. Exit code 0: all that was checked holds; 1: something does not, or could not be read; 64:
/// there is nothing to check.
#[derive(Debug, Clone, Args)]
pub struct VerifyArgs {
    /// A folder of outputs, or s3://BUCKET/PREFIX/
    #[arg(value_name = "OUTPUTS")]
    pub place: String,
    /// The input that was coded [default: the file of its name beside the folder; in S3 the version that the job read]
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// The job's own table of terms, if it had one
    #[arg(long, value_name = "FILE")]
    pub terms: Option<PathBuf>,
    /// What could not be checked counts as failed: exit code 1
    #[arg(long)]
    pub strict: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Runs the command.
///
/// # Errors
/// There are no finished outputs, or a file that is named cannot be read.
pub fn run(args: &VerifyArgs, out: &mut dyn Write) -> anyhow::Result<u8> {
    let terms = match terms::open(args.terms.as_deref())? {
        Ok(table) => args.terms.is_some().then_some(table),
        Err(error) => bail!("--terms: {error}"),
    };
    if let Some(input) = &args.input {
        File::open(input).with_context(|| format!("--input {}", input.display()))?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let runtime = Arc::new(runtime);
    let at = match args.place.strip_prefix("s3://") {
        Some(address) => in_s3(args, address, &runtime)?,
        None => in_folder(args)?,
    };
    let place = Place {
        store: Store::new(at.blobs, Arc::new(SystemClock::new()), runtime),
        bucket: at.bucket,
        prefix: at.prefix,
        shown: args.place.clone(),
        input: at.input,
        terms,
    };
    let report = match verify(&place) {
        Ok(report) => report,
        Err(VerifyError::NoOutputs(what)) => bail!(what),
        Err(VerifyError::Port(error)) => {
            eprintln!("annexa: {} could not be checked: {error}", args.place);
            return Ok(exit::of_trouble(&[error]));
        }
    };
    match args.json {
        true => writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?,
        false => print(&report, args.strict, out)?,
    }
    Ok(match holds(&report, args.strict) {
        true => exit::OK,
        false => exit::FAILED,
    })
}

struct At {
    blobs: Arc<dyn Blobs>,
    bucket: String,
    prefix: String,
    input: InputPlace,
}

/// The folder of a file and its name in it.
fn split(path: &Path) -> anyhow::Result<(PathBuf, String)> {
    let path = path
        .canonicalize()
        .with_context(|| path.display().to_string())?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let folder = path.parent().unwrap_or(Path::new("/")).to_path_buf();
    Ok((folder, name.into_owned()))
}

fn in_folder(args: &VerifyArgs) -> anyhow::Result<At> {
    let folder = Path::new(&args.place);
    if !folder.is_dir() {
        bail!(
            "{} is no folder: name the one that annexa run has made, or s3://BUCKET/PREFIX/",
            args.place
        );
    }
    let (beside, input) = match &args.input {
        Some(path) => {
            let (folder, name) = split(path)?;
            (folder, InputPlace::Named(BlobRef::new(INPUT, name)))
        }
        None => {
            let (beside, _) = split(folder)?;
            // What job.json names may be anything; only a plain name is looked for.
            let key = read_json::<Owner>(&folder.join(OWNER)).map(|owner| owner.spec.input_key);
            let key = key.unwrap_or_default();
            let name = key.rsplit('/').next().unwrap_or_default().to_string();
            (beside, InputPlace::Perhaps(BlobRef::new(INPUT, name)))
        }
    };
    let roots = [
        (OUTPUTS.to_string(), folder.to_path_buf()),
        (INPUT.to_string(), beside),
    ];
    Ok(At {
        blobs: Arc::new(FileBlobs::new(roots)),
        bucket: OUTPUTS.to_string(),
        prefix: String::new(),
        input,
    })
}

fn in_s3(
    args: &VerifyArgs,
    address: &str,
    runtime: &tokio::runtime::Runtime,
) -> anyhow::Result<At> {
    if args.input.is_some() {
        bail!(
            "--input goes with a folder; of outputs in S3 the input is read where the job read it"
        );
    }
    let (bucket, prefix) = address.split_once('/').unwrap_or((address, ""));
    if bucket.is_empty() {
        bail!("'{}': s3://BUCKET/PREFIX/ expected", args.place);
    }
    let prefix = match prefix.is_empty() || prefix.ends_with('/') {
        true => prefix.to_string(),
        false => format!("{prefix}/"),
    };
    let aws = runtime.block_on(AwsConfig::load(None));
    aws.region()?;
    Ok(At {
        blobs: Arc::new(S3Blobs::new(&aws)),
        bucket: bucket.to_string(),
        prefix,
        input: InputPlace::OfSpec,
    })
}

/// Whether it holds as far as is asked: what was checked, or (`strict`) everything.
fn holds(report: &Report, strict: bool) -> bool {
    report.ok && !(strict && report.not_checked() > 0)
}

fn print(report: &Report, strict: bool, out: &mut dyn Write) -> std::io::Result<()> {
    for result in &report.checks {
        let verdict = match result.verdict {
            Verdict::Ok => "ok",
            Verdict::Failed => "FAILED",
            Verdict::NotChecked => "-",
        };
        let why = match result.verdict {
            Verdict::NotChecked => format!("not checked: {}", result.said),
            Verdict::Ok => result.said.clone(),
            Verdict::Failed => result.problems.first().cloned().unwrap_or_default(),
        };
        writeln!(out, "{verdict:<6}  {:<13}  {why}", result.check.name())?;
        for problem in result.problems.iter().skip(1) {
            writeln!(out, "{:<23}{problem}", "")?;
        }
        let more = result.problem_count - result.problems.len() as u64;
        if more > 0 {
            writeln!(out, "{:<23}and {more} more", "")?;
        }
    }
    let partial = match report.partial {
        true => " (of a job that was stopped: its rows are not all there)",
        false => "",
    };
    let place = &report.place;
    let left = match report.not_checked() {
        0 => String::new(),
        count => format!("; {count} of {} checks were not made", Check::ALL.len()),
    };
    match (report.ok, holds(report, strict)) {
        (true, true) => writeln!(out, "{place}: all that was checked holds{left}{partial}"),
        (true, false) => writeln!(out, "{place}: NOT all could be checked{left}{partial}"),
        (false, _) => writeln!(out, "{place}: NOT as the job wrote it{left}{partial}"),
    }
}
