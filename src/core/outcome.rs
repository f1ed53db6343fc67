//! What a row got, who answered it, and why a person should look at it.

use serde::{Deserialize, Serialize};

/// What a row ended as. Every input row has exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every asked problem type has a valid code.
    Coded,
    /// The model says that the text does not suffice; code columns are empty.
    Insufficient,
    /// The report has no text.
    Empty,
    /// Could not be coded; the `error` column says why.
    Failed,
}

impl Outcome {
    /// All, in the order of reports.
    pub const ALL: [Outcome; 4] = [
        Outcome::Coded,
        Outcome::Insufficient,
        Outcome::Empty,
        Outcome::Failed,
    ];

    /// The value of the `outcome` column.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Coded => "coded",
            Outcome::Insufficient => "insufficient",
            Outcome::Empty => "empty",
            Outcome::Failed => "failed",
        }
    }
}

/// Why a person should read a row: the fixed set of the `review` column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewReason {
    /// The evidence is not found in the report's text.
    EvidenceNotFound,
    /// The primary code's confidence is under the spec's `review_below`.
    LowConfidence,
    /// The text was cut to `max_text_chars`.
    TextTruncated,
    /// The answer held something that had to be mapped (an older wording, a term in place of a code) or dropped.
    RepairedAnswer,
    /// The model says that the text does not suffice.
    InsufficientInformation,
    /// The nearest coded reports have another code (a second opinion by precedents).
    PrecedentsDisagree,
    /// The model, asked once more, gave another code (a second opinion by sample).
    SecondSampleDisagrees,
    /// A second opinion was asked for, and there is none.
    NoSecondOpinion,
    /// The primary code is a heading: codes under it say more.
    HeadingCode,
    /// The row has no id.
    EmptyId,
    /// The record has fewer fields than the header.
    RaggedShort,
    /// The record has more fields than the header.
    RaggedLong,
    /// Bytes that are no text were replaced.
    BadBytesReplaced,
    /// The record repeats the header, as joined files have it.
    RepeatedHeader,
}

impl ReviewReason {
    /// Every reason, for tables and schemas.
    pub const ALL: [ReviewReason; 14] = [
        ReviewReason::EvidenceNotFound,
        ReviewReason::LowConfidence,
        ReviewReason::TextTruncated,
        ReviewReason::RepairedAnswer,
        ReviewReason::InsufficientInformation,
        ReviewReason::PrecedentsDisagree,
        ReviewReason::SecondSampleDisagrees,
        ReviewReason::NoSecondOpinion,
        ReviewReason::HeadingCode,
        ReviewReason::EmptyId,
        ReviewReason::RaggedShort,
        ReviewReason::RaggedLong,
        ReviewReason::BadBytesReplaced,
        ReviewReason::RepeatedHeader,
    ];

    /// The word that stands in the `review` column.
    pub fn name(self) -> &'static str {
        match self {
            ReviewReason::EvidenceNotFound => "evidence_not_found",
            ReviewReason::LowConfidence => "low_confidence",
            ReviewReason::TextTruncated => "text_truncated",
            ReviewReason::RepairedAnswer => "repaired_answer",
            ReviewReason::InsufficientInformation => "insufficient_information",
            ReviewReason::PrecedentsDisagree => "precedents_disagree",
            ReviewReason::SecondSampleDisagrees => "second_sample_disagrees",
            ReviewReason::NoSecondOpinion => "no_second_opinion",
            ReviewReason::HeadingCode => "heading_code",
            ReviewReason::EmptyId => "empty_id",
            ReviewReason::RaggedShort => "ragged_short",
            ReviewReason::RaggedLong => "ragged_long",
            ReviewReason::BadBytesReplaced => "bad_bytes_replaced",
            ReviewReason::RepeatedHeader => "repeated_header",
        }
    }

    /// The reason that a word of the `review` column names; none: it is not one of ours.
    pub fn named(name: &str) -> Option<ReviewReason> {
        ReviewReason::ALL
            .into_iter()
            .find(|reason| reason.name() == name)
    }

    /// What it means, in words for people.
    pub fn meaning(self) -> &'static str {
        match self {
            ReviewReason::EvidenceNotFound => "a quotation is not in the text",
            ReviewReason::LowConfidence => "a primary code has a low confidence",
            ReviewReason::TextTruncated => "the text was cut before it was sent",
            ReviewReason::RepairedAnswer => {
                "something in the answer was mapped to a code, or dropped"
            }
            ReviewReason::InsufficientInformation => {
                "the model says that the text does not suffice"
            }
            ReviewReason::PrecedentsDisagree => "the nearest coded reports have another code",
            ReviewReason::SecondSampleDisagrees => "the model, asked once more, gave another code",
            ReviewReason::NoSecondOpinion => "a second opinion was asked for, and there is none",
            ReviewReason::HeadingCode => "the primary code is a heading: codes under it say more",
            ReviewReason::EmptyId => "the row has no id",
            ReviewReason::RaggedShort => "the record has fewer fields than the header",
            ReviewReason::RaggedLong => "the record has more fields than the header",
            ReviewReason::BadBytesReplaced => "bytes that are no text were replaced",
            ReviewReason::RepeatedHeader => {
                "the record repeats the header, as joined files have it"
            }
        }
    }
}

/// Who answered a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnsweredBy {
    /// A call to the model that this row paid for.
    Model,
    /// An answer that was paid for before, by another row or job.
    PaidAnswer,
    /// The offline model.
    Precedents,
}

impl AnsweredBy {
    /// All of them.
    pub const ALL: [AnsweredBy; 3] = [
        AnsweredBy::Model,
        AnsweredBy::PaidAnswer,
        AnsweredBy::Precedents,
    ];

    /// The value of the `answered_by` column.
    pub fn name(self) -> &'static str {
        match self {
            AnsweredBy::Model => "model",
            AnsweredBy::PaidAnswer => "paid_answer",
            AnsweredBy::Precedents => "precedents",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_equal_their_serialised_form() {
        for outcome in Outcome::ALL {
            assert_eq!(serde_json::to_value(outcome).unwrap(), outcome.name());
        }
        for reason in ReviewReason::ALL {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.name());
            assert_eq!(ReviewReason::named(reason.name()), Some(reason));
        }
        for by in AnsweredBy::ALL {
            assert_eq!(serde_json::to_value(by).unwrap(), by.name());
        }
    }
}
