//! Bringing a file to where the fleet reads it, under a name that follows from its content: uploaded twice it is one
//! object, and so one job.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{Failure, SubmitArgs, address, exit};
use crate::core::identity::hex;
use crate::core::spec::{BlobRef, defaults};
use crate::inbox::{JobRequest, ResolverSetup};
use crate::ports::error::PortResult;
use crate::ports::retry::{Backoff, retry};
use crate::ports::{Blobs, Clock};
use crate::records::{self, InputOptions};

/// Bytes read at once.
const PIECE_BYTES: usize = 8 << 20;
/// Hex digits of a file's digest that stand in its key: two files of one owner that share them do not occur.
const DIGEST_DIGITS: usize = 16;

/// Where an input is, or will be.
pub(super) struct Prepared {
    /// For the fleet.
    pub(super) at: BlobRef,
    /// On this machine, if it has to be uploaded.
    pub(super) file: Option<PathBuf>,
}

/// Where `input` is, or will be; a file is looked at first.
///
/// # Errors
/// All that is wrong with the place or the file.
pub(super) fn prepare(
    args: &SubmitArgs,
    input: &str,
    request: &JobRequest,
    setup: &ResolverSetup,
) -> Result<Prepared, Vec<String>> {
    if input.starts_with("s3://") {
        return match address(input) {
            Some((bucket, key)) if !key.is_empty() => Ok(Prepared {
                at: BlobRef::new(bucket, key),
                file: None,
            }),
            _ => Err(vec![format!(
                "{input} names no object: s3://BUCKET/KEY expected"
            )]),
        };
    }
    let path = Path::new(input);
    let shown = path.display();
    let mut problems = Vec::new();
    let mut prefix = args.prefix.clone();
    if !prefix.is_empty() && !prefix.ends_with('/') {
        prefix.push('/');
    }
    let inbox = &setup.place.prefix;
    if !inbox.is_empty() && prefix.starts_with(inbox) {
        problems.push(format!(
            "--prefix {prefix} lies in the inbox ({inbox}), where the file would be a job of its own: choose another, or \
             upload the file there yourself and submit nothing"
        ));
    }
    if let Err(problem) = look_at(path, request) {
        problems.push(problem);
        return Err(problems);
    }
    let digest = digest(path).map_err(|error| vec![format!("{shown}: {error}")])?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let key = format!("{prefix}{}/{name}", &digest[..DIGEST_DIGITS]);
    if !problems.is_empty() {
        return Err(problems);
    }
    let bucket = args.bucket.as_ref().unwrap_or(&setup.output_bucket);
    Ok(Prepared {
        at: BlobRef::new(bucket, key),
        file: Some(path.to_path_buf()),
    })
}

/// Whether a file can be read as reports: better said now than by a job that fails.
fn look_at(path: &Path, request: &JobRequest) -> Result<(), String> {
    let shown = path.display();
    let file = File::open(path).map_err(|error| format!("{shown}: {error}"))?;
    let metadata = file
        .metadata()
        .map_err(|error| format!("{shown}: {error}"))?;
    if !metadata.is_file() {
        return Err(format!("{shown} is no regular file: name a CSV file"));
    }
    let options = InputOptions {
        id_column: request.id_column.clone(),
        text_column: request.text_column.clone(),
        encoding: request.encoding.clone(),
        max_record_bytes: defaults::MAX_RECORD_BYTES as usize,
        chunk_rows: request.chunk_rows.unwrap_or(defaults::CHUNK_ROWS),
    };
    records::open(file, &options)
        .map(drop)
        .map_err(|error| format!("{shown}: {error}"))
}

fn digest(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    std::io::copy(&mut file, &mut hasher)?;
    Ok(hex(&hasher.finalize()))
}

/// Uploads the file; one that is there already is left as it is.
pub(super) async fn send(
    clock: &dyn Clock,
    blobs: &dyn Blobs,
    path: &Path,
    to: &BlobRef,
) -> Result<(), Failure> {
    let shown = path.display();
    if retry(clock, Backoff::STORAGE, || blobs.head(to))
        .await?
        .is_some()
    {
        eprintln!("annexa: {shown} is there already, as {to}");
        return Ok(());
    }
    let local = |error: std::io::Error| Failure {
        problems: vec![format!("{shown}: {error}")],
        code: exit::USAGE,
    };
    let mut file = File::open(path).map_err(local)?;
    let bytes = file.seek(SeekFrom::End(0)).map_err(local)?;
    eprintln!("annexa: uploading {shown} ({bytes} bytes) to {to}");
    let mut tried = 0;
    loop {
        tried += 1;
        file.seek(SeekFrom::Start(0)).map_err(local)?;
        match stream(blobs, &mut file, to).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => return Err(local(error)),
            Err(error) if error.is_retryable() && tried < Backoff::STORAGE.tries => {
                clock.sleep(Backoff::STORAGE.pause(clock, tried)).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// One try: the store's error outside, the file's inside.
async fn stream(
    blobs: &dyn Blobs,
    file: &mut File,
    to: &BlobRef,
) -> PortResult<std::io::Result<()>> {
    let mut writer = blobs.put_stream(to).await?;
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let count = match file.read(&mut piece) {
            Ok(count) => count,
            Err(error) => return Ok(Err(error)),
        };
        if count == 0 {
            break;
        }
        writer.write(&piece[..count]).await?;
    }
    writer.complete(true).await.map(|_| Ok(()))
}
