//! One row by itself: its outcome, its codes, and why a person should look at it.

use std::collections::BTreeSet;
use std::sync::Arc;

use csv::ByteRecord;

use super::report::Notes;
use super::{Check, Known, Place};
use crate::core::opinion::Agreement;
use crate::core::outcome::{AnsweredBy, Outcome, ReviewReason};
use crate::core::problem::Problem;
use crate::results::ResultColumns;
use crate::terms::{Term, TermTable};

/// Codes that an answer may have besides its primary one.
const MOST_SUPPORTING: usize = 3;

/// Checks rows one by one.
pub(super) struct RowCheck {
    columns: ResultColumns,
    problems: &'static [Problem],
    model: String,
    prompt_version: String,
    terms: Option<Arc<TermTable>>,
    reasons: BTreeSet<&'static str>,
    coded: u64,
    reviews: u64,
}

impl RowCheck {
    pub(super) fn new(
        place: &Place,
        known: &Known,
        columns: &ResultColumns,
        notes: &mut Notes,
    ) -> RowCheck {
        let spec = &known.owner.spec;
        let builtin = TermTable::builtin();
        let terms = [place.terms.clone(), Some(builtin)]
            .into_iter()
            .flatten()
            .find(|table| table.sha256_hex() == spec.terms_sha256);
        if terms.is_none() {
            let why = match &place.terms {
                Some(_) => "the terms that are named are not those of the job",
                None => "the job's terms are not the built-in ones: name them with --terms FILE",
            };
            notes.skip(Check::Codes, why);
        }
        RowCheck {
            columns: columns.clone(),
            problems: spec.problem_type.problems(),
            model: spec.model_id.clone(),
            prompt_version: spec.prompt_version.clone(),
            terms,
            reasons: ReviewReason::ALL.map(ReviewReason::name).into(),
            coded: 0,
            reviews: 0,
        }
    }

    /// The job's terms; none: they are not at hand.
    pub(super) fn terms(&self) -> Option<&TermTable> {
        self.terms.as_deref()
    }

    fn own<'r>(&self, record: &'r ByteRecord, name: &str) -> &'r str {
        cell(record, self.columns.own(name))
    }

    fn of<'r>(&self, record: &'r ByteRecord, problem: Problem, field: &str) -> &'r str {
        cell(record, self.columns.of_problem(problem, field))
    }

    /// What the row ended as; none: what stands there is no outcome.
    pub(super) fn outcome(&self, record: &ByteRecord) -> Option<Outcome> {
        let name = self.own(record, "outcome");
        Outcome::ALL.into_iter().find(|own| own.name() == name)
    }

    pub(super) fn row(&mut self, row: u64, record: &ByteRecord, notes: &mut Notes) {
        for problem in broken_outcome(self, record) {
            notes.problem(Check::Outcomes, format!("row {row}: {problem}"));
        }
        let mut last = None;
        for reason in self
            .own(record, "review")
            .split(';')
            .filter(|word| !word.is_empty())
        {
            self.reviews += 1;
            let is_known = self.reasons.contains(reason);
            notes.expect(Check::Reviews, is_known && last != Some(reason), || {
                format!("row {row}: a reason for review that is not from the fixed set, or is there twice")
            });
            last = Some(reason);
        }
        if let Some(terms) = self.terms.clone() {
            for problem in self.problems {
                for what in self.broken_codes(&terms, *problem, record) {
                    let prefix = problem.column_prefix();
                    notes.problem(Check::Codes, format!("row {row}: {prefix}_{what}"));
                }
            }
        }
    }

    /// What is wrong with a problem's codes, each beginning with the name of its column behind the prefix.
    fn broken_codes(
        &mut self,
        terms: &TermTable,
        problem: Problem,
        record: &ByteRecord,
    ) -> Vec<&'static str> {
        let mut broken = Vec::new();
        let code = self.of(record, problem, "code");
        let good = |code: &str| good_term(terms, problem, code).is_some();
        if code.is_empty() {
            let others = [
                "term",
                "path",
                "confidence",
                "evidence",
                "rationale",
                "supporting",
            ];
            let is_bare = others
                .iter()
                .all(|field| self.of(record, problem, field).is_empty());
            if !is_bare {
                broken.push("code is empty, and other columns of it are not");
            }
        } else {
            self.coded += 1;
            match good_term(terms, problem, code) {
                None => broken
                    .push("code is not in the terms, may not be chosen, or is of another annex"),
                Some(term) => {
                    if self.of(record, problem, "term") != term.term() {
                        broken.push("term is not the term of its code");
                    }
                    if self.of(record, problem, "path") != terms.path(code) {
                        broken.push("path is not the path of its code");
                    }
                }
            }
            if !is_share(self.of(record, problem, "confidence")) {
                broken.push("confidence is no number from 0 to 1");
            }
            let supporting = self.of(record, problem, "supporting");
            let list: Option<Vec<serde_json::Value>> = serde_json::from_str(supporting).ok();
            let is_good = list.is_some_and(|list| {
                list.len() <= MOST_SUPPORTING
                    && list
                        .iter()
                        .all(|entry| entry["code"].as_str().is_some_and(good))
            });
            if !is_good {
                broken.push("supporting is no list of at most three codes of the terms");
            }
        }
        let second = self.of(record, problem, "second_code");
        let agreement = self.of(record, problem, "agreement");
        if !second.is_empty() && !good(second) {
            broken
                .push("second_code is not in the terms, may not be chosen, or is of another annex");
        }
        let supporting = self.of(record, problem, "supporting");
        if !may_say(agreement, code, supporting, second, terms) {
            broken.push("agreement does not say how the two codes agree");
        }
        broken
    }

    pub(super) fn end(&mut self, rows: u64, notes: &mut Notes) {
        notes.looked(Check::Outcomes, format!("{rows} rows"));
        let (coded, reviews) = (self.coded, self.reviews);
        notes.looked(Check::Codes, format!("{coded} codes, all of the terms"));
        notes.looked(Check::Reviews, format!("{reviews} reasons"));
    }
}

/// What does not fit together in a row.
fn broken_outcome(check: &RowCheck, record: &ByteRecord) -> Vec<&'static str> {
    let own = |name| check.own(record, name);
    let has_code = |problem: &Problem| !check.of(record, *problem, "code").is_empty();
    let all_coded = check.problems.iter().all(has_code);
    let none_coded = !check.problems.iter().any(has_code);
    let sufficient = own("sufficient_information");
    let by = own("answered_by");
    let was_asked = AnsweredBy::ALL.iter().any(|who| who.name() == by);
    let mut broken = Vec::new();
    let mut expect = |holds: bool, what: &'static str| {
        if !holds {
            broken.push(what);
        }
    };
    match check.outcome(record) {
        None => expect(false, "its outcome is none of the four"),
        Some(Outcome::Coded) => {
            expect(all_coded, "it is coded, and a code is missing");
            expect(
                sufficient == "true",
                "it is coded, and sufficient_information is not true",
            );
            expect(
                was_asked,
                "it is coded, and answered_by says nobody that is known",
            );
        }
        Some(Outcome::Insufficient) => {
            expect(none_coded, "it is insufficient, and has a code");
            expect(
                sufficient == "false",
                "it is insufficient, and sufficient_information is not false",
            );
            expect(
                was_asked,
                "it is insufficient, and answered_by says nobody that is known",
            );
        }
        Some(Outcome::Empty) => {
            expect(none_coded, "it is empty, and has a code");
            expect(
                sufficient.is_empty(),
                "it is empty, and sufficient_information says something",
            );
            expect(by.is_empty(), "it is empty, and somebody answered it");
        }
        Some(Outcome::Failed) => {
            expect(
                own("error").contains(':'),
                "it failed, and error does not say why",
            );
            expect(
                sufficient.is_empty(),
                "it failed, and sufficient_information says something (a failure is no finding)",
            );
        }
    }
    expect(
        ["true", "false"].contains(&own("text_truncated")),
        "text_truncated is neither true nor false",
    );
    let (model, version) = match by.is_empty() {
        true => ("", ""),
        false => (check.model.as_str(), check.prompt_version.as_str()),
    };
    expect(own("model") == model, "model is not the job's");
    expect(
        own("prompt_version") == version,
        "prompt_version is not the job's",
    );
    broken
}

/// Whether `agreement` may stand beside these codes. What the second opinion lists besides its primary code is in no column, so
/// that `listed` can be told to be missing, and not to be wrong.
fn may_say(agreement: &str, code: &str, supporting: &str, second: &str, terms: &TermTable) -> bool {
    if code.is_empty() || second.is_empty() {
        return agreement.is_empty();
    }
    let list: Vec<serde_json::Value> = serde_json::from_str(supporting).unwrap_or_default();
    let is_listed = list.iter().any(|entry| entry["code"] == second);
    let due = match () {
        () if code == second => Agreement::Same,
        () if is_listed => Agreement::Listed,
        () if terms.is_above(code, second) || terms.is_above(second, code) => Agreement::Related,
        () => Agreement::Different,
    };
    let may_be_listed = due != Agreement::Same && agreement == Agreement::Listed.name();
    agreement == due.name() || may_be_listed
}

fn good_term<'t>(terms: &'t TermTable, problem: Problem, code: &str) -> Option<&'t Term> {
    let term = terms.by_code(code)?;
    (term.selectable() && problem.annexes().contains(&term.annex())).then_some(term)
}

fn is_share(text: &str) -> bool {
    text.parse::<f64>()
        .is_ok_and(|share| (0.0..=1.0).contains(&share))
}

fn cell(record: &ByteRecord, at: Option<usize>) -> &str {
    let bytes = at.and_then(|at| record.get(at)).unwrap_or_default();
    // What is no text is no word that anything is compared with.
    std::str::from_utf8(bytes).unwrap_or("\u{FFFD}")
}
