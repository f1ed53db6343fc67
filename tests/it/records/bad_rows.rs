//! Bad rows end as rows, with a fault that names row and byte or with a flag, and never take their neighbours along.

use annexa::records::{Row, RowFault, RowFlag};

use super::csv_oracle::*;

const MAX: usize = 200;

/// The rows of a file, read through chunks of every size with equal results.
fn rows(file: &[u8]) -> Vec<Row> {
    let layout = layout_of(file, MAX);
    let mut all = Vec::new();
    for chunk_rows in [1, 2, 3, 100] {
        let (ranges, summary) = scan(file, &layout, chunk_rows, &[7]);
        all.push(assert_no_row_lost(
            file, &layout, chunk_rows, &ranges, &summary,
        ));
    }
    assert!(all.iter().all(|rows| rows == &all[0]));
    all.swap_remove(0)
}

fn ids(rows: &[Row]) -> Vec<&str> {
    rows.iter().map(|row| row.fields[0].as_str()).collect()
}

/// The names of a row's flags, and its fault's.
fn says(row: &Row) -> Vec<&'static str> {
    let fault = row.fault.iter().map(RowFault::name);
    row.flags.iter().map(|f| f.name()).chain(fault).collect()
}

#[test]
fn a_row_without_text_column_fails_and_keeps_what_it_has() {
    let rows = rows(b"id,note,mdr_text\n1,a,b\n2,c\n3,d,e\n");
    assert_eq!(ids(&rows), ["1", "2", "3"]);
    assert_eq!(rows[1].fields, ["2", "c", ""]);
    assert_eq!(says(&rows[1]), ["ragged_short", "id_or_text_missing"]);
    let message = rows[1].fault.as_ref().unwrap().to_string();
    assert!(
        message.starts_with("row 2 (byte 23): it has 2 of 3 fields")
            && message.contains("'mdr_text'"),
        "{message}"
    );
    assert!(says(&rows[0]).is_empty() && says(&rows[2]).is_empty());
}

#[test]
fn a_row_without_id_column_fails() {
    let rows = rows(b"mdr_text,id\na,1\nb\nc,3\n");
    let message = rows[1].fault.as_ref().unwrap().to_string();
    assert!(
        message.contains("before the id column, 'id' (field 2)"),
        "{message}"
    );
    assert_eq!(rows[1].fields, ["b", ""]);
}

#[test]
fn a_short_row_that_has_id_and_text_is_flagged() {
    let rows = rows(b"id,mdr_text,note\n1,a\n2,b,c\n");
    assert_eq!(says(&rows[0]), ["ragged_short"]);
    assert_eq!(rows[0].fields, ["1", "a", ""]);
    assert!(says(&rows[1]).is_empty());
}

#[test]
fn a_long_row_is_flagged_and_its_extra_values_are_kept() {
    let rows = rows(b"id,mdr_text\n1,a,b,\"c,d\"\n2,e\n3,f,\n");
    assert_eq!(says(&rows[0]), ["ragged_long"]);
    assert_eq!(rows[0].fields, ["1", "a"]);
    assert_eq!(rows[0].extra, ["b", "c,d"]);
    assert!(rows[1].extra.is_empty() && says(&rows[1]).is_empty());
    assert_eq!(rows[2].extra, [""]);
}

#[test]
fn an_empty_id_is_flagged() {
    let rows = rows(b"id,mdr_text\n,a\n\"  \",b\n3,c\n");
    assert_eq!(says(&rows[0]), ["empty_id"]);
    assert_eq!(says(&rows[1]), ["empty_id"]);
    assert_eq!(rows[1].fields[0], "  ", "the column is kept as it is");
    assert!(says(&rows[2]).is_empty());
}

#[test]
fn a_repeated_id_is_two_rows() {
    let rows = rows(b"id,mdr_text\n7,a\n7,b\n7,a\n");
    assert_eq!(ids(&rows), ["7", "7", "7"]);
    assert_eq!(rows.iter().map(|r| r.number).collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn an_empty_text_is_a_row_without_flag() {
    let rows = rows(b"id,mdr_text,x\n1,,y\n2,\"\",y\n");
    assert_eq!(rows.len(), 2);
    assert!(
        rows.iter()
            .all(|r| r.fields[1].is_empty() && says(r).is_empty())
    );
}

#[test]
fn undecodable_bytes_are_replaced_and_flagged() {
    let rows = rows(b"id,mdr_text\n1,caf\xE9 broke\n2,\xC3\xA9t\xC3\xA9\n3,\"\xFF\xFE\"\n");
    assert_eq!(rows[0].fields[1], "caf\u{FFFD} broke");
    assert_eq!(says(&rows[0]), ["bad_bytes_replaced"]);
    assert!(says(&rows[1]).is_empty());
    assert_eq!(rows[2].fields[1], "\u{FFFD}\u{FFFD}");
}

#[test]
fn a_text_that_another_program_has_damaged_is_flagged() {
    let rows = rows("id,mdr_text\n1,caf\u{FFFD}\n".as_bytes());
    assert_eq!(says(&rows[0]), ["bad_bytes_replaced"]);
}

#[test]
fn nul_and_control_characters_are_kept_in_fields() {
    let rows = rows(b"id,mdr_text\n1,a\0b\x07\x1B[0m\n2,c\n");
    assert_eq!(rows[0].fields[1], "a\0b\x07\x1B[0m");
    assert!(says(&rows[0]).is_empty());
}

#[test]
fn a_header_in_the_middle_is_flagged() {
    let rows = rows(b"id,mdr_text\n1,a\nid,mdr_text\n2,b\n");
    assert_eq!(says(&rows[1]), ["repeated_header"]);
    assert_eq!(ids(&rows), ["1", "id", "2"]);
}

#[test]
fn empty_lines_are_passed_over() {
    let rows = rows(b"\n\r\nid,mdr_text\n\n\n1,a\n\r\n\r\n2,b\n\n");
    assert_eq!(ids(&rows), ["1", "2"]);
    assert_eq!(rows[1].byte, 25);
}

#[test]
fn a_line_of_white_space_is_a_row_that_fails() {
    let rows = rows(b"id,mdr_text\n1,a\n   \n2,b\n");
    assert_eq!(ids(&rows), ["1", "   ", "2"]);
    assert_eq!(
        says(&rows[1]),
        ["ragged_short", "empty_id", "id_or_text_missing"]
    );
}

#[test]
fn a_quote_open_at_the_end_of_the_file_fails_its_first_line_only() {
    let rows = rows(b"id,mdr_text,note\n1,a,b\n2,\"never closed,c\n3,d,e\n4,f,g\n");
    assert_eq!(ids(&rows), ["1", "2", "3", "4"]);
    assert_eq!(says(&rows[1]), ["quote_not_closed"]);
    assert_eq!(
        rows[1].fields,
        ["2", "", ""],
        "only complete fields are given"
    );
    let message = rows[1].fault.as_ref().unwrap().to_string();
    assert!(
        message.starts_with("row 2 (byte 23): a quote is opened"),
        "{message}"
    );
    assert!(
        !message.contains("never closed"),
        "no report text: {message}"
    );
    for i in [0, 2, 3] {
        assert!(says(&rows[i]).is_empty());
    }
}

#[test]
fn a_quote_open_on_the_last_line_fails_that_row() {
    let rows = rows(b"id,mdr_text\n1,a\n2,\"b");
    assert_eq!(says(&rows[1]), ["quote_not_closed"]);
    assert_eq!(rows[1].fields, ["2", ""]);
}

#[test]
fn a_record_over_the_maximum_size_fails_its_first_line_only() {
    let mut file = b"id,mdr_text\n1,a\n2,\"begins\n".to_vec();
    for i in 0..40 {
        file.extend_from_slice(format!("line {i},x\n").as_bytes());
    }
    file.extend_from_slice(b"ends\"\n3,c\n");
    let rows = rows(&file);
    assert_eq!(says(&rows[1]), ["quote_not_closed"]);
    assert_eq!(rows[1].fields[0], "2");
    // Its other lines are rows of their own, and the record after it is whole.
    assert_eq!(rows.len(), 2 + 40 + 1 + 1);
    let last = rows.last().unwrap();
    assert_eq!(last.fields, ["3", "c"]);
    assert!(says(last).is_empty());
}

#[test]
fn a_record_of_exactly_the_maximum_size_is_read() {
    let good = format!("1,{}", "x".repeat(MAX - 2));
    let bad = format!("2,{}", "y".repeat(MAX - 1));
    let rows = rows(format!("id,mdr_text\n{good}\r\n{bad}\r\n3,z").as_bytes());
    assert!(says(&rows[0]).is_empty());
    assert_eq!(rows[0].fields[1].len(), MAX - 2);
    assert_eq!(says(&rows[1]), ["record_too_long"]);
    assert_eq!(rows[2].fields, ["3", "z"]);
}

#[test]
fn a_line_over_the_maximum_size_fails_as_one_row_with_its_id() {
    let file = format!("id,mdr_text\n1,a\n2,{}\n3,c\n", "x".repeat(50 * MAX));
    let rows = rows(file.as_bytes());
    assert_eq!(ids(&rows), ["1", "2", "3"]);
    assert_eq!(says(&rows[1]), ["record_too_long"]);
    assert_eq!(rows[1].fields[1], "", "the text is not kept");
    let message = rows[1].fault.as_ref().unwrap().to_string();
    assert!(
        message.starts_with("row 2 (byte 16): the line is longer than 200 bytes"),
        "{message}"
    );
    assert!(says(&rows[2]).is_empty());
}

#[test]
fn a_quote_inside_an_unquoted_field_is_text() {
    let rows = rows(b"id,mdr_text\n1,a 5\" tube\n2,\"b\"\n");
    assert_eq!(rows[0].fields[1], "a 5\" tube");
    assert!(says(&rows[0]).is_empty());
    assert_eq!(rows[1].fields[1], "b");
}

#[test]
fn text_after_a_closing_quote_is_kept() {
    let rows = rows(b"id,mdr_text\n1,\"a\"b\"c\n2,d\n");
    assert_eq!(rows[0].fields[1], "ab\"c");
    assert_eq!(rows[1].fields[1], "d");
}

#[test]
fn quoted_line_endings_and_delimiters_are_text() {
    let rows = rows(b"id,mdr_text\r\n1,\"a\r\nb,\"\"c\"\"\nd\re\"\r\n2,f\r\n");
    assert_eq!(rows[0].fields[1], "a\r\nb,\"c\"\nd\re");
    assert_eq!(ids(&rows), ["1", "2"]);
}

#[test]
fn a_byte_order_mark_inside_the_file_is_data() {
    // Also where it starts a chunk: a reader that took it for the file's mark would drop it there.
    let rows = rows("id,mdr_text\n1,a\n\u{FEFF}2,b\n\u{FEFF}\"3\",c\n".as_bytes());
    assert_eq!(ids(&rows), ["1", "\u{FEFF}2", "\u{FEFF}\"3\""]);
}

#[test]
fn the_flags_and_faults_have_stable_names() {
    let flags: Vec<_> = RowFlag::ALL.iter().map(|f| f.name()).collect();
    assert_eq!(
        flags,
        [
            "ragged_short",
            "ragged_long",
            "bad_bytes_replaced",
            "empty_id",
            "repeated_header"
        ]
    );
    assert_eq!(
        RowFault::NAMES,
        ["record_too_long", "quote_not_closed", "id_or_text_missing"]
    );
}
