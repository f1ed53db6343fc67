//! `annexa review`: a person walks the rows that need one, on the terminal.

mod list;
mod screen;

use std::collections::BTreeSet;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Args;

use super::{exit, named};
use crate::core::ids::RowNo;
use crate::core::outcome::ReviewReason;
use crate::outputs::Outputs;
use crate::precedents::Precedents;
use crate::review::{DecisionLog, Job, Pick, Pin, Session, Verdict, Walk};
use crate::terms::TermTable;

/// Read the rows that need a person, and accept or change their codes
///
/// Shows each with its evidence marked, the suggested codes and the nearest coded reports. Decisions are kept in reviewed.csv
/// beside the results, which are never changed; the same command goes on where it was left. annexa evaluate takes reviewed.csv
/// as gold.
#[derive(Debug, Clone, Args)]
pub struct ReviewArgs {
    /// The folder of outputs, or the results.csv in it
    pub folder: PathBuf,
    /// Who reviews [default: the user's name]
    #[arg(long, value_name = "NAME", env = "ANNEXA_REVIEWER")]
    pub reviewer: Option<String>,
    /// Walk every row, not only those with a reason for review
    #[arg(long)]
    pub all: bool,
    /// Only rows with this reason, such as low_confidence; may be given several times
    #[arg(long, value_name = "NAME", value_parser = reason)]
    pub reason: Vec<ReviewReason>,
    /// Only rows that were marked to come back to
    #[arg(long)]
    pub marked: bool,
    /// Begin at this row
    #[arg(long, value_name = "N")]
    pub row: Option<RowNo>,
    /// The terms file that the results were coded with, if not the built-in release
    #[arg(long, value_name = "FILE")]
    pub terms: Option<PathBuf>,
    /// Coded reports to show beside, if not those that come with the program (annexa corpus build)
    #[arg(long, value_name = "FILE")]
    pub corpus: Option<PathBuf>,
    /// Print the rows with reasons and decisions, without any text, and end
    #[arg(long)]
    pub list: bool,
    /// With --list: a line of JSON for each row
    #[arg(long, requires = "list")]
    pub json: bool,
}

fn reason(name: &str) -> Result<ReviewReason, String> {
    let mut all = ReviewReason::ALL.into_iter();
    all.find(|reason| reason.name() == name).ok_or_else(|| {
        let names = ReviewReason::ALL.map(ReviewReason::name);
        format!("expected one of {}", names.join(", "))
    })
}

impl ReviewArgs {
    fn pick(&self) -> Pick {
        Pick {
            all: self.all,
            reasons: self.reason.iter().copied().collect::<BTreeSet<_>>(),
            marked: self.marked,
        }
    }
}

/// Runs the command. The answer is an exit code.
///
/// # Errors
/// The folder, a file or a flag cannot be used, or the terminal cannot; says what to do.
pub fn run(args: &ReviewArgs, out: &mut dyn Write) -> anyhow::Result<u8> {
    let outputs = Outputs::open_unchanged(&args.folder)?;
    if args.list {
        list::run(args, &outputs, out)?;
        return Ok(exit::OK);
    }
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        bail!(
            "review needs a terminal for its screen, and here is none: run it in one, or print the rows with --list"
        );
    }
    let reviewer = reviewer(
        args.reviewer.as_deref(),
        std::env::var("USER").ok().as_deref(),
    )?;
    let terms = own_terms(args, &outputs)?;
    let pin = Pin::of(&outputs)?;
    let log = DecisionLog::open(outputs.folder(), &pin)?;
    let newest = log.newest();
    let walk = Walk::of(&outputs, &args.pick(), |row| {
        newest.verdict(row) == Some(Verdict::Marked)
    })?;
    if walk.stops().is_empty() {
        writeln!(
            out,
            "no row of {} is to be reviewed{}",
            args.folder.display(),
            hint(args)
        )?;
        return Ok(exit::OK);
    }
    let from = match args.row {
        None => None,
        Some(row) => Some(walk.find(row).with_context(|| {
            format!(
                "--row {row} is not among the {} rows to review{}",
                walk.stops().len(),
                hint(args)
            )
        })?),
    };
    let (precedents, named) = precedents(args, &outputs)?;
    let job = Job {
        id: outputs.owner().job_id.to_string(),
        reviewer: reviewer.clone(),
        precedents: named,
    };
    let session = Session::new(job, terms, walk, from, log.newest());
    let ran = screen::run(session, log, &outputs, &precedents, reviewer);
    let (summary, code) = ran.map_err(exit::begun)?;
    writeln!(out, "{summary}")?;
    Ok(code)
}

fn hint(args: &ReviewArgs) -> &'static str {
    match args.all {
        true => "",
        false => " (--all walks every row)",
    }
}

/// Who reviews: the flag or its variable, else the user's name.
fn reviewer(named: Option<&str>, user: Option<&str>) -> anyhow::Result<String> {
    let given = named
        .or(user)
        .map(str::trim)
        .filter(|name| !name.is_empty());
    match given {
        None => bail!("who reviews is not known: say it with --reviewer NAME (ANNEXA_REVIEWER)"),
        Some(name) if name.contains(char::is_control) => {
            bail!("--reviewer holds a line end or another control character: give a plain name")
        }
        Some(name) => Ok(name.to_string()),
    }
}

/// The terms that the results were coded with.
fn own_terms(args: &ReviewArgs, outputs: &Outputs) -> anyhow::Result<Arc<TermTable>> {
    let table = named::terms(args.terms.as_deref())?;
    let spec = &outputs.owner().spec;
    if table.sha256_hex() != spec.terms_sha256 {
        let own = match (&args.terms, spec.terms()) {
            (Some(file), _) => format!(
                "{} holds other terms than the results were coded with",
                file.display()
            ),
            (None, Some(blob)) => format!("the results were coded with the terms {blob}"),
            (None, None) => {
                "the results were coded with another release's built-in terms".to_string()
            }
        };
        bail!("{own}: name theirs with --terms FILE");
    }
    Ok(table)
}

/// The coded reports that are shown beside, and what they are called.
fn precedents(args: &ReviewArgs, outputs: &Outputs) -> anyhow::Result<(Arc<Precedents>, String)> {
    let Some(file) = &args.corpus else {
        let named = match outputs.owner().spec.corpus() {
            None => "built-in",
            Some(_) => "built-in; the job's own: --corpus FILE",
        };
        return Ok((Precedents::builtin()?, named.to_string()));
    };
    let read = named::corpus(file)?;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    Ok((read.precedents().clone(), name.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_reviews_is_said_or_known_and_never_empty() {
        assert_eq!(reviewer(Some(" Eva "), Some("root")).unwrap(), "Eva");
        assert_eq!(reviewer(None, Some("eva")).unwrap(), "eva");
        for (named, user) in [(None, None), (Some(" "), Some("root")), (None, Some(""))] {
            let said = reviewer(named, user).unwrap_err().to_string();
            assert!(said.contains("--reviewer NAME (ANNEXA_REVIEWER)"), "{said}");
        }
        assert!(reviewer(Some("a\nb"), None).is_err());
    }

    #[test]
    fn a_reason_that_is_none_is_answered_with_all_there_are() {
        assert_eq!(reason("heading_code"), Ok(ReviewReason::HeadingCode));
        assert!(reason("low").unwrap_err().contains("low_confidence, "));
    }
}
