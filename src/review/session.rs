//! The state machine of a review: keys in, effects out. It knows no file, no terminal and no clock.

use std::sync::Arc;

use super::change::Change;
use super::decision::{Decision, Verdict};
use super::input::Input;
use super::row::{Near, ShownRow};
use super::walk::Walk;
use crate::core::ids::RowNo;
use crate::terms::TermTable;

/// What a session asks of the decisions that were made.
pub trait Decisions {
    /// What was decided of a row.
    fn verdict(&self, row: RowNo) -> Option<Verdict>;
}

impl Decisions for super::log::Newest {
    fn verdict(&self, row: RowNo) -> Option<Verdict> {
        super::log::Newest::verdict(self, row)
    }
}

/// What is decided of the row that is shown; who and when is known elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// What.
    pub verdict: Verdict,
    /// The right codes by problem, primary first.
    pub codes: [Vec<String>; 2],
    /// A remark.
    pub note: String,
}

/// What is to be done outside; in order, and none behind one that fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Show the row at this place of the walk.
    Go(usize),
    /// Keep a decision on the row that is shown.
    Decide(Draft),
    /// Take back the decision on this row.
    Undo(RowNo),
    /// End.
    Quit,
}

/// What the keys go to.
#[derive(Debug, Clone, PartialEq)]
pub enum Mode {
    /// Reading.
    Read,
    /// Typing a remark; `marks`: the row is marked with it.
    Note {
        /// The line.
        input: Input,
        /// Enter marks the row.
        marks: bool,
    },
    /// Typing the number of a row.
    Jump(Input),
    /// Changing codes.
    Change(Change),
    /// Looking at the keys.
    Help,
}

/// Which panel the arrows scroll.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Focus {
    /// The report.
    #[default]
    Text,
    /// The suggested codes.
    Codes,
    /// The nearest coded reports.
    Near,
}

/// What is told of the job.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Job {
    /// Its id.
    pub id: String,
    /// Who reviews.
    pub reviewer: String,
    /// Which coded reports the precedents are.
    pub precedents: String,
}

/// A review as it stands.
#[derive(Debug)]
pub struct Session {
    pub(super) job: Job,
    pub(super) terms: Arc<TermTable>,
    pub(super) walk: Walk,
    /// Place in the walk.
    pub(super) at: usize,
    /// Rows of the walk with a decision.
    pub(super) decided: usize,
    pub(super) row: Option<ShownRow>,
    pub(super) near: Vec<Near>,
    pub(super) decision: Option<Decision>,
    pub(super) mode: Mode,
    pub(super) focus: Focus,
    /// First line that is shown of each panel.
    pub(super) scroll: [usize; 3],
    /// What is said at the foot.
    pub(super) said: String,
    /// A remark for the decision to come.
    pub(super) pending: String,
    /// The row that was decided last.
    pub(super) last: Option<RowNo>,
    /// What the last key asked for could not be done.
    pub(super) has_failed: bool,
}

impl Session {
    /// Begins at the row `from`, else at the first row without a decision; all have one: at the first.
    pub fn new(
        job: Job,
        terms: Arc<TermTable>,
        walk: Walk,
        from: Option<usize>,
        decisions: &dyn Decisions,
    ) -> Session {
        let is_open = |row: RowNo| decisions.verdict(row).is_none();
        let open = walk.stops().iter().filter(|stop| is_open(stop.row)).count();
        let first_open = walk.stops().iter().position(|stop| is_open(stop.row));
        let said = match open {
            0 => "every row here has a decision".to_string(),
            _ => String::new(),
        };
        Session {
            job,
            terms,
            at: from.or(first_open).unwrap_or(0),
            decided: walk.stops().len() - open,
            walk,
            row: None,
            near: Vec::new(),
            decision: None,
            mode: Mode::Read,
            focus: Focus::Text,
            scroll: [0; 3],
            said,
            pending: String::new(),
            last: None,
            has_failed: false,
        }
    }

    /// Place in the walk of the row to show first.
    pub fn at(&self) -> usize {
        self.at
    }

    /// The rows that are walked.
    pub fn walk(&self) -> &Walk {
        &self.walk
    }

    /// The row that is shown.
    pub fn row(&self) -> Option<&ShownRow> {
        self.row.as_ref()
    }

    /// What the keys go to.
    pub fn mode(&self) -> &Mode {
        &self.mode
    }

    /// What is said at the foot.
    pub fn said(&self) -> &str {
        &self.said
    }

    /// What the last key asked for could not be done, and why: the row stays.
    pub fn failed(&mut self, why: &str) {
        self.has_failed = true;
        self.said = match self.unkept() {
            Some(_) => format!("NOT done, Ctrl-C quits without the note: {why}"),
            None => format!("NOT done: {why}"),
        };
    }

    /// The row whose note is kept nowhere yet; none: all is kept.
    pub fn unkept(&self) -> Option<RowNo> {
        let row = self.row.as_ref().map(|row| row.row);
        row.filter(|_| !self.pending.is_empty())
    }

    /// Shows a row of the walk.
    pub fn show(&mut self, at: usize, row: ShownRow, near: Vec<Near>, decision: Option<Decision>) {
        self.at = at;
        self.row = Some(row);
        self.near = near;
        self.decision = decision;
        self.mode = Mode::Read;
        self.scroll = [usize::MAX, 0, 0];
        self.pending.clear();
    }

    /// The decision on the row that is shown was kept.
    pub fn decided(&mut self, decision: Decision) {
        self.decided += usize::from(self.decision.is_none());
        self.last = Some(decision.row);
        self.pending.clear();
        self.said = format!("row {} {}", decision.row, decision.verdict.name());
        self.decision = Some(decision);
    }

    /// The decision on a row was taken back.
    pub fn undone(&mut self, row: RowNo) {
        self.decided -= 1;
        self.last = None;
        if self.row.as_ref().is_some_and(|shown| shown.row == row) {
            self.decision = None;
        }
        self.said = format!("row {row} has no decision again");
    }
}
