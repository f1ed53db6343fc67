//! `annexa split INPUT --dry-run`: reads an input as a job would and prints what it is and what is wrong with it, without coding.
//!
//! One pass in bounded memory. Nothing of the reports' text is printed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use serde::Serialize;

use super::input::InputArgs;
use crate::records::{
    Compression, InputError, InputOptions, Layout, Opened, Row, RowFault, RowFlag, RowReader,
    ScanSummary, StreamError, open, visit_chunks,
};

/// The exit code for an input that is refused.
const REFUSED: u8 = 64;
/// How many places are shown for each kind of trouble.
const FIRST_PLACES: usize = 5;

/// Shows how an input would be read and cut into chunks, and what is wrong with it.
#[derive(Debug, Clone, Args)]
pub struct SplitArgs {
    /// The CSV file (plain, .gz or .zst).
    pub input: PathBuf,
    /// Only look, code nothing (the only way so far: jobs are split by `annexa run`).
    #[arg(long, required = true)]
    pub dry_run: bool,
    /// How the input is read.
    #[command(flatten)]
    pub how: InputArgs,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Where a row is.
#[derive(Debug, Clone, Copy, Serialize)]
struct Place {
    row: u64,
    byte: u64,
}

/// How often something is wrong, and where first.
#[derive(Debug, Clone, Default, Serialize)]
struct Trouble {
    rows: u64,
    first: Vec<Place>,
}

impl Trouble {
    fn add(&mut self, row: &Row) {
        self.rows += 1;
        if self.first.len() < FIRST_PLACES {
            self.first.push(Place {
                row: row.number,
                byte: row.byte,
            });
        }
    }
}

/// What the look at an input found.
#[derive(Debug, Serialize)]
struct Report {
    input: String,
    compression: Compression,
    encoding: String,
    delimiter: &'static str,
    bom: bool,
    line_ending: &'static str,
    columns: Vec<String>,
    id_column: String,
    text_column: String,
    rows: u64,
    chunks: u32,
    bytes: u64,
    /// Rows that would fail, by fault.
    faults: BTreeMap<&'static str, Trouble>,
    /// Rows that would be coded and flagged, by flag.
    flags: BTreeMap<&'static str, Trouble>,
    /// Rows without text: their outcome would be `empty`.
    empty_text: Trouble,
}

/// Runs the command: 0, or 64 where the input is refused.
///
/// # Errors
/// When the input cannot be read, or `out` cannot be written.
pub fn run(args: &SplitArgs, out: &mut dyn Write) -> anyhow::Result<u8> {
    let problems = args.how.problems();
    if !problems.is_empty() {
        anyhow::bail!("{}", problems.join("; "));
    }
    let opts = args.how.options();
    let name = args.input.display().to_string();
    match look(args, &opts) {
        Ok(report) => {
            if args.json {
                serde_json::to_writer_pretty(&mut *out, &report)?;
                writeln!(out)?;
            } else {
                print(&report, out)?;
            }
            Ok(0)
        }
        Err(Stop::Refused(error)) => {
            if args.json {
                let refusal = serde_json::json!({
                    "input": name,
                    "refused": error.name(),
                    "message": error.to_string(),
                });
                writeln!(out, "{refusal:#}")?;
            } else {
                writeln!(out, "{name}: refused: {error}")?;
            }
            Ok(REFUSED)
        }
        Err(Stop::Failed(error)) => Err(error.context(format!("could not read {name}"))),
    }
}

/// Why the look ended early.
enum Stop {
    Refused(InputError),
    Failed(anyhow::Error),
}

impl From<StreamError> for Stop {
    fn from(error: StreamError) -> Self {
        match error {
            StreamError::Input(error) => Stop::Refused(error),
            other => Stop::Failed(other.into()),
        }
    }
}

fn look(args: &SplitArgs, opts: &InputOptions) -> Result<Report, Stop> {
    let file = File::open(&args.input)
        .context("the file cannot be opened; check the path and its permissions")
        .map_err(Stop::Failed)?;
    let Opened {
        layout,
        normalise,
        text,
    } = open(file, opts)?;
    let mut tally = Tally::default();
    let mut row = Row::default();
    let summary = visit_chunks(text, &layout, opts.chunk_rows, |range, bytes| {
        let mut reader = RowReader::new(bytes, &layout, range);
        while reader.read_into(&mut row) {
            tally.add(&row, &layout);
        }
        Ok::<(), Stop>(())
    })?;
    let (compression, encoding) = match normalise {
        Some(n) => (n.compression, n.encoding),
        None => (Compression::None, None),
    };
    let encoding = encoding.unwrap_or_else(|| "utf-8".to_owned());
    let input = args.input.display().to_string();
    Ok(tally.report(input, compression, encoding, &layout, &summary))
}

#[derive(Default)]
struct Tally {
    faults: BTreeMap<&'static str, Trouble>,
    flags: BTreeMap<&'static str, Trouble>,
    empty_text: Trouble,
}

impl Tally {
    fn add(&mut self, row: &Row, layout: &Layout) {
        if let Some(fault) = &row.fault {
            self.faults.entry(fault.name()).or_default().add(row);
            return;
        }
        for flag in &row.flags {
            self.flags.entry(flag.name()).or_default().add(row);
        }
        if row.text(layout).trim().is_empty() {
            self.empty_text.add(row);
        }
    }

    fn report(
        self,
        input: String,
        compression: Compression,
        encoding: String,
        layout: &Layout,
        summary: &ScanSummary,
    ) -> Report {
        Report {
            input,
            compression,
            encoding,
            delimiter: layout.delimiter_name(),
            bom: layout.bom,
            line_ending: layout.terminator.name(),
            columns: layout.columns.clone(),
            id_column: layout.columns[layout.id_index].clone(),
            text_column: layout.columns[layout.text_index].clone(),
            rows: summary.rows,
            chunks: summary.chunks,
            bytes: summary.bytes,
            faults: self.faults,
            flags: self.flags,
            empty_text: self.empty_text,
        }
    }
}

fn print(report: &Report, out: &mut dyn Write) -> anyhow::Result<()> {
    let packed = match report.compression {
        Compression::None => "",
        Compression::Gzip => ", gzip",
        Compression::Zstd => ", Zstandard",
    };
    let bom = ["", " with byte order mark"][usize::from(report.bom)];
    writeln!(out, "{}", report.input)?;
    writeln!(
        out,
        "  dialect  {}{bom}, {} delimited, {} line endings{packed}",
        report.encoding, report.delimiter, report.line_ending
    )?;
    let names = report.columns.join(", ");
    let count = report.columns.len();
    writeln!(out, "  columns  {count}: {}", names.escape_debug())?;
    writeln!(out, "  id       {}", report.id_column.escape_debug())?;
    writeln!(out, "  text     {}", report.text_column.escape_debug())?;
    writeln!(out, "  rows     {}", report.rows)?;
    writeln!(out, "  chunks   {}", report.chunks)?;
    writeln!(out, "  bytes    {} of text", report.bytes)?;
    let groups = [
        ("rows that would fail", &report.faults),
        ("rows that would be coded and flagged", &report.flags),
    ];
    for (title, group) in groups {
        if !group.is_empty() {
            writeln!(out, "{title}:")?;
        }
        for (name, trouble) in group {
            print_trouble(name, trouble, out)?;
        }
    }
    if report.empty_text.rows > 0 {
        writeln!(out, "rows without text, whose outcome would be 'empty':")?;
        print_trouble("empty_text", &report.empty_text, out)?;
    }
    if report.faults.is_empty() && report.flags.is_empty() && report.empty_text.rows == 0 {
        writeln!(out, "nothing is wrong")?;
    }
    if report.flags.contains_key(RowFlag::BadBytesReplaced.name()) && report.encoding == "utf-8" {
        writeln!(
            out,
            "some bytes are not UTF-8: if the file is in another encoding, name it, as in --encoding windows-1252"
        )?;
    }
    if report.faults.contains_key(RowFault::NAMES[1]) {
        writeln!(
            out,
            "a quote that is not closed can swallow the rows after it up to the next quote: look at the first place"
        )?;
    }
    Ok(())
}

fn print_trouble(name: &str, trouble: &Trouble, out: &mut dyn Write) -> anyhow::Result<()> {
    let places: Vec<String> = trouble
        .first
        .iter()
        .map(|p| format!("row {} (byte {})", p.row, p.byte))
        .collect();
    let more = trouble.rows > places.len() as u64;
    let first = if more { "first at " } else { "at " };
    writeln!(
        out,
        "  {name:<20} {:>8}  {first}{}",
        trouble.rows,
        places.join(", ")
    )?;
    Ok(())
}
