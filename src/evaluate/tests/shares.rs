//! Label shares and their buckets.

use super::*;

#[test]
fn buckets_begin_at_their_shares() {
    let shares = LabelShares::from_csv_bytes(SHARES).unwrap();
    let found = ["A04", "A0401", "A040103", "A040101", "A24"].map(|code| shares.bucket(code));
    assert_eq!(
        found,
        [
            Bucket::Head,
            Bucket::Medium,
            Bucket::Medium,
            Bucket::Tail,
            Bucket::ExtremeTail
        ]
    );
}

#[test]
fn label_counts_are_closed_upwards_and_are_read_back_as_written() {
    let mut counter = LabelCounter::new(TermTable::builtin());
    counter.add(&["A040103", "A0401"], &["E1707"]);
    counter.add(&["A0204"], &[]);
    counter.add(&[], &["E2301"]);
    let shares = counter.finish();
    assert_eq!(shares.total(), 3);
    let found = [
        "A04", "A0401", "A040103", "A02", "A0207", "A0204", "E23", "E17",
    ]
    .map(|code| shares.reports(code));
    assert_eq!(found, [1, 1, 1, 1, 1, 0, 2, 0]);
    assert_eq!(
        LabelShares::from_csv_bytes(shares.to_csv().as_bytes()),
        Ok(shares)
    );
}

#[test]
fn bad_label_counts_name_their_line() {
    let error = LabelShares::from_csv_bytes(b"code,reports\ntotal,3\nA04,many\n").unwrap_err();
    assert_eq!((error.line, error.found.as_str()), (3, "A04,many"));
    assert_eq!(
        LabelShares::from_csv_bytes(b"code,reports\nA04,3\n")
            .unwrap_err()
            .found,
        "no row 'total'"
    );
}

#[test]
fn the_builtin_label_counts_fit_the_builtin_table() {
    let shares = LabelShares::builtin();
    let table = TermTable::builtin();
    assert!(shares.total() > 1000);
    for term in table.terms() {
        let reports = shares.reports(term.code());
        assert!(reports <= shares.total(), "{}", term.code());
        if let Some(parent) = table.parent(term) {
            assert!(
                shares.reports(parent.code()) >= reports,
                "{} has more than what is above it",
                term.code()
            );
        }
    }
}
