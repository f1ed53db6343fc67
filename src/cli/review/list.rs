//! `annexa review --list`: which rows, why, and what was decided; no text.

use std::io::Write;

use serde::Serialize;

use super::ReviewArgs;
use crate::core::ids::RowNo;
use crate::outputs::Outputs;
use crate::review::{Newest, Pin, Verdict};
use crate::shown::safe;

/// A line of JSON.
#[derive(Serialize)]
struct Listed<'r> {
    row: RowNo,
    id: &'r str,
    outcome: &'r str,
    review: Vec<&'r str>,
    decision: Option<&'static str>,
}

pub(super) fn run(args: &ReviewArgs, outputs: &Outputs, out: &mut dyn Write) -> anyhow::Result<()> {
    let newest = Newest::read(outputs.folder(), &Pin::of(outputs)?)?;
    let pick = args.pick();
    let mut rows = outputs.rows()?;
    let (mut listed, mut decided) = (0, 0);
    if !args.json {
        writeln!(
            out,
            "{:>9}  {:<10}  {:<20}  reasons",
            "row", "decision", "id"
        )?;
    }
    while let Some(row) = rows.next_row()? {
        let number = row.row().unwrap_or_default();
        let verdict = newest.verdict(number);
        let is_before = args.row.is_some_and(|from| number < from);
        if is_before || !pick.takes(&row, verdict == Some(Verdict::Marked)) {
            continue;
        }
        let line = Listed {
            row: number,
            id: row.id(),
            outcome: row.own("outcome"),
            review: row.review().collect(),
            decision: verdict.map(Verdict::name),
        };
        listed += 1;
        decided += u64::from(verdict.is_some());
        if args.json {
            writeln!(out, "{}", serde_json::to_string(&line)?)?;
            continue;
        }
        // An id is the user's, and the results may have been changed: either may hold anything.
        let (id, reasons) = (safe(line.id), safe(&line.review.join(" ")));
        let decision = line.decision.unwrap_or("-");
        writeln!(out, "{number:>9}  {decision:<10}  {id:<20}  {reasons}")?;
    }
    if !args.json {
        writeln!(out, "{listed} rows, {decided} of them decided")?;
    }
    Ok(())
}
