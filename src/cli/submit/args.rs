//! The flags of `annexa submit`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::forms::FormArgs;
use crate::config::FleetArgs;
use crate::core::money::NanoUsd;
use crate::core::opinion::SecondOpinion;
use crate::core::problem::ProblemType;

/// Submit a job to the fleet.
///
/// INPUT is a CSV of reports: a file, which is uploaded first, or an object (s3://BUCKET/KEY). Everything that --spec may
/// say can be said there; flags stand above it. Prints the job's id; submitted again, it is the same job. What it will cost
/// says annexa estimate.
#[derive(Debug, Clone, Args)]
pub struct SubmitArgs {
    /// The reports: a file, or s3://BUCKET/KEY [default: the spec's input]
    pub input: Option<String>,
    /// A job spec (JSON; see docs/INBOX.md)
    #[arg(long, value_name = "FILE")]
    pub spec: Option<PathBuf>,
    /// What to code: product, patient or both [default: both]
    #[arg(long, value_name = "TYPE")]
    pub problem: Option<ProblemType>,
    /// Who answers [default: DEFAULT_MODEL_ID, else the cheapest current model of the Region's geography]
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,
    /// Reports a call, 1 to 10
    #[arg(long, value_name = "N")]
    pub batch_size: Option<u64>,
    /// Calls in flight per worker process
    #[arg(long, value_name = "N")]
    pub max_workers: Option<u64>,
    /// Calls a second, fleet-wide
    #[arg(long, value_name = "RPS", allow_negative_numbers = true)]
    pub rate_limit: Option<f64>,
    /// Start no call past this cost; the job pauses, and a higher cap goes on
    #[arg(long, value_name = "USD")]
    pub max_cost_usd: Option<NanoUsd>,
    /// Rows a chunk
    #[arg(long, value_name = "N")]
    pub chunk_rows: Option<u64>,
    /// Column of the reports' ids
    #[arg(long, value_name = "COLUMN")]
    pub id_column: Option<String>,
    /// Column of the reports' texts
    #[arg(long, value_name = "COLUMN")]
    pub text_column: Option<String>,
    /// Encoding of the input, such as windows-1252
    #[arg(long, value_name = "LABEL")]
    pub encoding: Option<String>,
    /// Cut longer texts at a sentence and flag them
    #[arg(long, value_name = "N")]
    pub max_text_chars: Option<u64>,
    /// Mark rows for review whose primary code has a confidence under P
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    pub review_below: Option<f64>,
    /// Your own table of terms, as s3://BUCKET/KEY
    #[arg(long, value_name = "S3")]
    pub terms: Option<String>,
    /// Who else says a code for each row, in columns beside the model's: precedents, the offline model (free), or sample,
    /// the same model once more (costs as much again)
    #[arg(long, value_name = "WHO")]
    pub second_opinion: Option<SecondOpinion>,
    /// Show the model the N coded reports nearest to each report as examples, 0 to 20
    #[arg(long, value_name = "N")]
    pub precedents: Option<u64>,
    /// Your own coded reports, made by annexa corpus build, as s3://BUCKET/KEY [default: those that come with the program]
    #[arg(long, value_name = "S3")]
    pub corpus: Option<String>,
    /// Where results go, as s3://BUCKET/PREFIX/ [default: results/JOB_ID/ in the output bucket]
    #[arg(long, value_name = "S3")]
    pub output: Option<String>,
    /// Bucket that a file is uploaded to [default: the output bucket]
    #[arg(long, value_name = "BUCKET")]
    pub bucket: Option<String>,
    /// Prefix that a file is uploaded under; not in the inbox, where it would be a job of its own
    #[arg(long, value_name = "PREFIX", default_value = "uploads/")]
    pub prefix: String,
    /// Put no report text into report.html
    #[arg(long)]
    pub no_text: bool,
    /// Do the work anew, as another job (answers paid for before are used again)
    #[arg(long)]
    pub again: bool,
    /// As --again, and answers paid for before are not used: everything is paid anew
    #[arg(long)]
    pub fresh: bool,
    /// In which forms results are written besides CSV
    #[command(flatten)]
    pub forms: FormArgs,
    /// Wait for the job's end; the exit code says how it ended
    #[arg(long)]
    pub wait: bool,
    /// Where the fleet is
    #[command(flatten)]
    pub fleet: FleetArgs,
}
