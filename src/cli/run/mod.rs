//! `annexa run`: the three roles in one process, on SQLite and files. Checks everything before any work, goes on where
//! an earlier run of the same job stopped, and does nothing twice.

/// As the standard ones, but a reader that has gone (`annexa run ... | head`) ends no work by a panic.
macro_rules! println {
    ($($part:tt)*) => {{ use std::io::Write as _; let _ = writeln!(std::io::stdout(), $($part)*); }};
}
macro_rules! print {
    ($($part:tt)*) => {{ use std::io::Write as _; let _ = write!(std::io::stdout(), $($part)*); }};
}
macro_rules! eprintln {
    ($($part:tt)*) => {{ use std::io::Write as _; let _ = writeln!(std::io::stderr(), $($part)*); }};
}
macro_rules! eprint {
    ($($part:tt)*) => {{ use std::io::Write as _; let _ = write!(std::io::stderr(), $($part)*); }};
}

mod args;
mod check;
mod closing;
mod compose;
mod consent;
mod estimate;
mod estimate_command;
mod folder;
mod meter;
mod models;
mod prepare;
mod progress;

pub use args::RunArgs;
pub(super) use compose::SCHEMA_VERSION as LEDGER_VERSION;
pub(super) use folder::STATE_FOLDER;
pub(super) use prepare::default_answers_file;

use super::exit;
use crate::adapters::signals::StopSignals;
use crate::core::job::{End, JobRecord, Phase};
use crate::ports::signals::{self, ShutdownHandle};

/// Runs the command and returns the exit code.
pub fn run(args: &RunArgs) -> u8 {
    in_runtime(run_job(args))
}

/// Runs `annexa estimate` and returns the exit code.
pub fn estimate(args: &RunArgs) -> u8 {
    in_runtime(async {
        match estimate_command::print(args).await {
            Ok(()) => exit::OK,
            Err(refusal) => refuse(&refusal),
        }
    })
}

fn refuse(refusal: &prepare::Refusal) -> u8 {
    for problem in &refusal.problems {
        eprintln!("annexa: {problem}");
    }
    refusal.code
}

fn in_runtime(work: impl Future<Output = u8>) -> u8 {
    init_logs();
    crate::cli::runtime::in_runtime("annexa", work)
}

/// Logs go to stderr and say nothing unless asked (`ANNEXA_LOG=warn`, `info`, `annexa=debug`).
fn init_logs() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("ANNEXA_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("off"));
    let format = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // A second initialisation (several commands in one process, as in tests) is no error.
    let _ = format.try_init();
}

async fn run_job(args: &RunArgs) -> u8 {
    let prepared = match prepare::prepare(args).await {
        Ok(prepared) => prepared,
        Err(refusal) => return refuse(&refusal),
    };
    prepared.folder.tidy(false);
    let (handle, shutdown) = signals::shutdown();
    let run = match compose::Run::open(&prepared, shutdown).await {
        Ok(run) => run,
        Err(error) => {
            eprintln!("annexa: {error}");
            return exit::FAILED;
        }
    };
    let rows_before = match run.job().await {
        Ok(job) if job.is_over() => {
            prepared.folder.tidy(true);
            let is_whole = closing::already_done(args, &prepared, &job);
            // The run that did it may have died before it told.
            tell(&run).await;
            return if is_whole {
                code_of(&job)
            } else {
                exit::FAILED
            };
        }
        Ok(job) => {
            progress::announce(&prepared, &job);
            job.counters.tally.rows
        }
        Err(error) => {
            eprintln!("annexa: {error}");
            return exit::FAILED;
        }
    };
    let ended = tokio::select! {
        biased;
        () = interrupted(&handle) => unreachable!("the second signal ends the process"),
        ended = run.until_over(&handle, args.json) => ended,
    };
    match ended {
        compose::Ended::Over(job) => {
            // Again, now that nobody writes: work that was cut may have left a file after the finisher had tidied up.
            prepared.folder.tidy(true);
            closing::table(args, &prepared, &job, rows_before, run.started());
            tell(&run).await;
            code_of(&job)
        }
        compose::Ended::Paused(job) => {
            closing::paused(&prepared, &job);
            exit::PAUSED
        }
        compose::Ended::Interrupted => {
            closing::interrupted(&prepared);
            exit::INTERRUPTED
        }
        compose::Ended::GaveUp(error) => {
            closing::gave_up(&prepared, &error);
            exit::FAILED
        }
    }
}

/// Tells of the end where that is asked for. The job is done either way, so that a receiver that does not answer changes
/// no exit code.
async fn tell(run: &compose::Run) {
    let stopped = async {
        match StopSignals::listen() {
            Ok(mut signals) => signals.next().await,
            Err(_) => std::future::pending().await,
        }
    };
    let is_told = tokio::select! {
        biased;
        is_told = run.tell() => is_told,
        _ = stopped => false,
    };
    if !is_told {
        eprintln!(
            "annexa: warning: the webhook was not told of the end; the same command tells it again, for a day (why: ANNEXA_LOG=warn)"
        );
    }
}

/// The first Ctrl-C (or SIGTERM) asks for a drain, the second ends the process at once (S21).
async fn interrupted(handle: &ShutdownHandle) {
    let Ok(mut signals) = StopSignals::listen() else {
        // Then a signal ends the process as the system has it; what is paid for is stored.
        return std::future::pending().await;
    };
    signals.next().await;
    eprintln!(
        "annexa: stopping; calls in flight are finished and kept (once more to stop at once)"
    );
    handle.drain();
    signals.next().await;
    std::process::exit(exit::INTERRUPTED.into());
}

fn code_of(job: &JobRecord) -> u8 {
    match &job.phase {
        Phase::Ended(End::Completed) => exit::OK,
        Phase::Ended(End::CompletedWithErrors) => exit::FAILED_ROWS,
        _ => exit::FAILED,
    }
}
