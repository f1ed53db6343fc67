//! `annexa explain`: how one row came to its codes.

use std::io::Write;
use std::path::PathBuf;

use anyhow::bail;
use clap::Args;

use super::fleet::json;
use super::run::default_answers_file;
use super::{exit, named};
use crate::adapters::aws::bedrock::Wording;
use crate::adapters::local::precedents;
use crate::adapters::local::sqlite::SqliteAnswers;
use crate::adapters::models::is_offline;
use crate::catalog::ModelFacts;
use crate::coding::examples::ExamplesSetting;
use crate::core::ids::RowNo;
use crate::explain::assemble::{Given, answer_key, explain, stored};
use crate::explain::render::render;
use crate::explain::request::{Shown, Words};
use crate::explain::{Chunk, RowName, Stored, find};
use crate::outputs::Outputs;
use crate::ports::Answers;
use crate::ports::model::Request;
use crate::precedents::CodedReports;
use crate::terms::TermTable;

/// Show how a row came to its codes: who answered, the request as it was sent, the stored answer, checks, repairs and cost.
///
/// Calls nobody. The request is built again from the row's prompt version, terms and text; what cannot be known byte for byte
/// is said. Report text is shown unless --no-text is given.
#[derive(Debug, Clone, Args)]
pub struct ExplainArgs {
    /// The folder with the outputs of a job that has ended, or its results file
    pub results: PathBuf,
    /// The row's number, from 1 (the column row)
    #[arg(conflicts_with = "id")]
    pub row: Option<RowNo>,
    /// The first row with this id, in place of a number
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
    /// Where paid answers are kept [default: a file in your data folder, as of annexa run]
    #[arg(long, value_name = "FILE")]
    pub answers: Option<PathBuf>,
    /// The job's own table of terms, where it had one
    #[arg(long, value_name = "FILE")]
    pub terms: Option<PathBuf>,
    /// Your own facts on models, where the job had some
    #[arg(long, value_name = "FILE")]
    pub models: Option<PathBuf>,
    /// The job's own coded reports, where it had some
    #[arg(long, value_name = "FILE")]
    pub corpus: Option<PathBuf>,
    /// Show the whole system prompt, and the request's body as it was sent
    #[arg(long)]
    pub full: bool,
    /// Show no report text
    #[arg(long)]
    pub no_text: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

impl Words for Wording {
    fn prompt_version(&self) -> &str {
        Wording::prompt_version(self)
    }

    fn prefix_sha256(&self) -> &str {
        Wording::prefix_sha256(self)
    }

    fn body(&self, request: &Request) -> String {
        Wording::body(self, request)
    }
}

/// Runs the command. The answer is an exit code.
///
/// # Errors
/// There is no such folder, row or file; or `out` cannot be written.
pub fn run(args: &ExplainArgs, out: &mut dyn Write) -> anyhow::Result<u8> {
    let outputs = Outputs::open(&args.results)?;
    let name = match (&args.id, args.row) {
        (Some(id), _) => RowName::Id(id.clone()),
        (None, Some(row)) => RowName::Number(row),
        (None, None) => bail!("no row is named: give its number, or --id"),
    };
    let chunk = find(&outputs, &name)?;
    let terms = named::terms(args.terms.as_deref())?;
    let coded = coded(args, &outputs)?;
    let wording = wording(args, &outputs, &terms, coded.as_ref())?;
    // Not there in a folder that somebody has copied in part: then the price is not known.
    let summary = outputs.summary().ok();
    let explanation = explain(Given {
        outputs: &outputs,
        chunk: &chunk,
        terms: &terms,
        words: wording.as_ref().map(|wording| wording as &dyn Words),
        coded: coded.as_ref(),
        price: summary
            .as_ref()
            .and_then(|summary| summary.price_used.as_ref()),
        stored: look_up(args, &outputs, &chunk)?,
        shown: Shown {
            is_full: args.full,
            hides_text: args.no_text,
        },
    });
    match args.json {
        true => json(out, &explanation)?,
        false => out.write_all(render(&explanation).as_bytes())?,
    }
    Ok(exit::OK)
}

/// How the job's model is asked; none: it runs on this machine.
fn wording(
    args: &ExplainArgs,
    outputs: &Outputs,
    terms: &TermTable,
    coded: Option<&CodedReports>,
) -> anyhow::Result<Option<Wording>> {
    let spec = &outputs.owner().spec;
    if is_offline(&spec.model_id) {
        return Ok(None);
    }
    let catalog = super::models::open(args.models.as_deref())??;
    let facts = catalog.find(&spec.model_id).facts;
    let facts = facts.unwrap_or_else(|| ModelFacts::cautious(&spec.model_id));
    Ok(Some(Wording::new(
        &facts,
        terms,
        spec.problem_type,
        ExamplesSetting::of(spec.precedents, coded).as_ref(),
    )?))
}

/// The coded reports that the job showed as examples, if they are those that the program has, or that are named.
fn coded(args: &ExplainArgs, outputs: &Outputs) -> anyhow::Result<Option<CodedReports>> {
    let spec = &outputs.owner().spec;
    let coded = match &args.corpus {
        Some(path) => named::corpus(path)?,
        None if spec.precedents > 0 => CodedReports::builtin()?,
        None => return Ok(None),
    };
    // Others than the job's would make other examples, and pass for its own.
    let is_the_jobs = spec.corpus_sha256.as_deref() == Some(coded.sha256());
    Ok(Some(coded).filter(|_| is_the_jobs))
}

/// What is kept of the row's answer.
fn look_up(args: &ExplainArgs, outputs: &Outputs, chunk: &Chunk) -> anyhow::Result<Stored> {
    let no = |why: &str| Stored::No {
        why: why.to_string(),
    };
    let Some(key) = answer_key(outputs, chunk) else {
        return Ok(no("nobody was asked, so there is none"));
    };
    let is_free = outputs.owner().spec.model_id == precedents::MODEL_ID;
    if is_free && args.answers.is_none() {
        return Ok(no(
            "the offline model costs nothing, so its answers are not kept",
        ));
    }
    let path = match &args.answers {
        Some(path) => path.clone(),
        None => default_answers_file()?,
    };
    let place = path.display().to_string();
    let Some(answers) = SqliteAnswers::open_to_read(&path)? else {
        return Ok(no(&format!(
            "there is no {place}: name the file of the run with --answers (answers of a fleet are in its DynamoDB table, which is \
             not looked at)"
        )));
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let found = runtime.block_on(answers.get(&[key]))?.pop().flatten();
    Ok(stored(outputs, chunk, place, &key, found))
}
