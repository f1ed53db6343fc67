//! What is accepted, and how it is read.

use annexa::records::{InputOptions, Layout, Terminator, layout};

use super::csv_oracle::*;

fn good(file: &[u8]) -> Layout {
    layout(file, true, &InputOptions::default()).expect("this input is good")
}

#[test]
fn comma_semicolon_and_tab_are_found_from_the_header() {
    for (file, delimiter) in [
        (&b"id,mdr_text,a;b;c;d\n"[..], b','),
        (b"id;mdr_text;a,b,c,d\n", b';'),
        (b"id\tmdr_text\ta,b;c\n", b'\t'),
        (b"\"id\";\"mdr_text\";\"a,b\"\n", b';'),
    ] {
        assert_eq!(good(file).delimiter, delimiter);
    }
}

#[test]
fn line_endings_lf_crlf_and_cr_are_read_alike() {
    for (ending, terminator, start) in [
        ("\n", Terminator::Lf, 12),
        ("\r\n", Terminator::CrLf, 13),
        ("\r", Terminator::Cr, 12),
    ] {
        let file = ["id,mdr_text", "1,a", "2,b"].join(ending);
        let layout = good(file.as_bytes());
        assert_eq!(
            (layout.terminator, layout.data_start_byte),
            (terminator, start)
        );
        let rows = rows_at_once(file.as_bytes(), &layout);
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[1].fields, ["2", "b"]);
    }
}

#[test]
fn a_byte_order_mark_is_taken_off_and_counted() {
    let layout = good(b"\xEF\xBB\xBFid,mdr_text\n1,a\n");
    assert!(layout.bom);
    assert_eq!(layout.columns, ["id", "mdr_text"]);
    assert_eq!(layout.data_start_byte, 15);
    assert_eq!(good(b"\xEF\xBB\xBF\"id\",mdr_text\n").columns[0], "id");
}

#[test]
fn a_file_with_a_header_only_has_no_rows() {
    for file in [
        &b"id,mdr_text"[..],
        b"id,mdr_text\n",
        b"id,mdr_text\r\n\r\n\n",
    ] {
        let layout = good(file);
        let (ranges, summary) = scan(file, &layout, 100, &[1]);
        assert!(ranges.is_empty());
        assert_eq!((summary.rows, summary.chunks), (0, 0));
        assert_eq!(summary.bytes, file.len() as u64);
        assert!(rows_at_once(file, &layout).is_empty());
    }
}

#[test]
fn column_names_fit_without_regard_to_case_where_only_one_does() {
    let found = good(b"MDR_TEXT, Id ,note\n");
    assert_eq!((found.id_index, found.text_index), (1, 0));
    assert_eq!(found.columns[1], " Id ", "the name itself is kept");
    let opts = InputOptions {
        id_column: Some("Report_Key".to_owned()),
        text_column: Some("foi text".to_owned()),
        ..InputOptions::default()
    };
    let found = layout(b"report_key\tFOI TEXT\n", true, &opts).unwrap();
    assert_eq!((found.id_index, found.text_index), (0, 1));
}

#[test]
fn a_header_may_have_quoted_names_with_delimiters_and_line_endings() {
    let file = b"id,\"a,\nb\",mdr_text\r\n1,x,y\r\n";
    let layout = good(file);
    assert_eq!(layout.columns, ["id", "a,\nb", "mdr_text"]);
    assert_eq!(rows_at_once(file, &layout)[0].fields, ["1", "x", "y"]);
}

#[test]
fn one_empty_column_name_is_accepted() {
    assert_eq!(
        good(b",id,mdr_text\n0,1,a\n").columns,
        ["", "id", "mdr_text"]
    );
}

#[test]
fn a_head_that_ends_in_the_data_gives_the_layout_of_the_whole() {
    let mut file = b"id,mdr_text\n".to_vec();
    file.extend_from_slice(b"1,\"a\nb\"\n".repeat(100).as_slice());
    let opts = InputOptions::default();
    let whole = layout(&file, true, &opts).unwrap();
    for cut in [13, 40, 200] {
        assert_eq!(layout(&file[..cut], false, &opts).unwrap(), whole);
    }
}

#[test]
fn a_layout_survives_the_plan_it_is_stored_in() {
    let layout = good(b"id;mdr_text\r\n1;a\r\n");
    let stored = serde_json::to_string(&layout).unwrap();
    assert_eq!(serde_json::from_str::<Layout>(&stored).unwrap(), layout);
    assert!(stored.contains("\"terminator\":\"crlf\""), "{stored}");
}

#[test]
fn utf8_is_recognised_by_any_of_its_labels() {
    for label in ["utf-8", "UTF8", " utf-8 "] {
        let opts = InputOptions {
            encoding: Some(label.to_owned()),
            ..InputOptions::default()
        };
        assert!(annexa::records::needs_normalising(b"id,mdr_text\n", &opts).is_none());
        assert!(layout(b"id,mdr_text\n", true, &opts).is_ok());
    }
}
