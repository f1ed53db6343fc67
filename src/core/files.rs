//! Names of the files that a job and the commands about it write under the output prefix.

use super::format::Format;

/// The file that says which job owns a folder.
pub const OWNER: &str = "job.json";
/// The list of outputs with their digests, written last.
pub const MANIFEST: &str = "manifest.json";
/// What the job came to, for programs.
pub const SUMMARY: &str = "summary.json";
/// The same for people.
pub const REPORT: &str = "report.html";
/// The page made anew.
pub const REPORT_REBUILT: &str = "report.rebuilt.html";
/// The page made anew without report text.
pub const REPORT_NO_TEXT: &str = "report.no-text.html";
/// The newest decision of every row that somebody reviewed.
pub const REVIEWED: &str = "reviewed.csv";
/// Every decision as it was made.
pub const REVIEW_HISTORY: &str = "reviewed.history.csv";
/// Which results the decisions are about.
pub const REVIEW_PIN: &str = "reviewed.json";

/// What people add to a job's outputs after its end: pages made anew, and decisions.
pub const ADDED: [&str; 5] = [
    REPORT_REBUILT,
    REPORT_NO_TEXT,
    REVIEWED,
    REVIEW_HISTORY,
    REVIEW_PIN,
];

/// Tables of rows in all their forms, of a job that was completed (`partial` is false) or of one that was stopped.
pub fn tables(partial: bool) -> Vec<String> {
    let partial = if partial { ".partial" } else { "" };
    let csv = ["results", "failures"].map(|name| format!("{name}{partial}.csv"));
    let forms = Format::ALL.map(|format| format!("results{partial}{}", format.suffix()));
    csv.into_iter().chain(forms).collect()
}

/// All names that outputs of a job can have, whether it was completed or stopped; the manifest comes last.
pub fn outputs() -> Vec<String> {
    let others = [SUMMARY, REPORT, MANIFEST].map(String::from);
    [tables(false), tables(true), others.into()].concat()
}

/// Whether `name` is that of a folder in which a retry keeps what belongs to it (`retry-N`).
pub fn is_of_retry(name: &str) -> bool {
    let number = name.strip_prefix("retry-");
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn outputs_stand_once_each_in_whole_and_partial_forms() {
        let names = outputs();
        let distinct: BTreeSet<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(distinct.len(), names.len());
        for format in Format::ALL {
            for stem in ["results", "results.partial"] {
                assert!(distinct.contains(format!("{stem}{}", format.suffix()).as_str()));
            }
        }
        assert!(ADDED.iter().all(|name| !distinct.contains(name)));
    }

    #[test]
    fn a_folder_of_a_retry_is_known_by_its_number() {
        assert!(is_of_retry("retry-1") && is_of_retry("retry-12"));
        for name in ["retry-", "retry-x", "retry-1a", "retry", "my-retry-1"] {
            assert!(!is_of_retry(name), "{name}");
        }
    }
}
