//! The flags of `annexa run`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::forms::FormArgs;
use crate::cli::input::InputArgs;
use crate::config::WebhookArgs;
use crate::core::money::NanoUsd;
use crate::core::opinion::SecondOpinion;
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
    /// Who answers: precedents, the offline model, or the id of a Claude model on Amazon Bedrock (see annexa models)
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
    /// Your quota of tokens per minute for the model [default: not told; the run finds what is let through]
    #[arg(long, value_name = "N")]
    pub tokens_per_minute: Option<u64>,
    /// Your quota of requests per minute for the model [default: not told; the run finds what is let through]
    #[arg(long, value_name = "N")]
    pub requests_per_minute: Option<u64>,
    /// Start no call past this cost; the job pauses, and a higher cap goes on [default: no cap]
    #[arg(long, value_name = "USD")]
    pub max_cost_usd: Option<NanoUsd>,
    /// Cut longer texts at a sentence and flag them
    #[arg(long, value_name = "N", default_value_t = defaults::MAX_TEXT_CHARS)]
    pub max_text_chars: u32,
    /// The model's Region [default: AWS_REGION or your AWS profile's]
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    /// Your own facts on models (prices, quotas), over the built-in ones (see docs/MODELS.md)
    #[arg(long, value_name = "FILE")]
    pub models: Option<PathBuf>,
    /// Give a call up after so many seconds and try again
    #[arg(long, value_name = "S", default_value_t = 120)]
    pub call_timeout_s: u32,
    /// How the input is read
    #[command(flatten)]
    pub how: InputArgs,
    /// In which forms results are written besides CSV
    #[command(flatten)]
    pub forms: FormArgs,
    /// Mark rows for review whose primary code has a confidence under P, 0 to 1 [default: 0.4 for precedents, else none]
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    pub review_below: Option<f64>,
    /// Your own table of terms (CSV: code,term[,definition,...]) [default: IMDRF release 2025]
    #[arg(long, value_name = "FILE")]
    pub terms: Option<PathBuf>,
    /// Who else says a code for each row, in columns beside the model's: precedents, the offline model (free), or sample,
    /// the same model once more (costs as much again)
    #[arg(long, value_name = "WHO")]
    pub second_opinion: Option<SecondOpinion>,
    /// Show the model the N coded reports nearest to each report as examples, 0 to 20
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub precedents: u32,
    /// Your own coded reports, made by annexa corpus build [default: those that come with the program]
    #[arg(long, value_name = "FILE")]
    pub corpus: Option<PathBuf>,
    /// Where paid answers are kept and looked up [default: a file in your data folder]
    #[arg(long, value_name = "FILE")]
    pub answers: Option<PathBuf>,
    /// Do the work anew; earlier outputs in DIR are moved aside, not removed (answers paid for before are used again)
    #[arg(long)]
    pub again: bool,
    /// As --again, and answers paid for before are not used: everything is paid anew
    #[arg(long)]
    pub fresh: bool,
    /// Do not ask before spending more than one US dollar
    #[arg(long)]
    pub yes: bool,
    /// Print JSON instead of a table: summary.json, or the estimate
    #[arg(long)]
    pub json: bool,
    /// Show no report text on the screen, and put none into report.html
    #[arg(long)]
    pub no_text: bool,
    /// Who is told when the job ends
    #[command(flatten)]
    pub notify: WebhookArgs,
}
