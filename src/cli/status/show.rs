//! A job's status as it is printed once.

use std::io::Write;

use super::Look;
use crate::control::status::pace::Speed;
use crate::control::status::{Quarantined, words};
use crate::shown::safe;

/// Prints it, a line each for what is known.
pub(super) fn show(look: &Look, chunks: &[Quarantined], out: &mut dyn Write) -> anyhow::Result<()> {
    let status = &look.status;
    // Names of files and reasons may hold anything.
    let mut line = |name: &str, value: String| writeln!(out, "{name:<16}{}", safe(&value));
    line("job", status.job_id.clone())?;
    line("state", status.state.to_string())?;
    if let Some(reason) = &status.reason {
        line("reason", reason.clone())?;
    }
    if status.generation > 0 {
        line("retries", status.generation.to_string())?;
    }
    line("input", status.input.clone())?;
    line("output", status.output.clone())?;
    line("model", status.model_id.clone())?;
    line("rows done", words::done_of(status))?;
    line("  coded", status.coded.to_string())?;
    line("  insufficient", status.insufficient.to_string())?;
    line("  empty", status.empty.to_string())?;
    line("  failed", status.failed.to_string())?;
    line("for review", status.review.to_string())?;
    line(
        "chunks",
        format!(
            "{} of {} committed, {} given up, {} parked",
            status.chunks_committed,
            status.chunks_total,
            status.chunks_quarantined,
            status.chunks_parked
        ),
    )?;
    line("cost", words::money(status))?;
    if status.calls > 0 || status.paid_answers_reused > 0 {
        line("calls", words::calls(status, &Speed::default()))?;
        let tokens = format!(
            "{} in, {} out, {} read from the prompt cache, {} written to it",
            status.input_tokens,
            status.output_tokens,
            status.cache_read_tokens,
            status.cache_write_tokens
        );
        line("tokens", tokens)?;
    }
    if let Some(work) = look.work.as_ref().filter(|_| !status.is_over()) {
        line("at work", words::work(work))?;
        if let Some(seen) = &work.last_seen {
            line("last seen", seen.clone())?;
        }
    }
    line("created", status.created.clone())?;
    if let Some(ended) = &status.ended {
        line("ended", ended.clone())?;
        let names = match status.state {
            "FAILED" | "CANCELLED" => "results.partial.csv, failures.partial.csv",
            _ => "results.csv, failures.csv",
        };
        line(
            "files",
            format!("{names}, summary.json, report.html, manifest.json"),
        )?;
    }
    for chunk in chunks {
        let last = chunk.first_row + u64::from(chunk.rows.saturating_sub(1));
        let what = format!(
            "chunk {}, rows {} to {last}: {}",
            chunk.chunk, chunk.first_row, chunk.reason
        );
        line("given up", what)?;
    }
    let more = (status.chunks_quarantined as usize).saturating_sub(chunks.len());
    if more > 0 {
        line("", format!("and {more} more chunks; --json lists them"))?;
    }
    if look.is_folder {
        if look.is_capped {
            let what = "the same annexa run with a higher --max-cost-usd goes on";
            line("to do", what.to_string())?;
        } else if !status.is_over() && look.work.as_ref().is_some_and(|work| work.workers == 0) {
            let what = "nobody is at work: the same annexa run goes on where it was";
            line("to do", what.to_string())?;
        }
        return Ok(());
    }
    let is_retryable = matches!(
        status.state,
        "COMPLETED_WITH_ERRORS" | "FAILED" | "CANCELLED"
    );
    if look.is_capped {
        let what = format!(
            "annexa resume {} --max-cost-usd MORE (the worker's log says what a call may cost)",
            status.job_id
        );
        line("to do", what)?;
    } else if status.was_refused {
        line(
            "to do",
            "mend what the reason names, and upload or submit it again".to_string(),
        )?;
    } else if status.is_input_bad {
        let what =
            "mend the file (or name its columns and encoding), and upload or submit it again";
        line("to do", what.to_string())?;
    } else if is_retryable {
        line("to do", format!("annexa retry {}", status.job_id))?;
    }
    Ok(())
}
