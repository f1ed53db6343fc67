//! Exit codes (DESIGN §6), and how an error of a command becomes one.

use std::io::ErrorKind;

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

/// The exit code of a command that only reads and prints; its error goes to stderr.
pub fn of(result: anyhow::Result<u8>) -> u8 {
    match result {
        Ok(code) => code,
        // `annexa terms search ... | head`: the reader has enough, that is no error.
        Err(error) if is_broken_pipe(&error) => OK,
        Err(error) => {
            eprintln!("annexa: {error:#}");
            USAGE
        }
    }
}

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

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let broken = |kind| kind == Some(ErrorKind::BrokenPipe);
    error.chain().any(|cause| {
        let io = cause
            .downcast_ref::<std::io::Error>()
            .map(std::io::Error::kind);
        let json = cause
            .downcast_ref::<serde_json::Error>()
            .and_then(serde_json::Error::io_error_kind);
        broken(io) || broken(json)
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
}
