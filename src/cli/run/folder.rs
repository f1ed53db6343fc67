//! The output folder: its lock, the job that owns it, and moving earlier outputs aside.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::adapters::local::files::is_half_written;
use crate::core::files;
use crate::outputs::OWNER;
pub use crate::outputs::Owner;
use crate::review;

/// State of a run: the ledger and the lock. Not part of the results.
pub const STATE_FOLDER: &str = "_annexa";

/// What a run, and the commands about its results, write into its folder; the owner comes first.
fn own_names() -> Vec<String> {
    let folders = ["chunks", "_work"];
    let fixed = [OWNER].into_iter().chain(folders).chain(files::ADDED);
    fixed.map(String::from).chain(files::outputs()).collect()
}

/// An output folder that only this process works in.
pub struct OutputFolder {
    path: PathBuf,
    /// Nothing of a run was here before.
    is_new: bool,
    /// Held for as long as the run lasts; the system lets go of it when the process dies, however it dies.
    _lock: File,
}

impl OutputFolder {
    /// Makes the folder if need be and locks it, so that two runs do not meet.
    pub fn open(path: &Path) -> anyhow::Result<OutputFolder> {
        let shown = path.display();
        if path.exists() && !path.is_dir() {
            bail!("{shown} is a file: name a folder with --out");
        }
        let state = path.join(STATE_FOLDER);
        let is_new = !state.exists();
        if is_new {
            // Before anything is made: somebody else's folder is left as it is.
            refuse_strangers(path)?;
            refuse_within(path)?;
        }
        fs::create_dir_all(&state)
            .with_context(|| format!("cannot make the folder {}", state.display()))?;
        let lock_path = state.join("lock");
        let lock = File::create(&lock_path)
            .with_context(|| format!("cannot write {}", lock_path.display()))?;
        match lock.try_lock() {
            Ok(()) => Ok(OutputFolder {
                path: path.to_path_buf(),
                is_new,
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => {
                bail!(
                    "another run is at work in {shown}: wait for it, or name another folder with --out"
                )
            }
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("cannot lock {shown}"))
            }
        }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes back what opening it made, for a run that does not start. What else is in it stays.
    pub fn leave(&self) {
        if self.is_new {
            let state = self.path.join(STATE_FOLDER);
            let _ = fs::remove_file(state.join("lock"));
            let _ = fs::remove_dir(state);
            let _ = fs::remove_dir(&self.path);
        }
    }

    /// The job that owns it; none: nobody does.
    pub fn owner(&self) -> anyhow::Result<Option<Owner>> {
        let path = self.path.join(OWNER);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        };
        let owner = serde_json::from_slice(&text).with_context(|| {
            format!(
                "{} is not of this program's making: name another folder with --out",
                path.display()
            )
        })?;
        Ok(Some(owner))
    }

    /// Makes a folder that no job owns ready for one: refuses it if a run would write over what is there, and removes
    /// the state of a run that died before it took the folder, or whose outputs somebody removed.
    pub fn take(&self) -> anyhow::Result<()> {
        refuse_strangers(&self.path)?;
        let state = self.path.join(STATE_FOLDER);
        for name in ["job.sqlite", "job.sqlite-wal", "job.sqlite-shm"] {
            let path = state.join(name);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("cannot remove {}", path.display()));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Removes what workers left, and half-written files of processes that died. Only once nobody writes: before the
    /// roles begin their work, or after they have ended it. What cannot be removed is only in the way.
    pub fn tidy(&self, job_is_over: bool) {
        if job_is_over {
            let _ = fs::remove_dir_all(self.path.join("_work"));
        }
        for folder in [&self.path, &self.path.join("chunks")] {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                if is_half_written(&name) {
                    let _ = fs::remove_file(entry.path());
                }
            }
        }
    }

    /// Moves everything of an earlier job into `previous-N`. Nothing is removed.
    pub fn move_aside(&self) -> anyhow::Result<PathBuf> {
        if review::in_use(&self.path) {
            bail!(
                "somebody reviews the results in {} now: wait until they quit, or name another folder with --out",
                self.path.display()
            );
        }
        let aside = (1u32..)
            .map(|n| self.path.join(format!("previous-{n}")))
            .find(|path| !path.exists())
            .expect("there is always a next number");
        fs::create_dir(&aside)
            .with_context(|| format!("cannot make the folder {}", aside.display()))?;
        let move_aside = |name: &str| -> anyhow::Result<()> {
            let from = self.path.join(name);
            if from.exists() {
                fs::rename(&from, aside.join(name))
                    .with_context(|| format!("cannot move {} aside", from.display()))?;
            }
            Ok(())
        };
        // What says whose the folder is goes last: cut halfway, the folder is still this program's.
        for name in own_names().iter().filter(|name| *name != OWNER) {
            move_aside(name)?;
        }
        for entry in fs::read_dir(&self.path)
            .with_context(|| format!("cannot list {}", self.path.display()))?
        {
            let name = entry?.file_name();
            if let Some(name) = name.to_str().filter(|name| files::is_of_retry(name)) {
                move_aside(name)?;
            }
        }
        // The ledger goes along, but for the lock that is held.
        let (from, to) = (self.path.join(STATE_FOLDER), aside.join(STATE_FOLDER));
        fs::create_dir(&to).with_context(|| format!("cannot make the folder {}", to.display()))?;
        for entry in
            fs::read_dir(&from).with_context(|| format!("cannot list {}", from.display()))?
        {
            let entry = entry?;
            if entry.file_name() != "lock" {
                fs::rename(entry.path(), to.join(entry.file_name()))
                    .with_context(|| format!("cannot move {} aside", entry.path().display()))?;
            }
        }
        move_aside(OWNER)?;
        Ok(aside)
    }
}

fn refuse_strangers(path: &Path) -> anyhow::Result<()> {
    let mut strangers = own_names();
    strangers.retain(|name| path.join(name).exists());
    if !strangers.is_empty() {
        bail!(
            "{} has {} that no run of annexa made: name another folder with --out",
            path.display(),
            strangers.join(", ")
        );
    }
    Ok(())
}

/// A job's folder is its own: another one's files in it would be taken for its.
fn refuse_within(path: &Path) -> anyhow::Result<()> {
    let whole = std::path::absolute(path)?;
    let is_a_jobs =
        |folder: &&Path| folder.join(OWNER).is_file() && folder.join(STATE_FOLDER).is_dir();
    match whole.ancestors().skip(1).find(is_a_jobs) {
        Some(outer) => bail!(
            "{} lies in the folder of another job ({}): name another one with --out",
            path.display(),
            outer.display()
        ),
        None => Ok(()),
    }
}

/// The folder that is used when none is named: the input's name without ending, plus `-annexa`.
pub fn default_for(input: &Path) -> PathBuf {
    let name = input.file_name().unwrap_or_default().to_string_lossy();
    let mut stem = name.as_ref();
    for ending in [".gz", ".zst", ".csv", ".tsv", ".txt"] {
        stem = stem.strip_suffix(ending).unwrap_or(stem);
    }
    input.with_file_name(format!("{stem}-annexa"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_folder_is_named_after_the_input() {
        let of = |input: &str| default_for(Path::new(input)).display().to_string();
        assert_eq!(of("data/reports.csv"), "data/reports-annexa");
        assert_eq!(of("reports.csv.gz"), "reports-annexa");
        assert_eq!(of("reports"), "reports-annexa");
    }

    #[test]
    fn a_run_does_not_write_into_the_folder_of_another_job() {
        let folder = tempfile::tempdir().unwrap();
        let outer = OutputFolder::open(folder.path()).unwrap();
        let inner = folder.path().join("chunks/again");
        // Not yet a job's: whoever made it may do what he likes there.
        OutputFolder::open(&folder.path().join("beside")).unwrap();
        fs::write(folder.path().join(OWNER), "{}").unwrap();
        let said = OutputFolder::open(&inner).err().unwrap().to_string();
        assert!(said.contains("lies in the folder of another job"), "{said}");
        assert!(!inner.exists());
        drop(outer);
    }

    #[test]
    fn two_runs_do_not_meet_in_one_folder() {
        let folder = tempfile::tempdir().unwrap();
        let first = OutputFolder::open(folder.path()).unwrap();
        let second = OutputFolder::open(folder.path()).err().unwrap().to_string();
        assert!(second.starts_with("another run is at work in"), "{second}");
        drop(first);
        OutputFolder::open(folder.path()).unwrap();
    }

    #[test]
    fn what_is_moved_aside_is_all_that_the_job_and_commands_about_it_wrote() {
        let folder = tempfile::tempdir().unwrap();
        let open = OutputFolder::open(folder.path()).unwrap();
        let names = own_names();
        for name in names.iter().map(String::as_str).chain(["retry-1"]) {
            fs::write(folder.path().join(name), name).unwrap();
        }
        fs::write(folder.path().join("notes.txt"), "mine").unwrap();
        fs::write(folder.path().join(STATE_FOLDER).join("job.sqlite"), "s").unwrap();
        let aside = open.move_aside().unwrap();
        for name in names.iter().map(String::as_str).chain(["retry-1"]) {
            assert_eq!(fs::read_to_string(aside.join(name)).unwrap(), name);
            assert!(!folder.path().join(name).exists(), "{name}");
        }
        assert!(folder.path().join("notes.txt").exists());
        assert_eq!(
            fs::read_to_string(aside.join(STATE_FOLDER).join("job.sqlite")).unwrap(),
            "s"
        );
        open.take().unwrap();
        assert!(open.move_aside().unwrap().ends_with("previous-2"));
    }
}
