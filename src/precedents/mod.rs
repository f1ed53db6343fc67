//! The offline model: codes a report by what reporters chose for similar ones, without any service.
//!
//! A linear separator for each code over words, word beginnings and word pairs gives the scores; the nearest coded reports
//! add a little and are named in the rationale; a map learnt on held-out reports turns scores into confidences. All of it
//! is in one artifact that is part of the program and can be built again from the corpus in `data/corpus`
//! (`annexa corpus build`). docs/ACCURACY.md says how well it does and where it fails.

mod artifact;
mod bytes;
mod coded;
pub mod corpus;
mod decision;
mod error;
mod evidence;
mod features;
mod held;
mod linear;
pub mod measure;
mod neighbours;
mod number;
mod sections;
mod suggest;
mod svm;
mod train;
mod vocabulary;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_any;

pub use crate::core::answer::Suggestion;
pub use coded::CodedReports;
pub use corpus::Report;
pub use decision::{any_specific, is_generic};
pub use error::PrecedentsError;
pub use held::is_same;
pub use suggest::{Scratch, Verdict};
pub use train::{FOLDS, HeldOut, Scored, Selectable, finish, folds, score_fold, train};

use crate::core::problem::ProblemType;
use neighbours::{Neighbour, ReportLabels};
use std::cell::RefCell;
use std::sync::{Arc, OnceLock};

/// The artifact that comes with the program.
const BUILTIN: &[u8] = include_bytes!("../../data/precedents.bin");

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch::default());
}

/// Coded reports and the model learnt from them. Share it in an `Arc`; it is never changed.
#[derive(Debug)]
pub struct Precedents {
    content: artifact::Content,
    carried: ReportLabels,
    held: OnceLock<held::Held>,
}

/// A coded report that resembles a text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Nearest<'a> {
    /// The report with its text and the reporter's codes.
    pub report: &'a Report,
    /// Cosine over the rarer features: 0 (nothing shared) to 1 (the same words).
    pub similarity: f32,
}

impl Precedents {
    /// The model that comes with the program. Read once a process, then shared.
    ///
    /// # Errors
    /// The built-in artifact has another format than this program: it must be built again.
    pub fn builtin() -> Result<Arc<Precedents>, PrecedentsError> {
        static MODEL: OnceLock<Arc<Precedents>> = OnceLock::new();
        if let Some(model) = MODEL.get() {
            return Ok(Arc::clone(model));
        }
        let model = Arc::new(Precedents::from_bytes(BUILTIN)?);
        Ok(Arc::clone(MODEL.get_or_init(|| model)))
    }

    /// The artifact that comes with the program, as it is.
    pub fn builtin_bytes() -> &'static [u8] {
        BUILTIN
    }

    /// Reads an artifact.
    ///
    /// # Errors
    /// Not an artifact, another format, or damaged; never a panic.
    pub fn from_bytes(file: &[u8]) -> Result<Precedents, PrecedentsError> {
        Ok(Precedents::with_content(artifact::read(file)?))
    }

    fn with_content(content: artifact::Content) -> Precedents {
        let labels = content
            .reports
            .iter()
            .map(|report| content.linear.labels_of(report));
        let carried = ReportLabels::new(labels);
        Precedents {
            content,
            carried,
            held: OnceLock::new(),
        }
    }

    /// The codes of `text` for the asked problems, of those that `selectable` lets through. Both lists are empty if no
    /// word of the text is known; a list that was not asked for is empty.
    pub fn code(
        &self,
        text: &str,
        problems: ProblemType,
        selectable: &dyn Fn(&str) -> bool,
    ) -> Verdict {
        SCRATCH.with(|scratch| match scratch.try_borrow_mut() {
            Ok(mut scratch) => self.code_with(&mut scratch, text, problems, selectable),
            // `selectable` itself codes a text on this thread.
            Err(_) => self.code_with(&mut Scratch::default(), text, problems, selectable),
        })
    }

    /// The `limit` coded reports that resemble `text` most, nearest first.
    pub fn nearest(&self, text: &str, limit: usize) -> Vec<Nearest<'_>> {
        let mut scratch = Scratch::default();
        self.search(&mut scratch, text, limit);
        let view = |n: &Neighbour| Nearest {
            report: &self.content.reports[n.report as usize],
            similarity: n.similarity,
        };
        scratch.near.iter().map(view).collect()
    }

    /// Whether one of the coded reports has this very text, or one of the two is the beginning of the other: what is said of
    /// such a text was learnt from it.
    pub fn holds(&self, text: &str) -> bool {
        let reports = &self.content.reports;
        let held = self.held.get_or_init(|| held::Held::new(reports));
        held.has(reports, text)
    }

    /// The coded reports, in the corpus's order.
    pub fn reports(&self) -> &[Report] {
        &self.content.reports
    }

    /// The codes that can be answered for `problem`, ascending.
    pub fn codes(&self, problem: crate::core::problem::Problem) -> impl Iterator<Item = &str> {
        let linear = &self.content.linear;
        linear.labels[linear.of(problem)]
            .iter()
            .map(|label| label.code.as_str())
    }
}
