//! Exit codes (DESIGN §6), and how an error of a command becomes one.

use std::fmt;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::Context;

use crate::ports::error::{ErrorClass, PortError};

/// Every row has an answer or a stated non-answer.
pub const OK: u8 = 0;
/// The job failed.
pub const FAILED: u8 = 1;
/// Completed with failed rows.
pub const FAILED_ROWS: u8 = 3;
/// Paused.
pub const PAUSED: u8 = 4;
/// Usage or configuration (`EX_USAGE` of sysexits.h).
pub const USAGE: u8 = 64;
/// Interrupted (128 + SIGINT, as shells say it).
pub const INTERRUPTED: u8 = 130;

/// An error that ended what had begun.
struct Begun(anyhow::Error);

impl fmt::Display for Begun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

impl fmt::Debug for Begun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl std::error::Error for Begun {}

/// The same error, of something that had begun: not the use of the command is wrong.
pub fn begun(error: impl Into<anyhow::Error>) -> anyhow::Error {
    anyhow::Error::new(Begun(error.into()))
}

/// What writing the file `path` came to. A place that is none is wrong use; all else (a full disk, no permission) is a failure.
pub fn written(path: &Path, result: std::io::Result<()>) -> anyhow::Result<()> {
    let is_no_place = result.as_ref().is_err_and(|error| {
        matches!(
            error.kind(),
            ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory
        )
    });
    let result = result.with_context(|| format!("cannot write {}", path.display()));
    match is_no_place {
        true => result,
        false => result.map_err(begun),
    }
}

/// The exit code of a command; its error goes to stderr.
pub fn of(result: anyhow::Result<u8>) -> u8 {
    match result {
        Ok(code) => code,
        // `annexa terms search ... | head`: the reader has enough, that is no error.
        Err(error) if has_kind(&error, &[ErrorKind::BrokenPipe]) => OK,
        Err(error) => {
            eprintln!("annexa: {error:#}");
            match error.is::<Begun>() || has_kind(&error, &FULL) {
                true => FAILED,
                false => USAGE,
            }
        }
    }
}

/// There is no room: nobody used anything wrongly, wherever it happens.
const FULL: [ErrorKind; 4] = [
    ErrorKind::StorageFull,
    ErrorKind::QuotaExceeded,
    ErrorKind::FileTooLarge,
    ErrorKind::WriteZero,
];

/// The exit code for what services said: what somebody has to mend (something that is named is not there or not allowed, no
/// login) is configuration, the rest may pass.
pub fn of_trouble(errors: &[PortError]) -> u8 {
    let is_lasting = |error: &PortError| {
        matches!(
            error.class,
            ErrorClass::PermanentJob | ErrorClass::LaneParked
        )
    };
    match errors.iter().any(is_lasting) {
        true => USAGE,
        false => FAILED,
    }
}

fn has_kind(error: &anyhow::Error, kinds: &[ErrorKind]) -> bool {
    let error = error
        .downcast_ref::<Begun>()
        .map_or(error, |begun| &begun.0);
    error.chain().any(|cause| {
        let io = cause
            .downcast_ref::<std::io::Error>()
            .map(std::io::Error::kind);
        let json = cause
            .downcast_ref::<serde_json::Error>()
            .and_then(serde_json::Error::io_error_kind);
        [io, json]
            .into_iter()
            .flatten()
            .any(|kind| kinds.contains(&kind))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_has_to_mend_is_64_and_what_may_pass_is_1() {
        let error = |class| PortError::new(class, "said");
        let passing = error(ErrorClass::Transient);
        for lasting in [ErrorClass::PermanentJob, ErrorClass::LaneParked] {
            assert_eq!(of_trouble(&[passing.clone(), error(lasting)]), USAGE);
        }
        assert_eq!(of_trouble(&[passing, error(ErrorClass::Bug)]), FAILED);
    }

    #[test]
    fn a_broken_pipe_is_quiet_and_other_errors_are_usage() {
        let pipe = || std::io::Error::from(ErrorKind::BrokenPipe);
        assert_eq!(of(Err(anyhow::Error::from(pipe()).context("printing"))), OK);
        assert_eq!(of(Err(serde_json::Error::io(pipe()).into())), OK);
        assert_eq!(of(Err(anyhow::anyhow!("no such file"))), USAGE);
        assert_eq!(of(Ok(FAILED_ROWS)), FAILED_ROWS);
    }

    #[test]
    fn what_failed_once_it_had_begun_is_1_and_a_place_that_is_none_64() {
        let io = std::io::Error::from;
        let path = Path::new("x.html");
        let code = |kind| of(written(path, Err(io(kind))).map(|()| OK));
        for kind in [ErrorKind::StorageFull, ErrorKind::PermissionDenied] {
            assert_eq!(code(kind), FAILED, "{kind}");
        }
        for kind in [ErrorKind::NotFound, ErrorKind::IsADirectory] {
            assert_eq!(code(kind), USAGE, "{kind}");
        }
        assert_eq!(code(ErrorKind::BrokenPipe), OK);
        let said = written(path, Err(io(ErrorKind::StorageFull))).unwrap_err();
        assert!(
            format!("{said:#}").starts_with("cannot write x.html: "),
            "{said:#}"
        );
        // Also where nobody marked it, and behind a context.
        let full = anyhow::Error::from(io(ErrorKind::StorageFull)).context("printing");
        assert_eq!(of(Err(full)), FAILED);
        assert_eq!(of(Err(begun(anyhow::anyhow!("no")).context("why"))), FAILED);
    }
}
