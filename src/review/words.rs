//! Reasons and agreements in words, for a person who reads a row.

use crate::core::opinion::Agreement;
use crate::core::outcome::ReviewReason;

/// Why a row is shown: the word in the `review` column, in words; a word that is not ours stands for itself.
pub fn reason(name: &str) -> &str {
    let known = ReviewReason::ALL.into_iter().find(|own| own.name() == name);
    match known {
        None => name,
        Some(ReviewReason::EvidenceNotFound) => "a quotation is not in the text",
        Some(ReviewReason::LowConfidence) => "low confidence",
        Some(ReviewReason::TextTruncated) => "the text was cut before it was sent",
        Some(ReviewReason::RepairedAnswer) => "the answer had to be repaired",
        Some(ReviewReason::InsufficientInformation) => {
            "the model says that the text does not suffice"
        }
        Some(ReviewReason::PrecedentsDisagree) => "the nearest coded reports have another code",
        Some(ReviewReason::SecondSampleDisagrees) => "asked once more, the model gave another code",
        Some(ReviewReason::NoSecondOpinion) => "there is no second opinion",
        Some(ReviewReason::HeadingCode) => "codes under the primary code say more",
        Some(ReviewReason::EmptyId) => "the row has no id",
        Some(ReviewReason::RaggedShort) => "the record has too few fields",
        Some(ReviewReason::RaggedLong) => "the record has too many fields",
        Some(ReviewReason::BadBytesReplaced) => "bytes that are no text were replaced",
        Some(ReviewReason::RepeatedHeader) => "the record repeats the header",
    }
}

/// How a second opinion agrees, in words; a word that is not ours stands for itself.
pub fn agreement(name: &str) -> &str {
    let known = Agreement::ALL.into_iter().find(|own| own.name() == name);
    match known {
        None => name,
        Some(Agreement::Same) => "the same",
        Some(Agreement::Listed) => "listed by one of the two",
        Some(Agreement::Related) => "one lies above the other",
        Some(Agreement::Different) => "different",
    }
}
