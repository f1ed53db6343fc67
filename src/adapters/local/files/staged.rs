//! Files that are being written: hidden beside their name until they are whole, synced, and only then named.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use sha2::{Digest, Sha256};

use super::{FileBlobs, Stamp};
use crate::core::identity::hex;
use crate::core::spec::BlobRef;
use crate::ports::blobs::{BlobHead, BlobWriter, Put};
use crate::ports::error::{PortError, PortResult};

pub(super) fn stamp_of(file: &File) -> std::io::Result<Stamp> {
    let metadata = file.metadata()?;
    Ok((metadata.len(), metadata.modified().ok()))
}

/// A file beside `path` that nobody takes for an object.
pub(super) fn staged_path(path: &Path) -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "an adapter may draw names")]
    let unique = uuid::Uuid::new_v4().simple().to_string();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{unique}.part"))
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
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let staged = staged_path(path);
        Ok(Staged {
            file: File::create_new(&staged)?,
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
        } else {
            fs::rename(&self.staged, &self.path)?;
            self.is_done = true;
        }
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
