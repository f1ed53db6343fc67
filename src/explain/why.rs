//! What the words of results mean, in a sentence each.

use crate::core::outcome::ReviewReason;

/// What a reason for review means.
pub(super) fn review(word: &str) -> &'static str {
    ReviewReason::named(word).map_or(
        "not a word of this program's version",
        ReviewReason::meaning,
    )
}
