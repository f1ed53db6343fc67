//! Bad rows: each ends as a row that says what is wrong and where, and its neighbours are coded.

use super::harness::{Place, Results, TEXT};

/// A good row before and after `bad`; both must be coded whatever `bad` is. Gives the rows between them.
fn between(header: &str, bad: &[u8]) -> (Results, usize) {
    let place = Place::new();
    let fill = ",n".repeat(header.split(',').count() - 2);
    let good = |id: &str| format!("{id},{TEXT}{fill}\n").into_bytes();
    let input = [
        format!("{header}\n").into_bytes(),
        good("before"),
        bad.to_vec(),
        good("after"),
    ]
    .concat();
    let (_, results) = place.coded(input, &["--chunk-rows", "2"]);
    let last = results.len();
    for (row, id) in [(1, "before"), (last, "after")] {
        assert_eq!(results.get(row, "id"), id);
        assert_eq!(results.get(row, "outcome"), "coded", "{id} is untouched");
        assert_eq!(results.get(row, "patient_problem_code"), "E0133");
        assert_eq!(results.get(row, "error"), "");
        assert_eq!(results.get(row, "row"), row.to_string());
    }
    let summary = place.json("in-annexa/summary.json");
    assert_eq!(summary["balance"]["balances"], true);
    (results, last)
}

/// Row 2 failed, of this kind, and says its row and byte.
fn assert_failed(results: &Results, kind: &str) {
    assert_eq!(results.get(2, "outcome"), "failed");
    let error = results.get(2, "error");
    let byte = "id,mdr_text,note\n".len() + "before,,n\n".len() + TEXT.len();
    assert!(
        error.starts_with(&format!("{kind}: row 2 (byte {byte}):")),
        "{error}"
    );
    for column in [
        "product_problem_code",
        "patient_problem_code",
        "answered_by",
        "model",
    ] {
        assert_eq!(
            results.get(2, column),
            "",
            "no failure becomes a finding (I10)"
        );
    }
}

#[test]
fn a_short_row_fails_where_the_text_is_missing_and_keeps_what_it_has() {
    let (results, last) = between("id,mdr_text,note", b"short\n");
    assert_eq!(last, 3);
    assert_failed(&results, "id_or_text_missing");
    assert_eq!(results.get(2, "id"), "short");
}

#[test]
fn a_short_row_with_id_and_text_is_coded_and_flagged() {
    let (results, _) = between("id,mdr_text,note", b"short,THE PATIENT DIED\n");
    assert_eq!(
        (results.get(2, "outcome"), results.get(2, "review")),
        ("coded", "ragged_short")
    );
    assert_eq!(results.get(2, "note"), "");
}

#[test]
fn a_long_row_is_coded_and_its_extra_fields_are_said_in_error() {
    let (results, _) = between(
        "id,mdr_text,note",
        b"long,THE PATIENT DIED,n,one more,\"and, two\"\n",
    );
    assert_eq!(
        (results.get(2, "outcome"), results.get(2, "review")),
        ("coded", "ragged_long")
    );
    let error = results.get(2, "error");
    assert!(error.starts_with("extra_fields: row 2 (byte "), "{error}");
    assert!(
        error.contains(r#"2 more fields than the header's 3: ["one more","and, two"]"#),
        "{error}"
    );
}

#[test]
fn a_quote_that_is_never_closed_fails_its_line_only() {
    let place = Place::new();
    let input = format!("id,mdr_text,note\n1,{TEXT},n\n2,\"OPEN\n3,{TEXT},n\n4,{TEXT},n\n");
    let (ran, results) = place.coded(&input, &[]);
    assert_eq!(ran.code, 3);
    assert_eq!(
        results.column("outcome"),
        ["coded", "failed", "coded", "coded"]
    );
    assert_eq!(results.column("id"), ["1", "2", "3", "4"]);
    let byte = input.find("2,\"OPEN").unwrap();
    let error = results.get(2, "error");
    assert!(
        error.starts_with(&format!("quote_not_closed: row 2 (byte {byte}):")),
        "{error}"
    );
    assert!(!error.contains("OPEN"), "no report text in an error");
}

#[test]
fn a_line_over_the_maximum_fails_alone_with_its_id() {
    let long = format!("long,{},n\n", "STROKE ".repeat(200_000));
    let (results, last) = between("id,mdr_text,note", long.as_bytes());
    assert_eq!(last, 3);
    assert_failed(&results, "record_too_long");
    assert_eq!(results.get(2, "id"), "long");
}

#[test]
fn a_record_of_many_lines_over_the_maximum_fails_on_its_first_line() {
    let line = "STROKE ".repeat(80) + "\n";
    let long = format!("long,\"{}\",n\n", line.repeat(2_000));
    let (results, last) = between("id,mdr_text,note", long.as_bytes());
    assert_failed(&results, "quote_not_closed");
    // Each of its other lines is read as a row, and none of them has a text.
    assert_eq!(last, 3 + 2_000);
    assert!((3..last).all(|row| results.get(row, "outcome") == "failed"));
}

#[test]
fn bytes_that_are_no_text_are_replaced_and_flagged() {
    let (results, _) = between("id,mdr_text,note", b"bad,THE PATIENT \xff\xfe DIED,n\n");
    assert_eq!(
        (results.get(2, "outcome"), results.get(2, "review")),
        ("coded", "bad_bytes_replaced")
    );
    assert_eq!(
        results.get(2, "mdr_text"),
        "THE PATIENT \u{fffd}\u{fffd} DIED"
    );
}

#[test]
fn an_empty_id_is_coded_and_flagged() {
    let (results, _) = between("id,mdr_text,note", b",THE PATIENT DIED,n\n");
    assert_eq!(
        (results.get(2, "outcome"), results.get(2, "review")),
        ("coded", "empty_id")
    );
    assert_eq!(results.get(2, "id"), "");
}

#[test]
fn a_row_without_text_is_empty_and_nobody_is_asked() {
    let (results, last) = between("id,mdr_text,note", b"a,,n\nb,  \t ,n\n");
    assert_eq!(last, 4);
    for row in [2, 3] {
        assert_eq!(results.get(row, "outcome"), "empty");
        assert_eq!(
            (
                results.get(row, "answered_by"),
                results.get(row, "attempts")
            ),
            ("", "0")
        );
        assert_eq!(results.get(row, "product_problem_code"), "");
    }
}

#[test]
fn a_header_in_the_middle_is_flagged() {
    let (results, _) = between("id,mdr_text,note", b"id,mdr_text,note\n");
    assert_eq!(results.get(2, "review"), "repeated_header");
}

#[test]
fn repeated_ids_are_rows_of_their_own() {
    let (results, last) = between(
        "id,mdr_text,note",
        b"before,THE PATIENT DIED,n\nbefore,,n\n",
    );
    assert_eq!(last, 4);
    assert_eq!(
        results.column("id"),
        ["before", "before", "before", "after"]
    );
    assert_eq!(
        results.column("outcome"),
        ["coded", "coded", "empty", "coded"]
    );
}

#[test]
fn control_characters_and_a_late_byte_order_mark_stay_as_they_are() {
    let (results, _) = between(
        "id,mdr_text,note",
        "\u{feff}x,THE PATIENT\u{0}\u{7} DIED,n\n".as_bytes(),
    );
    assert_eq!(results.get(2, "id"), "\u{feff}x");
    assert_eq!(results.get(2, "mdr_text"), "THE PATIENT\u{0}\u{7} DIED");
    assert_eq!(results.get(2, "outcome"), "coded");
}

#[test]
fn ours_take_a_prefix_where_the_input_has_their_names() {
    let place = Place::new();
    let input = format!("id,mdr_text,outcome,error,row,annexa_row\n1,{TEXT},o,e,r,a\n2\n");
    let (ran, results) = place.coded(input, &[]);
    assert_eq!(ran.code, 3, "ours are counted, not the input's");
    assert_eq!(results.rows[0][..6], ["1", TEXT, "o", "e", "r", "a"]);
    assert_eq!(results.column("annexa_outcome"), ["coded", "failed"]);
    assert_eq!(results.column("annexa_annexa_row"), ["1", "2"]);
    assert!(
        results
            .get(2, "annexa_error")
            .starts_with("id_or_text_missing: row 2")
    );
    assert!(
        results.header.iter().any(|name| name == "review"),
        "names that do not meet stay as they are"
    );
    assert_eq!(place.json("in-annexa/summary.json")["outcomes"]["coded"], 1);
}

#[test]
fn a_text_over_the_maximum_of_characters_is_cut_and_flagged() {
    let long = format!("long,{},n\n", "THE PATIENT HAD A STROKE. ".repeat(2_000));
    let (results, _) = between("id,mdr_text,note", long.as_bytes());
    assert_eq!(
        (results.get(2, "outcome"), results.get(2, "text_truncated")),
        ("coded", "true")
    );
    let mut review = results.get(2, "review").split(';');
    assert!(review.any(|reason| reason == "text_truncated"));
    assert_eq!(
        results.get(2, "mdr_text").len(),
        52_000,
        "the column is unchanged"
    );
}
