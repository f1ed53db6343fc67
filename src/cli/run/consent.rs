//! Nobody spends by accident: a run says what it will cost, and asks above one dollar.

use std::io::{BufRead, IsTerminal, Write};
use std::path::Path;

use super::args::RunArgs;
use super::estimate::{cents, estimate};
use crate::coding::workload::Workload;
use crate::core::money::NanoUsd;
use crate::core::spec::JobSpec;
use crate::ports::model::ModelInfo;
use crate::precedents::CodedReports;

/// More than this is not spent unasked.
const UNASKED: NanoUsd = NanoUsd(1_000_000_000);

/// Says what the run will cost and asks if need be; returns what is to be asked of the model.
///
/// # Errors
/// Why it does not start, and what to do.
pub async fn ask(
    args: &RunArgs,
    spec: &JobSpec,
    info: &ModelInfo,
    coded: Option<&CodedReports>,
    answers: Option<&Path>,
) -> Result<Workload, String> {
    let estimate = estimate(args, spec, info, coded, answers)
        .await
        .map_err(|error| format!("{error:#}"))?;
    eprintln!("estimate: {}", estimate.line());
    for note in &estimate.notes {
        eprintln!("annexa: warning: {note}");
    }
    let is_terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    let is_small = match estimate.cost {
        Some(cost) => cost <= UNASKED,
        // Nobody can be asked about what nobody knows, but on a terminal.
        None => !is_terminal || estimate.workload.calls == 0,
    };
    // A cap is an answer too: so much may be spent.
    let may_spend = args.yes || args.max_cost_usd.is_some();
    if may_spend || is_small {
        return Ok(estimate.workload);
    }
    let cost = estimate
        .cost
        .map_or("an unknown amount of".to_string(), |cost| {
            format!("about {}", cents(cost))
        });
    if !is_terminal {
        return Err(format!(
            "this run may cost {cost} USD: say --yes to let it, or set a cap with --max-cost-usd"
        ));
    }
    eprint!("Spend {cost} USD? [y/N] ");
    let _ = std::io::stderr().flush();
    let mut reply = String::new();
    let read = std::io::stdin().lock().read_line(&mut reply);
    match read {
        Ok(_) if matches!(reply.trim(), "y" | "Y" | "yes") => Ok(estimate.workload),
        _ => Err("nothing was asked and nothing was spent".to_string()),
    }
}
