//! Coded reports that are shown to a model beside a report that they resemble (MADE, arXiv 2604.15203, has the ten nearest
//! in the prompt): which ones, how much of them, and what of it shapes answers.
//!
//! The report itself is never its own example. Where a corpus holds the very text that is to be coded (MAUDE reports come
//! again, and users code files from which their corpus was made), its codes would be the answer: a model would copy them,
//! and whoever measures it would measure copying.

use std::collections::BTreeSet;

use super::text::prepare;
use crate::core::problem::{Problem, ProblemType};
use crate::ports::model::Example;
use crate::precedents::corpus::fold;
use crate::precedents::{CodedReports, Precedents, is_same};
use crate::terms::TermTable;

/// The most examples a report.
pub const MAX_EXAMPLES: u32 = 20;

/// Characters of an example's text that are shown; a longer one is cut at a sentence where there is one.
pub const EXAMPLE_CHARS: u32 = 1_000;

/// What an example counts when calls are packed: a fixed number, so that calls are a function of the texts alone, and an
/// estimate need not look anything up.
pub const EXAMPLE_BYTES: usize = EXAMPLE_CHARS as usize + 150;

/// Reports that are looked at for each one that is shown: texts come again and again in MAUDE.
const LOOKED_AT: usize = 3;

/// What requests with examples are known by. Part of the prompt's version, and so of the key of paid answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExamplesSetting {
    /// Examples a report.
    pub count: u32,
    /// The corpus that they are from, by the digits that versions show.
    pub corpus: String,
}

impl ExamplesSetting {
    /// `count` examples a report from `coded`; none: no examples.
    pub fn of(count: u32, coded: Option<&CodedReports>) -> Option<ExamplesSetting> {
        let coded = coded.filter(|_| count > 0)?;
        let corpus = coded.short().to_string();
        Some(ExamplesSetting { count, corpus })
    }

    /// The word in a prompt's version, as `examples-10-ab12cd34`. Whoever changes which examples are chosen, how they are
    /// cut or how they are worded changes this word.
    pub fn word(&self) -> String {
        format!("examples-{}-{}", self.count, self.corpus)
    }
}

/// The reports of `precedents` to show beside `text`: the nearest ones, up to `count`, of other texts than its own and each
/// text once, with the codes for `asked` that `terms` let choose. One without such a code shows nothing and is left out.
pub fn choose(
    precedents: &Precedents,
    terms: &TermTable,
    asked: ProblemType,
    text: &str,
    count: u32,
) -> Vec<Example> {
    let count = count.min(MAX_EXAMPLES) as usize;
    let own = fold(text);
    let mut shown = BTreeSet::new();
    let mut examples = Vec::with_capacity(count);
    for near in precedents.nearest(text, count * LOOKED_AT) {
        if examples.len() == count {
            break;
        }
        let report = near.report;
        let folded = report.folded_text();
        if is_same(&own, &folded) {
            continue;
        }
        let codes = |problem: Problem| -> Vec<String> {
            let may_be_chosen =
                |code: &&String| terms.by_code(code).is_some_and(|term| term.selectable());
            match asked.asks(problem) {
                true => {
                    let codes = report.codes(problem).iter();
                    codes.filter(may_be_chosen).cloned().collect()
                }
                false => Vec::new(),
            }
        };
        let example = Example {
            text: prepare(&report.text, EXAMPLE_CHARS).text.to_string(),
            product: codes(Problem::Product),
            patient: codes(Problem::Patient),
        };
        let has_codes = !(example.product.is_empty() && example.patient.is_empty());
        if has_codes && !example.text.is_empty() && shown.insert(folded) {
            examples.push(example);
        }
    }
    examples
}

/// Bytes that an example of `precedents` takes on the average, about: for estimates.
pub fn mean_bytes(precedents: &Precedents) -> u64 {
    let reports = precedents.reports();
    let bytes = reports
        .iter()
        .map(|report| report.text.len().min(EXAMPLE_CHARS as usize) as u64);
    let texts = bytes.sum::<u64>() / (reports.len() as u64).max(1);
    texts + super::incidents::EXAMPLE_FRAME_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, asked: ProblemType, count: u32) -> Vec<Example> {
        let precedents = Precedents::builtin().unwrap();
        choose(&precedents, &TermTable::builtin(), asked, text, count)
    }

    fn some_text() -> String {
        let precedents = Precedents::builtin().unwrap();
        let long = |text: &&str| text.len() > 600;
        let mut texts = precedents.reports().iter().map(|r| r.text.as_str());
        texts.find(long).unwrap().to_string()
    }

    #[test]
    fn a_report_is_never_its_own_example_however_it_is_cut_or_spaced() {
        let own = some_text();
        let spaced = format!("  {}  ", own.to_lowercase().replace(' ', "  "));
        let cut = own.chars().take(400).collect::<String>();
        for text in [&own, &spaced, &cut] {
            let examples = shown(text, ProblemType::Both, 10);
            assert_eq!(examples.len(), 10);
            let whole = prepare(&own, EXAMPLE_CHARS).text;
            assert!(examples.iter().all(|example| example.text != whole));
        }
    }

    #[test]
    fn examples_are_the_nearest_each_text_once_cut_and_with_codes_that_may_be_chosen() {
        let text = some_text();
        let terms = TermTable::builtin();
        let twenty = shown(&text, ProblemType::Both, 20);
        let ten = shown(&text, ProblemType::Both, 10);
        assert_eq!(
            twenty[..10],
            ten,
            "more examples do not change the first ones"
        );
        let texts: BTreeSet<&str> = twenty.iter().map(|e| e.text.as_str()).collect();
        assert_eq!(texts.len(), 20);
        for example in &twenty {
            assert!(example.text.chars().count() <= EXAMPLE_CHARS as usize);
            let codes = example.product.iter().chain(&example.patient);
            let codes: Vec<&String> = codes.collect();
            assert!(!codes.is_empty());
            assert!(codes.iter().all(|c| terms.by_code(c).unwrap().selectable()));
        }
        let products = shown(&text, ProblemType::Product, 10);
        assert!(
            products
                .iter()
                .all(|e| e.patient.is_empty() && !e.product.is_empty())
        );
        assert_eq!(shown(&text, ProblemType::Both, 0), []);
    }

    #[test]
    fn number_and_corpus_are_in_the_version() {
        let coded = CodedReports::builtin().unwrap();
        assert_eq!(ExamplesSetting::of(0, Some(&coded)), None);
        assert_eq!(ExamplesSetting::of(10, None), None);
        let word = ExamplesSetting::of(10, Some(&coded)).unwrap().word();
        assert_eq!(word, format!("examples-10-{}", &coded.sha256()[..8]));
    }
}
