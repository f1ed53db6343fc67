//! Files that are being written: hidden beside their name until they are whole, synced, and only then named.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use async_trait::async_trait;
use sha2::{Digest, Sha256};

use super::FileBlobs;
use crate::core::identity::hex;
use crate::core::spec::BlobRef;
use crate::ports::blobs::{BlobHead, BlobWriter, Put};
use crate::ports::error::{PortError, PortResult};

/// What tells cheaply that a file is still the one that was digested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Length.
    pub(super) bytes: u64,
    modified: Option<SystemTime>,
    /// Which file it is, and when it was changed in any way: a date that was set back does not hide a change.
    #[cfg(unix)]
    identity: (u64, i64, i64),
}

pub(super) fn stamp_of(file: &File) -> std::io::Result<Stamp> {
    #[cfg(unix)]
    use std::os::unix::fs::MetadataExt;
    let metadata = file.metadata()?;
    Ok(Stamp {
        bytes: metadata.len(),
        modified: metadata.modified().ok(),
        #[cfg(unix)]
        identity: (metadata.ino(), metadata.ctime(), metadata.ctime_nsec()),
    })
}

/// Tries at making something in a folder that others may be removing.
const FOLDER_TRIES: u32 = 100;

/// Makes something beside `path`, in a folder that is made if need be. A delete removes folders with their last file,
/// perhaps just now (even while the folder is being made, which shows as one that is there already): then once more.
pub(super) fn in_folder_of<R>(
    path: &Path,
    mut make: impl FnMut() -> std::io::Result<R>,
) -> std::io::Result<R> {
    let folder = path.parent().unwrap_or(path);
    let is_race = |error: &std::io::Error| {
        matches!(error.kind(), ErrorKind::NotFound | ErrorKind::AlreadyExists)
    };
    for _ in 1..FOLDER_TRIES {
        match fs::create_dir_all(folder).and_then(|()| make()) {
            Err(error) if is_race(&error) => {}
            made => return made,
        }
    }
    fs::create_dir_all(folder).and_then(|()| make())
}

/// A file beside `path` that nobody takes for an object.
pub(super) fn staged_path(path: &Path) -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "an adapter may draw names")]
    let unique = uuid::Uuid::new_v4().simple().to_string();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{unique}.part"))
}

/// Whether a file's name is that of an object which is being written, or was when its process died.
pub fn is_half_written(name: &str) -> bool {
    let unique = name
        .strip_prefix('.')
        .and_then(|name| name.strip_suffix(".part"))
        .and_then(|name| name.rsplit_once('.'))
        .map_or("", |(_, unique)| unique);
    unique.len() == 32 && unique.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A file that is being written; removed unless it is completed.
pub(super) struct Staged {
    file: File,
    staged: PathBuf,
    path: PathBuf,
    hasher: Sha256,
    bytes: u64,
    is_done: bool,
}

impl Staged {
    pub(super) fn create(path: &Path) -> std::io::Result<Staged> {
        let staged = staged_path(path);
        Ok(Staged {
            file: in_folder_of(path, || File::create_new(&staged))?,
            staged,
            path: path.to_path_buf(),
            hasher: Sha256::new(),
            bytes: 0,
            is_done: false,
        })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        self.file.write_all(bytes)
    }

    /// Synced, then renamed: after a loss of power the object is whole or not there.
    pub(super) fn complete(
        mut self,
        store: &FileBlobs,
        if_none_match: bool,
    ) -> std::io::Result<Put> {
        self.file.sync_data()?;
        if if_none_match {
            // A hard link fails if the name is taken, which a rename does not.
            match fs::hard_link(&self.staged, &self.path) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(Put::Exists),
                Err(error) => return Err(error),
            }
            // Before the stamp is taken: losing a name changes the file, too.
            let _ = fs::remove_file(&self.staged);
        } else {
            fs::rename(&self.staged, &self.path)?;
        }
        self.is_done = true;
        let etag = format!("sha256:{}", hex(&self.hasher.clone().finalize()));
        let stamp = stamp_of(&self.file)?;
        let mut digests = store.digests.lock().expect("no panic while held");
        digests.insert(self.path.clone(), (stamp, etag.clone()));
        Ok(Put::Written(BlobHead {
            etag,
            bytes: self.bytes,
        }))
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.is_done {
            // What cannot be removed is only a hidden `.part` file.
            let _ = fs::remove_file(&self.staged);
        }
    }
}

pub(super) struct FileWriter {
    pub(super) store: FileBlobs,
    pub(super) blob: BlobRef,
    pub(super) staged: Option<Staged>,
}

#[async_trait]
impl BlobWriter for FileWriter {
    async fn write(&mut self, bytes: &[u8]) -> PortResult<()> {
        let mut staged = self
            .staged
            .take()
            .ok_or_else(|| PortError::bug("a write after a failed one"))?;
        let bytes = bytes.to_vec();
        let staged = self
            .store
            .blocking(&self.blob, move |_, _| {
                staged.write(&bytes)?;
                Ok(staged)
            })
            .await?;
        self.staged = Some(staged);
        Ok(())
    }

    async fn complete(mut self: Box<Self>, if_none_match: bool) -> PortResult<Put> {
        let staged = self
            .staged
            .take()
            .ok_or_else(|| PortError::bug("completed after a failed write"))?;
        self.store
            .blocking(&self.blob, move |store, _| {
                staged.complete(store, if_none_match)
            })
            .await
    }
}
