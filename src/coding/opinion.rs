//! How two opinions on a report agree: compared problem by problem, by codes and their place in the tree of terms.

use super::examples::MAX_EXAMPLES;
use crate::core::answer::{IncidentAnswer, Suggestion};
use crate::core::opinion::{Agreement, SecondOpinion, uses_coded_reports};
use crate::core::outcome::AnsweredBy;
use crate::core::problem::{Problem, ProblemType};
use crate::ports::model::ModelInfo;
use crate::precedents::CodedReports;
use crate::results::SecondCode;
use crate::terms::TermTable;

/// How the codes of one problem agree; none: one of them has no code. The same in both directions.
pub fn agreement(
    first: &[Suggestion],
    second: &[Suggestion],
    terms: &TermTable,
) -> Option<Agreement> {
    let (one, other) = (&first.first()?.code, &second.first()?.code);
    let lists = |list: &[Suggestion], code: &str| list.iter().any(|entry| entry.code == code);
    Some(if one == other {
        Agreement::Same
    } else if lists(first, other) || lists(second, one) {
        Agreement::Listed
    } else if terms.is_above(one, other) || terms.is_above(other, one) {
        Agreement::Related
    } else {
        Agreement::Different
    })
}

/// What a second opinion puts beside the first, for the problems where it has a code.
pub fn compare(
    first: &IncidentAnswer,
    second: &IncidentAnswer,
    asked: ProblemType,
    terms: &TermTable,
) -> Vec<SecondCode> {
    let of_problem = |problem| {
        let list = second.suggestions(problem);
        let primary = list.first()?;
        Some(SecondCode {
            problem,
            code: primary.code.clone(),
            confidence: primary.confidence,
            agreement: agreement(first.suggestions(problem), list, terms),
        })
    };
    let problems = asked.problems().iter().copied();
    problems.filter_map(of_problem).collect()
}

/// What a user asks for besides a model's answers.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Who is asked besides the model.
    pub second_opinion: Option<SecondOpinion>,
    /// Examples a report.
    pub examples: u32,
    /// Coded reports of the user's own, if any are named.
    pub own_corpus: Option<&'a CodedReports>,
    /// What is asked.
    pub problem_type: ProblemType,
}

/// What these things are called where the user said them.
#[derive(Debug, Clone, Copy)]
pub struct Names {
    second_opinion: &'static str,
    examples: &'static str,
    corpus: &'static str,
}

impl Names {
    /// On the command line.
    pub const FLAGS: Names = Names {
        second_opinion: "--second-opinion",
        examples: "--precedents",
        corpus: "--corpus",
    };
    /// In a spec.
    pub const FIELDS: Names = Names {
        second_opinion: "second_opinion",
        examples: "precedents",
        corpus: "corpus_bucket and corpus_key",
    };
}

impl Asked<'_> {
    /// All that cannot be asked of a model like `info`, each with what to do.
    pub fn problems(&self, info: &ModelInfo, names: &Names) -> Vec<String> {
        let mut problems = Vec::new();
        let (model, second) = (&info.model_id, names.second_opinion);
        let is_offline = info.answered_by == AnsweredBy::Precedents;
        match self.second_opinion {
            Some(SecondOpinion::Precedents) if is_offline => problems.push(format!(
                "{second} precedents: {model} answers from the coded reports itself, so that would be its own opinion again; \
                 leave it out, or name a Claude model"
            )),
            Some(SecondOpinion::Sample) if info.answers_repeat => problems.push(format!(
                "{second} sample: {model} gives the same answer every time; leave it out, or name a Claude model"
            )),
            _ => {}
        }
        let examples = names.examples;
        if self.examples > MAX_EXAMPLES {
            problems.push(format!(
                "{examples} is {}: 0 to {MAX_EXAMPLES} examples a report are allowed",
                self.examples
            ));
        }
        if self.examples > 0 && info.answers_repeat {
            problems.push(format!(
                "{examples}: {model} answers from the coded reports and reads no examples; leave it out, or name a Claude model"
            ));
        }
        let is_used = uses_coded_reports(self.second_opinion, self.examples) || info.answers_repeat;
        let Some(own) = self.own_corpus else {
            return problems;
        };
        let corpus = names.corpus;
        if !is_used {
            problems.push(format!(
                "{corpus}: nothing uses the coded reports; ask for {second} precedents or for {examples}, or leave it out"
            ));
        }
        let lacks = |problem: &&Problem| own.precedents().codes(**problem).next().is_none();
        let lacking = self.problem_type.problems().iter().find(lacks);
        if let (Some(problem), true) = (lacking, info.answers_repeat) {
            problems.push(format!(
                "{corpus}: the coded reports have no {} code, so {model} could answer no row; ask for the other problem alone",
                problem.name()
            ));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn list(codes: &[&str]) -> Vec<Suggestion> {
        let entry = |code: &&str| Suggestion {
            code: code.to_string(),
            confidence: 0.5,
            evidence: String::new(),
            rationale: String::new(),
        };
        codes.iter().map(entry).collect()
    }

    #[test]
    fn agreement_is_by_codes_and_by_parents_and_never_by_digits() {
        let terms = TermTable::builtin();
        // E1707 has the digits of E17, and E23 for a parent (IMDRF release 2025).
        let parent = terms.parent(terms.by_code("E1707").unwrap()).unwrap();
        assert_eq!(parent.code(), "E23");
        let cases: [(&[&str], &[&str], Option<Agreement>); 11] = [
            (&["A0401"], &["A0401", "A05"], Some(Agreement::Same)),
            (&["A05", "A0401"], &["A0401"], Some(Agreement::Listed)),
            (&["A05"], &["A0401", "A05"], Some(Agreement::Listed)),
            // Listed counts before related.
            (&["A04", "A0401"], &["A0401"], Some(Agreement::Listed)),
            (&["A04"], &["A0401"], Some(Agreement::Related)),
            (&["A040101"], &["A04"], Some(Agreement::Related)),
            (&["E1707"], &["E23"], Some(Agreement::Related)),
            (&["E1707"], &["E17"], Some(Agreement::Different)),
            // Siblings, and supporting codes that both have, are no agreement of the primary ones.
            (
                &["A0401", "A07"],
                &["A0402", "A07"],
                Some(Agreement::Different),
            ),
            (&[], &["A04"], None),
            (&["A04"], &[], None),
        ];
        for (first, second, expected) in cases {
            let found = agreement(&list(first), &list(second), &terms);
            assert_eq!(found, expected, "{first:?} {second:?}");
        }
    }

    #[test]
    fn an_insufficient_answer_gets_the_second_code_and_no_agreement() {
        let terms = TermTable::builtin();
        let second = IncidentAnswer {
            sufficient_information: true,
            product: list(&["A0401"]),
            ..IncidentAnswer::default()
        };
        let compared = compare(
            &IncidentAnswer::default(),
            &second,
            ProblemType::Both,
            &terms,
        );
        let expected = SecondCode {
            problem: Problem::Product,
            code: "A0401".to_string(),
            confidence: 0.5,
            agreement: None,
        };
        assert_eq!(compared, [expected]);
        let patient = compare(&second, &second, ProblemType::Patient, &terms);
        assert_eq!(patient, [], "nothing is said of what was not asked");
    }

    proptest! {
        #[test]
        fn who_is_asked_first_does_not_matter(
            one in prop::collection::vec(0usize..1_000, 0..4),
            other in prop::collection::vec(0usize..1_000, 0..4),
        ) {
            let terms = TermTable::builtin();
            let codes = |picks: &[usize]| {
                let all = terms.terms();
                list(&picks.iter().map(|pick| all[pick % all.len()].code()).collect::<Vec<_>>())
            };
            let (one, other) = (codes(&one), codes(&other));
            prop_assert_eq!(agreement(&one, &other, &terms), agreement(&other, &one, &terms));
        }
    }
}
