//! Reasons and agreements in words, for a person who reads a row.

use crate::core::opinion::Agreement;
use crate::core::outcome::ReviewReason;

/// Why a row is shown: the word in the `review` column, in words; a word that is not ours stands for itself.
pub fn reason(name: &str) -> &str {
    ReviewReason::named(name).map_or(name, |reason| reason.meaning())
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
