//! The figures. The field names are the JSON of `annexa evaluate --json` and stay as they are.

use super::codes::CodeNotes;
use serde::Serialize;
use std::collections::BTreeMap;

/// All figures of an evaluation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The confidence from which on codes other than the primary count as predicted.
    pub threshold: f64,
    /// The release of the terms.
    pub terms_release: String,
    /// SHA-256 of the terms' content.
    pub terms_sha256: String,
    /// Product problems; `null` when they were not asked for.
    pub product: Option<Block>,
    /// Patient problems; `null` when they were not asked for.
    pub patient: Option<Block>,
    /// Annexes A and E together, as MADE has it; `null` unless both problems were asked for. It has no hits.
    pub combined: Option<Block>,
    /// What became of the gold codes of product problems.
    pub product_gold_codes: Option<CodeNotes>,
    /// What became of the gold codes of patient problems.
    pub patient_gold_codes: Option<CodeNotes>,
    /// Predicted codes that the table does not have for their problem; each counts as a wrong code.
    pub predicted_codes_unknown: u64,
}

/// The figures of one problem, or of both together, over all reports and over parts of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Block {
    /// All reports.
    pub overall: Measures,
    /// Reports with at least one gold code that says something (not A24 to A27, not E2401 to E2403).
    pub specific: Measures,
    /// Reports with gold codes, none of which says something.
    pub unspecific: Measures,
    /// Reports by `event_type`; empty when no report has one. Beyond 24 different types the rest is under `(other)`, reports
    /// without one are under `(none)`.
    pub by_event_type: BTreeMap<String, Measures>,
}

/// The figures of one group of reports. A share without reports, or a mean without labels, is `null`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Measures {
    /// Reports: what Jaccard and Macro-F1 are over.
    pub rows: u64,
    /// Reports with gold codes: what the hits are over.
    pub rows_with_gold: u64,
    /// The primary code is among the gold codes. `null` for annexes A and E together.
    pub primary: Option<Hits>,
    /// One of the first four codes is among the gold codes.
    pub first_four: Option<Hits>,
    /// As `primary`, each code replaced by the top of its chain of parents.
    pub primary_level1: Option<Hits>,
    /// As `first_four`, each code replaced by the top of its chain of parents.
    pub first_four_level1: Option<Hits>,
    /// Mean over reports of |gold ∩ predicted| / |gold ∪ predicted|, both closed upwards; an empty union counts 1.
    pub jaccard: Option<f64>,
    /// Unweighted mean of F1 over the labels that occur in gold, closed upwards.
    pub macro_f1: F1,
    /// The same by the label's share of the corpus' reports.
    pub macro_f1_by_bucket: Bucketed,
    /// Labels that were predicted and occur nowhere in gold.
    pub predicted_only: OnlyPredicted,
}

/// How often something is so, of [`Measures::rows_with_gold`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Hits {
    /// Reports for which it is so.
    pub rows: u64,
    /// Their share, 0 to 1.
    pub share: Option<f64>,
}

/// A mean of F1 over labels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct F1 {
    /// The labels.
    pub labels: u64,
    /// The mean, 0 to 1.
    pub f1: Option<f64>,
}

/// Macro-F1 by bucket.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Bucketed {
    /// Labels of 1 % of the corpus' reports or more.
    pub head: F1,
    /// 0.1 % to less than 1 %.
    pub medium: F1,
    /// 0.01 % to less than 0.1 %.
    pub tail: F1,
    /// Less than 0.01 %, and labels that the corpus does not have.
    pub extreme_tail: F1,
}

/// Labels that were predicted and occur nowhere in gold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct OnlyPredicted {
    /// How many labels.
    pub labels: u64,
    /// In how many reports, summed over the labels.
    pub times: u64,
}
