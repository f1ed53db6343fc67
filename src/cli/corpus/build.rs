//! `annexa corpus build`.

use super::{BuildArgs, coded};
use crate::cli::exit;
use crate::cli::named;
use crate::core::problem::Problem;
use crate::precedents::corpus::{self, Report};
use crate::precedents::{self, FOLDS, HeldOut, Precedents, PrecedentsError};
use crate::terms::TermTable;
use anyhow::{Context, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Write};
use std::path::Path;

/// zstd's strongest level that needs no special window on reading.
const CORPUS_ZSTD_LEVEL: i32 = 19;

/// The corpus file that comes with the program.
pub(super) const BUILTIN_CORPUS: &[u8] = include_bytes!("../../../data/corpus/reports.csv.zst");

pub(super) fn run(args: &BuildArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    // Codes are checked against it.
    let terms = named::terms(args.terms.as_deref())?;
    let mut reports = match own(args)? {
        Some(rows) => {
            let (reports, left_out) = coded::checked(rows, &terms, args.drop_unknown)?;
            writeln!(
                out,
                "coded     {} reports; left out: {} without text or codes, {} codes that are not in the terms",
                reports.len(),
                left_out.reports,
                left_out.codes
            )?;
            reports
        }
        None => load(args)?,
    };
    if args.with_builtin {
        reports = with_builtin(reports, read_corpus_bytes(BUILTIN_CORPUS)?);
    }
    if let Some(path) = &args.corpus_out {
        let mut plain = Vec::new();
        corpus::write_corpus(&reports, &mut plain)?;
        write(path, &zstd::bulk::compress(&plain, CORPUS_ZSTD_LEVEL)?)?;
        writeln!(
            out,
            "corpus    {} reports, {}",
            reports.len(),
            path.display()
        )?;
    }
    use_current_codes(&mut reports, &terms);
    if let Some(path) = &args.counts_out {
        write(path, label_counts(&reports, &terms).as_bytes())?;
    }
    let selectable = may_be_learnt(&terms);
    let scored = score(&reports, FOLDS, &selectable)?;
    let artifact = precedents::finish(&reports, &scored, &selectable)?;
    let model = Precedents::from_bytes(&artifact)?;
    write(&args.out, &artifact)?;
    let [products, patients] = Problem::ALL.map(|problem| model.codes(problem).count());
    writeln!(
        out,
        "artifact  {} reports, {products} product and {patients} patient codes, {} bytes, {}",
        model.reports().len(),
        artifact.len(),
        args.out.display()
    )?;
    Ok(())
}

/// A user's own coded reports; none: the flags name a corpus, or reports with the codes of a register.
fn own(args: &BuildArgs) -> anyhow::Result<Option<Vec<coded::CodedRow>>> {
    if let Some(path) = &args.coded {
        return coded::read_coded(path, args).map(Some);
    }
    match (&args.reports, &args.gold) {
        (Some(results), Some(gold)) => {
            let decided = coded::decisions(gold)?;
            let read = decided.map(|decided| coded::read_reviewed(results, gold, &decided, args));
            read.transpose()
        }
        _ => Ok(None),
    }
}

/// The user's reports and those of `builtin` that have other texts.
pub(super) fn with_builtin(mut own: Vec<Report>, builtin: Vec<Report>) -> Vec<Report> {
    let texts: BTreeSet<String> = own.iter().map(Report::folded_text).collect();
    let others = builtin.into_iter();
    own.extend(others.filter(|report| !texts.contains(&report.folded_text())));
    own
}

/// The codes that may be learnt as answers: selectable in `terms`.
pub(super) fn may_be_learnt(terms: &TermTable) -> impl Fn(Problem, &str) -> bool + Sync + use<> {
    let sets = Problem::ALL.map(|problem| {
        terms
            .selectable(problem)
            .map(|term| term.code().to_owned())
            .collect::<BTreeSet<_>>()
    });
    move |problem, code| sets[problem as usize].contains(code)
}

/// Replaces retired codes by those that took their place in the built-in table, where one did; each code then stands once.
pub(super) fn use_current_codes(reports: &mut [Report], terms: &TermTable) {
    for codes in reports
        .iter_mut()
        .flat_map(|r| [&mut r.product, &mut r.patient])
    {
        let mut current: Vec<String> = Vec::with_capacity(codes.len());
        for code in codes.drain(..) {
            let term = terms.by_code(&code).and_then(|term| terms.current(term));
            let code = term.map_or(code, |term| term.code().to_owned());
            if !current.contains(&code) {
                current.push(code);
            }
        }
        *codes = current;
    }
}

/// Every report's codes by a model that did not see its text. Two folds at a time: the two threads share nothing but the
/// corpus, and the result does not depend on which is faster.
///
/// In a corpus of a few reports a fold may leave nothing to learn from: its reports are then scored by nobody, and say
/// nothing about how far scores can be trusted.
pub(super) fn score(
    reports: &[Report],
    folds: usize,
    selectable: &precedents::Selectable<'_>,
) -> anyhow::Result<Vec<(usize, HeldOut)>> {
    let fold_of = precedents::folds(reports, folds);
    let lane = |first: usize| -> Result<Vec<(usize, HeldOut)>, PrecedentsError> {
        let mut scored = Vec::new();
        for held in (first..folds).step_by(2) {
            match precedents::score_fold(reports, &fold_of, held, selectable) {
                Err(PrecedentsError::Corpus { .. }) => {
                    let of_fold = (0..reports.len()).filter(|index| fold_of[*index] == held);
                    scored.extend(of_fold.map(|index| (index, HeldOut::default())));
                }
                fold => scored.extend(fold?),
            }
        }
        Ok(scored)
    };
    let (even, odd) = std::thread::scope(|scope| {
        let odd = scope.spawn(|| lane(1));
        (lane(0), odd.join())
    });
    let Ok(odd) = odd else {
        bail!("a training thread ended by a panic: this is a bug")
    };
    let mut scored = even?;
    scored.extend(odd?);
    scored.sort_by_key(|(index, _)| *index);
    Ok(scored)
}

fn load(args: &BuildArgs) -> anyhow::Result<Vec<Report>> {
    if let Some(path) = &args.corpus {
        return read_corpus_file(path);
    }
    let (Some(reports), Some(gold)) = (&args.reports, &args.gold) else {
        bail!("name your coded reports, or give --corpus FILE, or --reports CSV with --gold CSV");
    };
    let mut reports = corpus::join(open(reports)?, open(gold)?)?;
    if let Some(path) = &args.exclude {
        let excluded = corpus::texts(open(path)?)?;
        reports.retain(|report| !excluded.contains(&report.folded_text()));
    }
    Ok(reports)
}

/// Reads a corpus file, compressed or not.
pub(super) fn read_corpus_file(path: &Path) -> anyhow::Result<Vec<Report>> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    read_corpus_bytes(&bytes).with_context(|| format!("in {}", path.display()))
}

/// The same from memory.
pub(super) fn read_corpus_bytes(bytes: &[u8]) -> anyhow::Result<Vec<Report>> {
    const ZSTD_MARK: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
    Ok(if bytes.starts_with(&ZSTD_MARK) {
        corpus::read_corpus(zstd::stream::read::Decoder::new(bytes)?)?
    } else {
        corpus::read_corpus(bytes)?
    })
}

fn open(path: &Path) -> anyhow::Result<impl Read + use<>> {
    let file = fs::File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    Ok(std::io::BufReader::new(file))
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    exit::written(path, fs::write(path, bytes))
}

/// How many reports carry each code after closing their codes upwards: `code,reports`, first the total.
fn label_counts(reports: &[Report], terms: &TermTable) -> String {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for report in reports {
        let mut closed: BTreeSet<&str> = BTreeSet::new();
        for code in report.product.iter().chain(&report.patient) {
            closed.insert(code);
            closed.extend(terms.ancestors(code).iter().map(|term| term.code()));
        }
        for code in closed {
            *counts.entry(code).or_default() += 1;
        }
    }
    let mut csv = format!("code,reports\ntotal,{}\n", reports.len());
    for (code, count) in counts {
        csv.push_str(&format!("{code},{count}\n"));
    }
    csv
}
