//! `annexa export`: the results of a finished folder in other forms, or the table definition by which Athena reads them.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use sha2::{Digest, Sha256};

use super::exit;
use super::forms::FormArgs;
use crate::adapters::local::files::FileBlobs;
use crate::core::format::Format;
use crate::core::identity::hex;
use crate::core::spec::BlobRef;
use crate::outputs::Outputs;
use crate::ports::Blobs;
use crate::ports::blobs::Put;
use crate::ports::error::PortError;
use crate::results::formats::{About, FormatWriter, MOST_ROWS, Notes, athena};

/// The folder that is written to, as a bucket.
const BUCKET: &str = "export";
/// Bytes that are written at once.
const WRITE_BYTES: usize = 1 << 20;

/// Write the results of a finished job in other forms
///
/// Reads results.csv in DIR and writes results.parquet, results.jsonl or results.spreadsheet.csv beside it, or in another
/// folder. A file that is there and holds something else is left as it is.
#[derive(Debug, Clone, Args)]
pub struct ExportArgs {
    /// A folder of outputs, or a results.csv in one
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// In which forms
    #[command(flatten)]
    pub forms: FormArgs,
    /// Where the files go [default: the folder that is read]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Print the table definition by which Amazon Athena reads results.parquet of such jobs; writes no file
    #[arg(long, conflicts_with_all = ["format", "for_spreadsheet", "out"])]
    pub ddl: bool,
    /// Where the Parquet files of all jobs lie, each in a folder named after its job (with --ddl)
    #[arg(
        long,
        value_name = "S3",
        requires = "ddl",
        default_value = "s3://BUCKET/tables/results/"
    )]
    pub location: String,
    /// The table's name (with --ddl)
    #[arg(
        long,
        value_name = "NAME",
        requires = "ddl",
        default_value = "annexa_results"
    )]
    pub table: String,
}

/// Runs the command.
///
/// # Errors
/// The folder is none of outputs, nothing is asked for, or a file cannot be written.
pub fn run(args: &ExportArgs, out: &mut dyn Write) -> anyhow::Result<u8> {
    let formats = args.forms.formats();
    if formats.is_empty() && !args.ddl {
        bail!(
            "nothing to write: name one form or more (--format parquet,jsonl,spreadsheet), or --ddl"
        );
    }
    let outputs = Outputs::open_unchanged(&args.folder)?;
    if args.ddl {
        let ddl = athena::table(outputs.columns(), &args.table, &args.location);
        write!(out, "{ddl}")?;
        return Ok(exit::OK);
    }
    let folder = args.out.as_deref().unwrap_or(outputs.folder());
    if folder.exists() && !folder.is_dir() {
        bail!("--out {} is a file: name a folder", folder.display());
    }
    let stem = outputs.results().file_stem().unwrap_or_default();
    let stem = stem.to_string_lossy().into_owned();
    let mut refused = Vec::new();
    for format in formats {
        let name = format!("{stem}{}", format.suffix());
        let path = folder.join(&name);
        match export(&outputs, format, folder, &name)? {
            Written::New(notes) => {
                writeln!(out, "{}  {} rows", path.display(), notes.rows)?;
                warn(format, notes);
            }
            Written::WasThere => writeln!(out, "{}  is there already, the same", path.display())?,
            Written::IsOther => refused.push(path.display().to_string()),
        }
    }
    if !refused.is_empty() {
        bail!(
            "{} hold something else than these results: they are left as they are; move them away, or name another folder with --out",
            refused.join(", ")
        );
    }
    Ok(exit::OK)
}

enum Written {
    New(Notes),
    WasThere,
    IsOther,
}

fn export(outputs: &Outputs, format: Format, folder: &Path, name: &str) -> anyhow::Result<Written> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .context("cannot start the runtime")?;
    let blobs = FileBlobs::new([(BUCKET.to_string(), folder.to_path_buf())]);
    let blob = BlobRef::new(BUCKET, name);
    runtime.block_on(async {
        let about = About::new(&outputs.owner().job_id, &outputs.owner().spec);
        let mut writer = FormatWriter::new(format, outputs.columns(), &about)?;
        let mut file = blobs.put_stream(&blob).await.map_err(unwritten)?;
        let mut hasher = Sha256::new();
        let mut gathered = Vec::new();
        let mut rows = outputs.rows()?;
        while let Some(row) = rows.next_row()? {
            writer.row(row.record().as_byte_record())?;
            gathered.append(&mut writer.take());
            if gathered.len() >= WRITE_BYTES {
                hasher.update(&gathered);
                file.write(&gathered).await.map_err(exit::begun)?;
                gathered.clear();
            }
        }
        let (mut last, notes) = writer.finish()?;
        gathered.append(&mut last);
        hasher.update(&gathered);
        file.write(&gathered).await.map_err(exit::begun)?;
        let put = file.complete(true).await.map_err(exit::begun)?;
        if let Put::Written(_) = put {
            return Ok(Written::New(notes));
        }
        let there = blobs.head(&blob).await?.map(|head| head.etag);
        let ours = format!("sha256:{}", hex(&hasher.finalize()));
        Ok(match there == Some(ours) {
            true => Written::WasThere,
            false => Written::IsOther,
        })
    })
}

/// A file that could not be begun: what may pass (a full disk) is no wrong use.
fn unwritten(error: PortError) -> anyhow::Error {
    match error.is_retryable() {
        true => exit::begun(error),
        false => error.into(),
    }
}

fn warn(format: Format, notes: Notes) {
    if format != Format::Spreadsheet {
        return;
    }
    if notes.cut_cells > 0 {
        eprintln!(
            "annexa: {} cells are longer than a spreadsheet holds (32767 characters) and are cut there; results.csv has them whole",
            notes.cut_cells
        );
    }
    if notes.rows >= MOST_ROWS {
        eprintln!(
            "annexa: Excel shows the first {} rows of {}; the file has all",
            MOST_ROWS - 1,
            notes.rows
        );
    }
}
