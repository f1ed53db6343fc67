//! What can be known to be wrong before any work: flags, terms, input, model. All of it at once.

use std::fs::File;
use std::sync::Arc;

use super::args::RunArgs;
use super::models;
use crate::adapters::models::Opened;
use crate::cli::named;
use crate::coding::opinion::{Asked, Names};
use crate::config::WebhookConfig;
use crate::core::opinion::uses_coded_reports;
use crate::ports::{Clock, Model};
use crate::precedents::CodedReports;
use crate::records;
use crate::terms::TermTable;

/// What the flags name, looked at and found good.
pub struct Checked {
    /// The terms.
    pub terms: Arc<TermTable>,
    /// The coded reports that the job uses besides or behind its model; none: it uses none, or the offline model's built-in
    /// ones.
    pub coded: Option<CodedReports>,
    /// The model.
    pub model: Arc<dyn Model>,
    /// Who is told when the job ends.
    pub webhook: Option<WebhookConfig>,
}

/// Checks everything that a run and an estimate need, and says what the user should know of the model first.
///
/// # Errors
/// All that is wrong, each with what to do.
pub async fn check(args: &RunArgs, clock: &Arc<dyn Clock>) -> Result<Checked, Vec<String>> {
    let mut problems = flags(args);
    let terms = terms(args).unwrap_or_else(|more| {
        problems.extend(more);
        TermTable::builtin()
    });
    problems.extend(look_at_input(args).err());
    let webhook = args.notify.check().unwrap_or_else(|more| {
        problems.extend(more);
        None
    });
    let coded = corpus(args).unwrap_or_else(|problem| {
        problems.push(problem);
        None
    });
    let model = match models::open(args, &terms, clock, coded.as_ref()).await {
        Ok(model) => Some(model),
        Err(more) => {
            problems.extend(more);
            None
        }
    };
    if let Some(model) = &model {
        let info = model.model.info();
        let asked = Asked {
            second_opinion: args.second_opinion,
            examples: args.precedents,
            own_corpus: coded.as_ref().filter(|_| args.corpus.is_some()),
            problem_type: args.problem,
        };
        problems.extend(asked.problems(info, &Names::FLAGS));
        if args.max_cost_usd.is_some() && info.is_paid && info.price.is_none() {
            problems.push(format!(
                "--max-cost-usd cannot be kept: the price of {} is not known; give it in a models file (--models)",
                info.model_id
            ));
        }
    }
    match model {
        Some(Opened { model, notes }) if problems.is_empty() => {
            for note in notes {
                eprintln!("annexa: {note}");
            }
            Ok(Checked {
                terms,
                coded,
                model,
                webhook,
            })
        }
        _ => Err(problems),
    }
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
    let is_none = |limit: Option<u64>| limit == Some(0);
    if is_none(args.tokens_per_minute) {
        problems.push("--tokens-per-minute is 0: nothing could ever be asked".to_string());
    }
    if is_none(args.requests_per_minute) {
        problems.push("--requests-per-minute is 0: nothing could ever be asked".to_string());
    }
    if args.max_text_chars == 0 {
        problems.push("--max-text-chars is 0: nothing of a text would be sent".to_string());
    }
    if args.call_timeout_s == 0 {
        problems.push("--call-timeout-s is 0: no call could be answered".to_string());
    }
    problems
}

fn terms(args: &RunArgs) -> Result<Arc<TermTable>, Vec<String>> {
    let table = named::terms(args.terms.as_deref());
    let table = table.map_err(|error| vec![format!("{error:#}")])?;
    if args.terms.is_some() {
        let of_model = models::warnings(&args.model, &table);
        for warning in table.warnings().iter().chain(&of_model) {
            eprintln!("annexa: warning: {warning}");
        }
    }
    Ok(table)
}

/// The coded reports that the job uses.
fn corpus(args: &RunArgs) -> Result<Option<CodedReports>, String> {
    if let Some(path) = &args.corpus {
        let coded = named::corpus(path).map(Some);
        return coded.map_err(|error| format!("{error:#}"));
    }
    match uses_coded_reports(args.second_opinion, args.precedents) {
        true => CodedReports::builtin()
            .map(Some)
            .map_err(|error| error.to_string()),
        false => Ok(None),
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
