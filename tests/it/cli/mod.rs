//! The program as a user meets it: real processes, real files, exit codes, and what stands on the screen.

pub mod harness;
pub mod process;

mod again;
mod bad_files;
mod bad_rows;
mod changed_input;
mod commands;
mod deadly_row;
mod doctor;
mod exit_codes;
pub mod kills;
mod main_job;
mod money;
mod own_terms;
mod pipes;
mod privacy;
mod readme;
mod results_walk;
mod rules;
mod signals;
mod two_runs;
