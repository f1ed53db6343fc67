//! The flags of `annexa run`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::input::InputArgs;
use crate::core::problem::ProblemType;
use crate::core::spec::defaults;

/// Code a CSV of reports on this machine.
///
/// Reads INPUT (CSV with a header, plain, .gz or .zst), codes every row, and writes results.csv, failures.csv,
/// summary.json, report.html and manifest.json. Stopped halfway, the same command goes on; said again after the end, it
/// does nothing twice.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// The reports
    pub input: PathBuf,
    /// Where outputs go [default: INPUT's name without ending, plus "-annexa"]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// What to code: product, patient or both
    #[arg(long, value_name = "TYPE", default_value = "both")]
    pub problem: ProblemType,
    /// Who answers: precedents, the offline model (models on Bedrock come with a later version)
    #[arg(long, value_name = "MODEL", default_value = crate::adapters::local::precedents::MODEL_ID)]
    pub model: String,
    /// Reports a call, 1 to 10
    #[arg(long, value_name = "N", default_value_t = defaults::BATCH_SIZE)]
    pub batch_size: u32,
    /// Calls in flight at most
    #[arg(long, value_name = "N", default_value_t = defaults::MAX_WORKERS)]
    pub max_workers: u32,
    /// Calls a second at most [default: no limit of its own]
    #[arg(long, value_name = "RPS", allow_negative_numbers = true)]
    pub rate_limit: Option<f64>,
    /// How the input is read
    #[command(flatten)]
    pub how: InputArgs,
    /// Mark rows for review whose primary code has a confidence under P, 0 to 1 [default: 0.4 for precedents, else none]
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    pub review_below: Option<f64>,
    /// Your own table of terms (CSV: code,term[,definition,...]) [default: IMDRF release 2025]
    #[arg(long, value_name = "FILE")]
    pub terms: Option<PathBuf>,
    /// Where paid answers are kept and looked up [default: a file in your data folder]
    #[arg(long, value_name = "FILE")]
    pub answers: Option<PathBuf>,
    /// Do the work anew; earlier outputs in DIR are moved aside, not removed (answers paid for before are used again)
    #[arg(long)]
    pub again: bool,
    /// Print summary.json at the end instead of a table
    #[arg(long)]
    pub json: bool,
    /// Show no report text on the screen
    #[arg(long)]
    pub no_text: bool,
}
