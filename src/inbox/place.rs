//! Which objects are for the inbox, and what they are by their names.

/// Where the inbox is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InboxPlace {
    /// Its bucket; none: any bucket whose events reach the queue.
    pub bucket: Option<String>,
    /// Its prefix; empty: the whole bucket.
    pub prefix: String,
}

/// What an object is by its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A CSV of reports.
    Reports,
    /// A spec that belongs to the CSV of the same name.
    Sidecar,
    /// A spec by itself.
    Spec,
    /// Something that a job, or the fleet itself, wrote.
    OwnOutput,
    /// Anything else.
    Other,
}

/// Where the fleet keeps what it knows of arrivals, in its output bucket.
pub(super) const OWN_PREFIX: &str = "_annexa/";
/// Under this, jobs write where a spec says nothing else.
pub(super) const RESULTS_PREFIX: &str = "results/";

const REPORT_ENDINGS: [&str; 6] = [".csv", ".csv.gz", ".csv.zst", ".tsv", ".tsv.gz", ".tsv.zst"];

impl InboxPlace {
    /// Whether an object of this name lies in the inbox.
    pub fn holds(&self, bucket: &str, key: &str) -> bool {
        self.bucket.as_deref().is_none_or(|own| own == bucket) && key.starts_with(&self.prefix)
    }

    /// Whether outputs there would come back as arrivals (DESIGN §6, Identity). Where the inbox's bucket is not named, its
    /// prefix is kept free in all; where that is empty, the input's bucket is taken for the inbox.
    pub(super) fn would_take(&self, input_bucket: &str, bucket: &str, prefix: &str) -> bool {
        let may_be_it = match &self.bucket {
            Some(own) => own == bucket,
            None => !self.prefix.is_empty() || bucket == input_bucket,
        };
        may_be_it && prefix.starts_with(&self.prefix)
    }
}

impl std::fmt::Display for InboxPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bucket = self.bucket.as_deref().unwrap_or("(any bucket)");
        write!(f, "{bucket}/{}", self.prefix)
    }
}

/// What an object is by its key; endings are taken without case.
pub fn kind_of(key: &str) -> Kind {
    let in_results = key
        .split_once(RESULTS_PREFIX)
        .is_some_and(|(before, rest)| {
            (before.is_empty() || before.ends_with('/')) && is_job_folder(rest)
        });
    if in_results || key.starts_with(OWN_PREFIX) {
        return Kind::OwnOutput;
    }
    let lower = key.to_ascii_lowercase();
    let is_reports = |name: &str| REPORT_ENDINGS.iter().any(|ending| name.ends_with(ending));
    match lower.strip_suffix(".json") {
        Some(stem) if is_reports(stem) => Kind::Sidecar,
        Some(_) => Kind::Spec,
        None if is_reports(&lower) => Kind::Reports,
        None => Kind::Other,
    }
}

/// `job-` and the hex digits of an id, then `/`.
fn is_job_folder(rest: &str) -> bool {
    rest.strip_prefix("job-")
        .and_then(|rest| rest.split_once('/'))
        .is_some_and(|(id, _)| id.len() >= 8 && id.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_what_an_object_is() {
        for (key, kind) in [
            ("inbox/a.csv", Kind::Reports),
            ("inbox/A.CSV.GZ", Kind::Reports),
            ("a.tsv.zst", Kind::Reports),
            ("inbox/a.csv.json", Kind::Sidecar),
            ("inbox/a.csv.gz.json", Kind::Sidecar),
            ("inbox/job.json", Kind::Spec),
            ("inbox/", Kind::Other),
            ("inbox/a.xlsx", Kind::Other),
            ("inbox/a.csv/", Kind::Other),
            (
                "results/job-0123456789abcdef0123/results.csv",
                Kind::OwnOutput,
            ),
            ("results/job-0123456789abcdef0123/job.json", Kind::OwnOutput),
            ("_annexa/inbox/00.json", Kind::OwnOutput),
            // A user's own folder of that name holds what the user put there.
            ("results/job-reports/a.csv", Kind::Reports),
            ("myresults/job-0123456789/a.csv", Kind::Reports),
        ] {
            assert_eq!(kind_of(key), kind, "{key}");
        }
    }

    #[test]
    fn the_inbox_is_a_bucket_and_a_prefix_and_takes_no_outputs() {
        let place = InboxPlace {
            bucket: Some("b".into()),
            prefix: "inbox/".into(),
        };
        assert!(place.holds("b", "inbox/a.csv"));
        assert!(!place.holds("b", "other/a.csv") && !place.holds("c", "inbox/a.csv"));
        assert!(place.would_take("other", "b", "inbox/results/"));
        assert!(!place.would_take("other", "b", "results/"));
        let of_any_bucket = InboxPlace {
            bucket: None,
            prefix: "inbox/".into(),
        };
        assert!(of_any_bucket.would_take("other", "b", "inbox/results/"));
        let any = InboxPlace::default();
        assert!(any.would_take("b", "b", "results/") && !any.would_take("b", "out", "results/"));
    }
}
