//! `annexa corpus cross-validate`.

use super::ValidateArgs;
use super::build::{
    BUILTIN_CORPUS, may_be_learnt, read_corpus_bytes, read_corpus_file, score, use_current_codes,
};
use crate::precedents::folds;
use crate::precedents::measure::{Measures, ProblemMeasures, Reliability, Shares, measure};
use crate::terms::TermTable;
use std::io::Write;

pub(super) fn run(args: &ValidateArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut reports = match &args.corpus {
        Some(path) => read_corpus_file(path)?,
        None => read_corpus_bytes(BUILTIN_CORPUS)?,
    };
    use_current_codes(&mut reports, &TermTable::builtin());
    let count = usize::from(args.folds);
    let selectable = may_be_learnt(&TermTable::builtin());
    let scored = score(&reports, count, &selectable)?;
    let measures = measure(&reports, &folds(&reports, count), count, &scored);
    if args.json {
        serde_json::to_writer_pretty(&mut *out, &measures)?;
        writeln!(out)?;
        return Ok(());
    }
    print(&measures, out)?;
    Ok(())
}

fn print(measures: &Measures, out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(
        out,
        "{} reports, {} different texts, {} folds split by text\n\
         primary, one of four: share of the reports whose first code, or one of up to four, is among the reporter's;\n\
         specific: the reporter gave a code other than A24 to A27, E2401 to E2403; only specific: and none of those",
        measures.reports, measures.texts, measures.folds
    )?;
    print_problem("product", &measures.product, out)?;
    print_problem("patient", &measures.patient, out)
}

fn print_problem(
    name: &str,
    measures: &ProblemMeasures,
    out: &mut dyn Write,
) -> std::io::Result<()> {
    let (rows, primary, four) = ("rows", "primary", "one of four");
    writeln!(out, "\n{name:<34}{rows:>8}{primary:>10}{four:>13}")?;
    print_shares("all", &measures.all, out)?;
    print_shares("specific", &measures.specific, out)?;
    print_shares("only specific", &measures.only_specific, out)?;
    let [once, once_specific] = &measures.each_text_once;
    print_shares("each text once", once, out)?;
    print_shares("each text once, specific", once_specific, out)?;
    for (event_type, [all, specific]) in &measures.by_event_type {
        let event_type = if event_type.is_empty() {
            "no event type"
        } else {
            event_type
        };
        print_shares(event_type, all, out)?;
        print_shares(&format!("{event_type}, specific"), specific, out)?;
    }
    print_reliability("primary code", &measures.primary_confidence, out)?;
    print_reliability("every given code", &measures.confidence, out)
}

fn print_shares(name: &str, shares: &Shares, out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(
        out,
        "  {name:<32}{:>8}{:>10.3}{:>13.3}",
        shares.rows,
        shares.primary_share(),
        shares.any_of_four_share()
    )
}

fn print_reliability(
    name: &str,
    reliability: &Reliability,
    out: &mut dyn Write,
) -> std::io::Result<()> {
    let error = reliability.expected_error;
    writeln!(
        out,
        "  confidence of the {name}: calibration error {error:.3}"
    )?;
    writeln!(
        out,
        "    {:<10}{:>8}{:>12}{:>9}",
        "from", "codes", "confidence", "right"
    )?;
    for (at, bin) in reliability
        .bins
        .iter()
        .enumerate()
        .filter(|(_, bin)| bin.codes > 0)
    {
        let from = at as f64 / reliability.bins.len() as f64;
        let (codes, mean, right) = (bin.codes, bin.mean_confidence, bin.right);
        writeln!(out, "    {from:<10.1}{codes:>8}{mean:>12.3}{right:>9.3}")?;
    }
    Ok(())
}
