//! Objects as files: a bucket is a folder that the composition names, a key a path under it.
//!
//! An object's ETag is the SHA-256 of its content, remembered for as long as it is the same file, unchanged: one that was
//! only touched is the same version, one that was changed or replaced is another, also at the same length and date.

mod staged;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use sha2::{Digest, Sha256};

use crate::core::identity::hex;
use crate::core::spec::BlobRef;
use crate::ports::Blobs;
use crate::ports::blobs::{BlobHead, BlobWriter, Put};
use crate::ports::error::{PortError, PortResult};
pub use staged::is_half_written;
use staged::{FileWriter, Staged, Stamp, in_folder_of, staged_path, stamp_of};

/// Bytes read at once when a file is digested.
const DIGEST_BYTES: usize = 1 << 20;

/// Objects as files.
#[derive(Clone)]
pub struct FileBlobs {
    roots: Arc<BTreeMap<String, PathBuf>>,
    digests: Arc<Mutex<BTreeMap<PathBuf, (Stamp, String)>>>,
}

impl FileBlobs {
    /// Buckets by name with their folders.
    pub fn new(roots: impl IntoIterator<Item = (String, PathBuf)>) -> FileBlobs {
        FileBlobs {
            roots: Arc::new(roots.into_iter().collect()),
            digests: Arc::default(),
        }
    }

    fn path(&self, blob: &BlobRef) -> PortResult<PathBuf> {
        let root = self.roots.get(&blob.bucket).ok_or_else(|| {
            PortError::permanent_job(format!("bucket '{}' is not known", blob.bucket))
        })?;
        if !is_inside(&blob.key) {
            return Err(PortError::permanent_job(format!(
                "'{}' is not a key of a file",
                blob.key
            )));
        }
        Ok(root.join(&blob.key))
    }

    /// Length and digest of an open file.
    fn head_of(&self, path: &Path, file: &mut File) -> std::io::Result<BlobHead> {
        let stamp = stamp_of(file)?;
        if let Some((known, etag)) = self.digests.lock().expect("no panic while held").get(path)
            && *known == stamp
        {
            return Ok(BlobHead {
                etag: etag.clone(),
                bytes: stamp.bytes,
            });
        }
        file.seek(SeekFrom::Start(0))?;
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; DIGEST_BYTES];
        loop {
            let count = file.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            hasher.update(&buffer[..count]);
        }
        let etag = format!("sha256:{}", hex(&hasher.finalize()));
        // Only a stamp that did not change while reading speaks for the digest.
        if stamp_of(file)? == stamp {
            let mut digests = self.digests.lock().expect("no panic while held");
            digests.insert(path.to_path_buf(), (stamp, etag.clone()));
        }
        Ok(BlobHead {
            etag,
            bytes: stamp.bytes,
        })
    }

    /// Runs `work` on a thread for blocking work.
    async fn blocking<R: Send + 'static>(
        &self,
        blob: &BlobRef,
        work: impl FnOnce(&FileBlobs, &Path) -> std::io::Result<R> + Send + 'static,
    ) -> PortResult<R> {
        let (store, path) = (self.clone(), self.path(blob)?);
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the adapter for blocking work; it is awaited"
        )]
        let joined = tokio::task::spawn_blocking(move || {
            work(&store, &path).map_err(|error| failed(&path, &error))
        })
        .await;
        joined.unwrap_or_else(|error| Err(PortError::bug(format!("a file task died: {error}"))))
    }
}

/// Whether a key (or the folder of one) stays inside its bucket.
fn is_inside(key: &str) -> bool {
    key.split('/')
        .all(|part| !part.is_empty() && part != "." && part != "..")
}

/// Whether an object is not there: nothing has its name, or only a folder, or what should be its folder is a file.
fn is_absent(path: &Path, error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory
    ) || path.is_dir()
}

/// An error of the file system: what no retry mends ends the job, all else (a full disk) may pass.
fn failed(path: &Path, error: &std::io::Error) -> PortError {
    let what = format!("{}: {error}", path.display());
    match error.kind() {
        ErrorKind::NotFound
        | ErrorKind::PermissionDenied
        | ErrorKind::IsADirectory
        | ErrorKind::NotADirectory
        | ErrorKind::InvalidData
        | ErrorKind::ReadOnlyFilesystem => PortError::permanent_job(what),
        _ => PortError::transient(what),
    }
}

#[async_trait]
impl Blobs for FileBlobs {
    async fn get_range(
        &self,
        blob: &BlobRef,
        start: u64,
        end: u64,
        if_match: Option<&str>,
    ) -> PortResult<Vec<u8>> {
        let wanted = if_match.map(str::to_string);
        self.blocking(blob, move |store, path| {
            let mut file = File::open(path)?;
            let length = match &wanted {
                None => file.metadata()?.len(),
                Some(wanted) => {
                    let head = store.head_of(path, &mut file)?;
                    if head.etag != *wanted {
                        return Err(std::io::Error::new(
                            ErrorKind::InvalidData,
                            format!(
                                "the file has changed: it is {} now, the job is pinned to {wanted}",
                                head.etag
                            ),
                        ));
                    }
                    head.bytes
                }
            };
            let (start, end) = (start.min(length), end.min(length));
            file.seek(SeekFrom::Start(start))?;
            let mut bytes = Vec::with_capacity(end.saturating_sub(start) as usize);
            file.take(end.saturating_sub(start))
                .read_to_end(&mut bytes)?;
            Ok(bytes)
        })
        .await
    }

    async fn put(&self, blob: &BlobRef, bytes: &[u8], if_none_match: bool) -> PortResult<Put> {
        let bytes = bytes.to_vec();
        self.blocking(blob, move |store, path| {
            let mut staged = Staged::create(path)?;
            staged.write(&bytes)?;
            staged.complete(store, if_none_match)
        })
        .await
    }

    async fn put_stream(&self, blob: &BlobRef) -> PortResult<Box<dyn BlobWriter>> {
        let staged = self.blocking(blob, |_, path| Staged::create(path)).await?;
        Ok(Box::new(FileWriter {
            store: self.clone(),
            blob: blob.clone(),
            staged: Some(staged),
        }))
    }

    async fn copy(&self, from: &BlobRef, to: &BlobRef) -> PortResult<()> {
        let to = self.path(to)?;
        self.blocking(from, move |_, from| {
            // A second name for the same bytes costs nothing; where links cannot be made, copy.
            let staged = staged_path(&to);
            in_folder_of(&to, || match fs::hard_link(from, &staged) {
                Ok(()) => Ok(()),
                Err(_) => fs::copy(from, &staged).map(drop),
            })?;
            fs::rename(&staged, &to)?;
            // Renaming onto another name of the same file does nothing at all (POSIX): then the staged name is left.
            let _ = fs::remove_file(&staged);
            Ok(())
        })
        .await
    }

    async fn list(&self, bucket: &str, prefix: &str) -> PortResult<Vec<String>> {
        // The folder that the prefix lies in; the rest of it is compared by key.
        let folder = prefix
            .rsplit_once('/')
            .map_or("", |(folder, _)| folder)
            .to_string();
        // No key leaves its bucket, so none begins with what would.
        if !folder.is_empty() && !is_inside(&folder) || prefix.starts_with('/') {
            return Ok(Vec::new());
        }
        let (prefix, root) = (prefix.to_string(), BlobRef::new(bucket, "-"));
        self.blocking(&root, move |_, dash| {
            let root = dash.parent().unwrap_or(dash).to_path_buf();
            let mut keys = Vec::new();
            let mut folders = vec![root.join(&folder)];
            while let Some(folder) = folders.pop() {
                let entries = match fs::read_dir(&folder) {
                    Ok(entries) => entries,
                    // Not there, or a file: nothing lies under it.
                    Err(error)
                        if matches!(
                            error.kind(),
                            ErrorKind::NotFound | ErrorKind::NotADirectory
                        ) =>
                    {
                        continue;
                    }
                    Err(error) => return Err(error),
                };
                for entry in entries {
                    let entry = entry?;
                    let (path, name) = (entry.path(), entry.file_name());
                    if path.is_dir() {
                        folders.push(path);
                        continue;
                    }
                    let Ok(key) = path.strip_prefix(&root) else {
                        continue;
                    };
                    let key = key
                        .to_string_lossy()
                        .replace(std::path::MAIN_SEPARATOR, "/");
                    if key.starts_with(&prefix) && !is_half_written(&name.to_string_lossy()) {
                        keys.push(key);
                    }
                }
            }
            keys.sort();
            Ok(keys)
        })
        .await
    }

    async fn head(&self, blob: &BlobRef) -> PortResult<Option<BlobHead>> {
        self.blocking(blob, |store, path| match File::open(path) {
            Ok(_) if path.is_dir() => Ok(None),
            Ok(mut file) => store.head_of(path, &mut file).map(Some),
            Err(error) if is_absent(path, &error) => Ok(None),
            Err(error) => Err(error),
        })
        .await
    }

    async fn delete(&self, blob: &BlobRef) -> PortResult<()> {
        self.blocking(blob, |store, path| {
            store
                .digests
                .lock()
                .expect("no panic while held")
                .remove(path);
            match fs::remove_file(path) {
                Err(error) if !is_absent(path, &error) => return Err(error),
                _ => {}
            }
            // A prefix without objects is not there in a bucket: folders go with their last file, the bucket stays.
            let is_root = |folder: &Path| store.roots.values().any(|root| root == folder);
            let folders = path
                .ancestors()
                .skip(1)
                .take_while(|folder| !is_root(folder));
            for folder in folders {
                if fs::remove_dir(folder).is_err() {
                    break;
                }
            }
            Ok(())
        })
        .await
    }
}
