//! What the words of results mean, in a sentence each.

use crate::core::outcome::ReviewReason;

/// What a reason for review means.
pub(super) fn review(word: &str) -> &'static str {
    let known = ReviewReason::ALL
        .into_iter()
        .find(|reason| reason.name() == word);
    match known {
        Some(ReviewReason::EvidenceNotFound) => {
            "a quotation of the answer does not stand in the text"
        }
        Some(ReviewReason::LowConfidence) => {
            "the primary code's confidence is under the job's review_below"
        }
        Some(ReviewReason::TextTruncated) => {
            "the text was cut to the job's max_text_chars before it was sent"
        }
        Some(ReviewReason::RepairedAnswer) => "something of the answer had to be mapped or dropped",
        Some(ReviewReason::InsufficientInformation) => {
            "the model says that the text does not suffice"
        }
        Some(ReviewReason::PrecedentsDisagree) => "the nearest coded reports have another code",
        Some(ReviewReason::SecondSampleDisagrees) => {
            "the model, asked once more, gave another code"
        }
        Some(ReviewReason::NoSecondOpinion) => "a second opinion was asked for, and there is none",
        Some(ReviewReason::HeadingCode) => "the primary code is a heading: codes under it say more",
        Some(ReviewReason::EmptyId) => "the row has no id",
        Some(ReviewReason::RaggedShort) => "the record has fewer fields than the header",
        Some(ReviewReason::RaggedLong) => "the record has more fields than the header",
        Some(ReviewReason::BadBytesReplaced) => "bytes that are no text were replaced",
        Some(ReviewReason::RepeatedHeader) => {
            "the record repeats the header, as joined files have it"
        }
        None => "not a word of this program's version",
    }
}
