//! Reports in, figures out.

use super::codes::{CodeReader, ReadCodes, close_upwards};
use super::report::{Block, Report};
use super::shares::LabelShares;
use super::tally::{Counted, Tally};
use crate::core::problem::{Problem, ProblemType};
use crate::terms::{Term, TermTable};
use std::collections::BTreeMap;
use std::sync::Arc;

/// So many different event types get figures of their own.
const MAX_EVENT_TYPES: usize = 24;

/// One predicted code.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction<'a> {
    /// The code.
    pub code: &'a str,
    /// How sure the model is, 0 to 1.
    pub confidence: f64,
}

/// One report's codes for one problem.
#[derive(Debug, Clone, Copy, Default)]
pub struct Side<'a> {
    /// The reporter's codes as they stand in the gold file.
    pub gold: &'a [&'a str],
    /// The predicted codes, the primary first; none when there is no valid answer (failed, insufficient, empty, missing).
    pub predicted: &'a [Prediction<'a>],
}

/// One report.
#[derive(Debug, Clone, Copy, Default)]
pub struct Row<'a> {
    /// What the report is of, such as `Death`; `None` where that is not known.
    pub event_type: Option<&'a str>,
    /// Product problems; not looked at unless asked for.
    pub product: Side<'a>,
    /// Patient problems; not looked at unless asked for.
    pub patient: Side<'a>,
}

/// Counts reports one at a time and ends in a [`Report`]. Its memory goes with the number of terms, not with the reports.
#[derive(Debug)]
pub struct Evaluator {
    table: Arc<TermTable>,
    shares: Arc<LabelShares>,
    threshold: f64,
    asked: ProblemType,
    readers: [CodeReader; 2],
    product: Groups,
    patient: Groups,
    combined: Groups,
    unknown: u64,
    scratch: [SideSets; 2],
}

/// One report's sets for one problem; kept to be filled again.
#[derive(Debug, Default)]
struct SideSets {
    read: ReadCodes,
    gold: Vec<u32>,
    predicted: Vec<u32>,
    unknown: u64,
    hits: [bool; 4],
}

impl Evaluator {
    /// Starts with no report. `threshold`: the confidence from which on codes other than the primary count as predicted;
    /// `asked`: the problems that the reports were coded for.
    pub fn new(
        table: Arc<TermTable>,
        shares: Arc<LabelShares>,
        threshold: f64,
        asked: ProblemType,
    ) -> Self {
        let terms = table.len();
        Evaluator {
            table,
            shares,
            threshold,
            asked,
            readers: Default::default(),
            product: Groups::new(terms, true),
            patient: Groups::new(terms, true),
            combined: Groups::new(terms, false),
            unknown: 0,
            scratch: Default::default(),
        }
    }

    /// Counts one report.
    pub fn add(&mut self, row: &Row<'_>) {
        let [product, patient] = &mut self.scratch;
        let table = &*self.table;
        for (problem, side, sets) in [
            (Problem::Product, row.product, &mut *product),
            (Problem::Patient, row.patient, &mut *patient),
        ] {
            if !self.asked.asks(problem) {
                continue;
            }
            sets.fill(
                table,
                problem,
                side,
                &mut self.readers[problem as usize],
                self.threshold,
            );
            self.unknown += sets.unknown;
            let groups = match problem {
                Problem::Product => &mut self.product,
                Problem::Patient => &mut self.patient,
            };
            groups.add(row.event_type, sets.read.specific, &sets.counted());
        }
        if self.asked == ProblemType::Both {
            // Annex F is not in MADE. A closed set stays closed, because a parent is of its code's annex (a table in which
            // one is not is warned of when it is loaded).
            for set in [&mut patient.gold, &mut patient.predicted] {
                set.retain(|&index| table.terms()[index as usize].annex() == 'E');
            }
            product.gold.append(&mut patient.gold);
            product.predicted.append(&mut patient.predicted);
            let counted = Counted {
                has_gold: product.read.any || patient.read.any,
                hits: None,
                gold: &product.gold,
                predicted: &product.predicted,
                unknown: product.unknown + patient.unknown,
            };
            let specific = product.read.specific || patient.read.specific;
            self.combined.add(row.event_type, specific, &counted);
        }
    }

    /// The figures of what was counted.
    pub fn finish(self) -> Report {
        let [product_codes, patient_codes] = self.readers;
        let asks = |problem| self.asked.asks(problem);
        let block = |groups: &Groups| groups.block(&self.table, &self.shares);
        Report {
            threshold: self.threshold,
            terms_release: self.table.release().to_owned(),
            terms_sha256: self.table.sha256_hex(),
            product: asks(Problem::Product).then(|| block(&self.product)),
            patient: asks(Problem::Patient).then(|| block(&self.patient)),
            combined: (self.asked == ProblemType::Both).then(|| block(&self.combined)),
            product_gold_codes: asks(Problem::Product).then(|| product_codes.into_notes()),
            patient_gold_codes: asks(Problem::Patient).then(|| patient_codes.into_notes()),
            predicted_codes_unknown: self.unknown,
        }
    }
}

impl SideSets {
    fn fill(
        &mut self,
        table: &TermTable,
        problem: Problem,
        side: Side<'_>,
        reader: &mut CodeReader,
        threshold: f64,
    ) {
        self.read = reader.read(table, problem, side.gold, &mut self.gold);
        self.predicted.clear();
        self.unknown = 0;
        self.hits = [false; 4];
        for (at, prediction) in side.predicted.iter().enumerate() {
            let term = table
                .by_code(prediction.code)
                .filter(|term| problem.annexes().contains(&term.annex()));
            if let Some(term) = term.filter(|_| at < 4) {
                let exact = self.gold.contains(&(term.index() as u32));
                let level1 = self
                    .gold
                    .iter()
                    .any(|&gold| top(table, &table.terms()[gold as usize]) == top(table, term));
                self.hits[1] |= exact;
                self.hits[3] |= level1;
                if at == 0 {
                    self.hits[0] = exact;
                    self.hits[2] = level1;
                }
            }
            if at > 0 && prediction.confidence < threshold {
                continue;
            }
            match term.map(|term| term.index() as u32) {
                None => self.unknown += 1,
                Some(index) if !self.predicted.contains(&index) => self.predicted.push(index),
                Some(_) => {}
            }
        }
        close_upwards(table, &mut self.gold);
        close_upwards(table, &mut self.predicted);
    }

    fn counted(&self) -> Counted<'_> {
        Counted {
            has_gold: self.read.any,
            hits: Some(self.hits),
            gold: &self.gold,
            predicted: &self.predicted,
            unknown: self.unknown,
        }
    }
}

/// The top of a term's chain of parents.
fn top(table: &TermTable, term: &Term) -> usize {
    table.lineage(term).last().map_or(term.index(), Term::index)
}

/// The groups of reports that one block has figures for.
#[derive(Debug)]
struct Groups {
    terms: usize,
    hits: bool,
    overall: Tally,
    specific: Tally,
    unspecific: Tally,
    by_event_type: BTreeMap<String, Tally>,
    has_event_types: bool,
}

impl Groups {
    fn new(terms: usize, hits: bool) -> Self {
        Groups {
            terms,
            hits,
            overall: Tally::new(terms, hits),
            specific: Tally::new(terms, hits),
            unspecific: Tally::new(terms, hits),
            by_event_type: BTreeMap::new(),
            has_event_types: false,
        }
    }

    fn add(&mut self, event_type: Option<&str>, specific: bool, row: &Counted<'_>) {
        self.overall.add(row);
        if specific {
            self.specific.add(row);
        } else if row.has_gold {
            self.unspecific.add(row);
        }
        let name = event_type.map(str::trim).filter(|name| !name.is_empty());
        self.has_event_types |= name.is_some();
        let name = name.unwrap_or("(none)");
        if let Some(tally) = self.by_event_type.get_mut(name) {
            tally.add(row);
            return;
        }
        let name = if self.by_event_type.len() < MAX_EVENT_TYPES {
            name
        } else {
            "(other)"
        };
        let (terms, hits) = (self.terms, self.hits);
        self.by_event_type
            .entry(name.to_owned())
            .or_insert_with(|| Tally::new(terms, hits))
            .add(row);
    }

    fn block(&self, table: &TermTable, shares: &LabelShares) -> Block {
        let measures = |tally: &Tally| tally.measures(table, shares);
        let mut by_event_type = BTreeMap::new();
        if self.has_event_types {
            by_event_type.extend(
                self.by_event_type
                    .iter()
                    .map(|(name, tally)| (name.clone(), measures(tally))),
            );
        }
        Block {
            overall: measures(&self.overall),
            specific: measures(&self.specific),
            unspecific: measures(&self.unspecific),
            by_event_type,
        }
    }
}
