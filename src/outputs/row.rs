//! One row of a results file, by the names of its columns.

use csv::StringRecord;

use super::Outputs;
use crate::core::ids::RowNo;
use crate::core::outcome::Outcome;
use crate::core::problem::Problem;

/// A row as it was written.
#[derive(Debug, Clone, Copy)]
pub struct StoredRow<'r> {
    record: &'r StringRecord,
    outputs: &'r Outputs,
}

impl<'r> StoredRow<'r> {
    pub(super) fn new(record: &'r StringRecord, outputs: &'r Outputs) -> StoredRow<'r> {
        StoredRow { record, outputs }
    }

    /// All its fields.
    pub fn record(&self) -> &'r StringRecord {
        self.record
    }

    /// One of our columns by its plain name (also where it has the prefix `annexa_` in the file); empty: there is none such.
    pub fn own(&self, name: &str) -> &'r str {
        self.at(self.outputs.columns.own(name))
    }

    /// A problem's column (`code`, `term`, ...); empty: there is none such.
    pub fn of_problem(&self, problem: Problem, field: &str) -> &'r str {
        self.at(self.outputs.columns.of_problem(problem, field))
    }

    /// One of the input's columns; none: the input has none of that name.
    pub fn input(&self, name: &str) -> Option<&'r str> {
        let columns = &self.outputs.columns;
        let mut names = columns.names()[..columns.input_columns()].iter();
        let at = names.position(|own| own == name)?;
        Some(self.at(Some(at)))
    }

    /// Its id.
    pub fn id(&self) -> &'r str {
        let spec = &self.outputs.owner.spec;
        self.input(spec.id_column()).unwrap_or_default()
    }

    /// The report's text, whole.
    pub fn text(&self) -> &'r str {
        let spec = &self.outputs.owner.spec;
        self.input(spec.text_column()).unwrap_or_default()
    }

    /// Its number in the input, from 1; none: what stands there is no number.
    pub fn row(&self) -> Option<RowNo> {
        self.own("row").parse().ok()
    }

    /// What it ended as; none: what stands there is no outcome.
    pub fn outcome(&self) -> Option<Outcome> {
        let name = self.own("outcome");
        Outcome::ALL.into_iter().find(|own| own.name() == name)
    }

    /// Why a person should read it.
    pub fn review(&self) -> impl Iterator<Item = &'r str> + use<'r> {
        self.own("review")
            .split(';')
            .filter(|reason| !reason.is_empty())
    }

    fn at(&self, column: Option<usize>) -> &'r str {
        column
            .and_then(|at| self.record.get(at))
            .unwrap_or_default()
    }
}
