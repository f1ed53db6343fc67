//! `annexa corpus`: builds an artifact of coded reports, a user's own or the one that comes with the program, and shows by cross-validation how good the model is.

mod build;
mod coded;
mod validate;

#[cfg(test)]
mod tests;

use clap::{Args, Subcommand};
use std::io::Write;
use std::path::PathBuf;

/// What can be done with the corpus of coded reports.
#[derive(Debug, Subcommand)]
pub enum CorpusCommand {
    /// Learn from coded reports and write the offline model's artifact
    Build(Box<BuildArgs>),
    /// Measure the offline model on reports it has not seen, split by text
    CrossValidate(ValidateArgs),
}

/// Learn from coded reports and write the artifact that --corpus takes.
///
/// CODED is a CSV with the columns id, mdr_text (or text), and product_problem_codes or patient_problem_codes or both (or
/// product_codes, patient_codes), ';' between codes, the primary one first. Instead of it: results with what a reviewer
/// decided (--reports results.csv --gold reviewed.csv; marked rows are left out), or a corpus file (--corpus).
#[derive(Debug, Args)]
pub struct BuildArgs {
    /// Your coded reports
    #[arg(value_name = "CODED", conflicts_with_all = ["corpus", "reports", "gold", "exclude"])]
    pub coded: Option<PathBuf>,
    /// Coded reports: a corpus file (id,text,product_codes,patient_codes,event_type), .zst or plain
    #[arg(long, value_name = "FILE", required_unless_present_any = ["reports", "coded"], conflicts_with_all = ["reports", "gold", "exclude"])]
    pub corpus: Option<PathBuf>,
    /// Reports as CSV with the columns id, mdr_text and, if there, event_type
    #[arg(long, value_name = "CSV", requires = "gold")]
    pub reports: Option<PathBuf>,
    /// The reports' codes: id, product_problem_codes, patient_problem_codes, ';' between codes
    #[arg(long, value_name = "CSV", requires = "reports")]
    pub gold: Option<PathBuf>,
    /// Reports (id, mdr_text) that must not be learnt from: they and all that share a text with them are left out
    #[arg(long, value_name = "CSV", requires = "reports")]
    pub exclude: Option<PathBuf>,
    /// Also write the corpus that was learnt from, as .csv.zst
    #[arg(long, value_name = "FILE", requires = "reports")]
    pub corpus_out: Option<PathBuf>,
    /// Also write how many reports carry each code or a code under it (code,reports)
    #[arg(long, value_name = "CSV")]
    pub counts_out: Option<PathBuf>,
    /// Learn from the reports that come with the program, too; of equal texts yours counts
    #[arg(long)]
    pub with_builtin: bool,
    /// Leave out codes that are not in the terms, instead of refusing them
    #[arg(long)]
    pub drop_unknown: bool,
    /// Your own table of terms, against which codes are checked [default: IMDRF release 2025]
    #[arg(long, value_name = "FILE")]
    pub terms: Option<PathBuf>,
    /// Column of the reports' ids in CODED or in the results [default: id]
    #[arg(long, value_name = "COLUMN")]
    pub id_column: Option<String>,
    /// Column of the reports' texts in CODED or in the results [default: mdr_text, else text]
    #[arg(long, value_name = "COLUMN")]
    pub text_column: Option<String>,
    /// Where to write the artifact
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// `annexa corpus cross-validate`
#[derive(Debug, Args)]
pub struct ValidateArgs {
    /// The corpus file, .zst or plain [default: the one that comes with the program]
    #[arg(long, value_name = "FILE")]
    pub corpus: Option<PathBuf>,
    /// Into how many parts the texts are split; each is coded by a model learnt from the others
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u8).range(2..=50))]
    pub folds: u8,
    /// Print one JSON object instead of tables
    #[arg(long)]
    pub json: bool,
}

/// Runs `command`, prints to `out`, gives the exit code.
///
/// # Errors
/// A file that cannot be read or written, or a corpus that cannot be learnt from.
pub fn run(command: CorpusCommand, out: &mut dyn Write) -> anyhow::Result<u8> {
    match command {
        CorpusCommand::Build(args) => build::run(&args, out)?,
        CorpusCommand::CrossValidate(args) => validate::run(&args, out)?,
    }
    Ok(0)
}
