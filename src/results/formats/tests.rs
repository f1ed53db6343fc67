//! The forms at their edges. That others read them is tested from outside (tests/it/formats).

use csv::ByteRecord;
use proptest::prelude::*;

use super::*;
use crate::core::identity::tests::spec;
use crate::core::problem::ProblemType;

const SEPARATORS: [char; 4] = [';', '\t', '\r', '\n'];

fn columns() -> ResultColumns {
    ResultColumns::new(&["id".into(), "mdr_text".into()], ProblemType::Product)
}

fn about() -> About {
    About::new(&JobId("job-1".into()), &spec())
}

/// A row with `text`, and in some of our columns what stands there in a coded row.
fn row(number: u64, text: &str) -> ByteRecord {
    let columns = columns();
    let mut cells = vec![String::new(); columns.names().len()];
    cells[0] = format!("i{number}");
    cells[1] = text.to_string();
    let own = [
        ("row", number.to_string()),
        ("outcome", "coded".into()),
        ("review", "low_confidence;empty_id".into()),
        ("product_problem_confidence", "0.6110".into()),
        (
            "product_problem_supporting",
            "[{\"code\":\"A01\",\"confidence\":0.25}]".into(),
        ),
        ("text_truncated", "false".into()),
        ("attempts", "1".into()),
        ("input_tokens", "70".into()),
        ("cost_usd", "0.000000007".into()),
    ];
    for (name, value) in own {
        cells[columns.own(name).unwrap()] = value;
    }
    ByteRecord::from(cells)
}

fn written(format: Format, rows: &[ByteRecord], take_each: bool) -> Vec<u8> {
    let mut writer = FormatWriter::new(format, &columns(), &about()).unwrap();
    let mut bytes = Vec::new();
    for row in rows {
        writer.row(row).unwrap();
        if take_each {
            bytes.append(&mut writer.take());
        }
    }
    let (mut last, notes) = writer.finish().unwrap();
    assert_eq!(notes.rows, rows.len() as u64);
    bytes.append(&mut last);
    bytes
}

#[test]
fn i6_the_same_rows_give_the_same_bytes_whenever_they_are_taken() {
    // Two row groups of Parquet.
    let long = "x".repeat(1 << 20);
    let rows: Vec<ByteRecord> = (1..=34).map(|n| row(n, &format!("{n} {long}"))).collect();
    for format in Format::ALL {
        let rows = match format {
            Format::Parquet => &rows[..],
            Format::Jsonl | Format::Spreadsheet => &rows[..3],
        };
        let one = written(format, rows, true);
        assert!(!one.is_empty());
        assert!(one == written(format, rows, false), "{}", format.name());
    }
}

#[test]
fn memory_is_that_of_a_row_group_and_not_of_all_rows() {
    let mut writer = FormatWriter::new(Format::Parquet, &columns(), &about()).unwrap();
    let mut taken = 0;
    // Text that zstd cannot make small.
    let noise: String = (0u32..1 << 18)
        .map(|n| char::from(b'a' + (n.wrapping_mul(2_654_435_761) >> 27) as u8 % 26))
        .collect();
    for number in 1..=400 {
        writer.row(&row(number, &noise[number as usize..])).unwrap();
        taken += usize::from(!writer.take().is_empty());
    }
    assert!(taken >= 3, "a file of 100 MB comes in pieces: {taken}");
}

#[test]
fn a_cell_that_is_not_what_its_column_holds_is_named_and_not_quoted() {
    let columns = columns();
    for (name, expected) in [
        ("row", "a whole number"),
        ("cost_usd", "US dollars with nine decimals"),
        ("product_problem_confidence", "a number"),
        ("text_truncated", "true or false"),
        ("attempts", "a small whole number"),
    ] {
        let mut cells: Vec<Vec<u8>> = row(1, "t").iter().map(<[u8]>::to_vec).collect();
        cells[columns.own(name).unwrap()] = b"-SECRET".to_vec();
        for format in [Format::Parquet, Format::Jsonl] {
            let mut writer = FormatWriter::new(format, &columns, &about()).unwrap();
            let error = writer.row(&ByteRecord::from(cells.clone())).unwrap_err();
            let said = error.to_string();
            assert!(said.contains(name) && said.contains(expected), "{said}");
            assert!(
                said.starts_with("row 1,") && !said.contains("SECRET"),
                "{said}"
            );
        }
    }
}

#[test]
fn json_has_numbers_lists_and_nulls_and_money_as_text() {
    let bytes = written(Format::Jsonl, &[row(1, "a\u{0}\n\"b\"")], false);
    let read: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(read["mdr_text"], "a\u{0}\n\"b\"");
    assert_eq!(read["row"], 1);
    assert_eq!(
        read["review"],
        serde_json::json!(["low_confidence", "empty_id"])
    );
    assert_eq!(read["product_problem_confidence"], 0.611);
    assert_eq!(read["product_problem_supporting"][0]["code"], "A01");
    assert_eq!(read["text_truncated"], false);
    assert_eq!(read["cost_usd"], "0.000000007");
    assert_eq!(read["error"], serde_json::Value::Null);
    let names: Vec<&String> = read.as_object().unwrap().keys().collect();
    assert_eq!(names, columns().names().iter().collect::<Vec<_>>());
}

#[test]
fn what_a_spreadsheet_could_run_gets_an_apostrophe_and_the_rest_stays() {
    let safe = |cell: &str| {
        let (record, cut) = safe_record(&ByteRecord::from(vec![cell]));
        assert_eq!(cut, 0);
        record[0].to_string()
    };
    for (cell, expected) in [
        ("=1+1", "'=1+1"),
        ("+49 30", "'+49 30"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t'=1"),
        ("\r", "'\r"),
        ("\0x", "'\0x"),
        ("  =1", "'  =1"),
        ("\u{A0}=1", "'\u{A0}=1"),
        ("\u{FEFF}=1", "'\u{FEFF}=1"),
        ("\u{FF1D}1", "'\u{FF1D}1"),
        ("\"=1\"", "'\"=1\""),
        ("pain; =1", "pain;' =1"),
        ("one\n- two", "one\n'- two"),
        ("one\r\n\"@two", "one\r\n'\"@two"),
        // Harmless.
        ("-5", "-5"),
        ("-0.25", "-0.25"),
        ("a=b", "a=b"),
        ("1-2", "1-2"),
        ("'=1", "'=1"),
        ("", ""),
        ("0.6110", "0.6110"),
    ] {
        assert_eq!(safe(cell), expected);
    }
}

#[test]
fn a_cell_that_excel_cannot_hold_is_cut_and_says_so() {
    let long = "\u{1F600}".repeat(20_000);
    let (record, cut) = safe_record(&ByteRecord::from(vec!["a", &long, &"x".repeat(32_767)]));
    assert_eq!(cut, 1);
    assert!(record[1].encode_utf16().count() <= 32_767);
    assert!(record[1].ends_with(" [cut: 20000 characters in all]"));
    assert_eq!(record[2].len(), 32_767, "what just fits is whole");
}

#[test]
fn the_table_of_athena_has_the_files_columns_in_order_with_types_that_fit() {
    let input = ["ID", "id", "Brand name", "", "\u{e9}"].map(String::from);
    let columns = ResultColumns::new(&input, ProblemType::Both);
    let (table, is_renamed) = athena::columns(&columns);
    let names: Vec<&str> = table.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(&names[..5], ["id", "id_2", "brand_name", "column", "_"]);
    assert!(is_renamed && athena::table(&columns, "t", "s3://b/p").contains("index.access"));
    let kind = |name: &str| table[names.iter().position(|own| *own == name).unwrap()].kind;
    assert_eq!(
        ["row", "review", "cost_usd", "attempts", "text_truncated"].map(kind),
        ["bigint", "string", "decimal(18,9)", "int", "boolean"]
    );
    assert_eq!(kind("patient_problem_confidence"), "double");
    let plain = ResultColumns::new(&["Id".into(), "mdr_text".into()], ProblemType::Both);
    let ddl = athena::table(&plain, "t", "s3://b/p/");
    assert!(
        !ddl.contains("index.access") && ddl.contains("'s3://b/p/${job_id}/'"),
        "{ddl}"
    );
}

/// What is left of a spreadsheet's cell without the marks; none: it holds other than the plain cell.
fn without_marks(marked: &str, plain: &str) -> Option<()> {
    let mut rest = plain.chars().peekable();
    for c in marked.chars() {
        match rest.peek() {
            Some(next) if *next == c => {
                rest.next();
            }
            _ if c == '\'' => {}
            _ => return None,
        }
    }
    rest.next().is_none().then_some(())
}

proptest! {
    #[test]
    fn no_cell_of_a_spreadsheet_begins_like_a_formula_and_nothing_is_lost(
        cell in "[=+@;\t\r\n\"' \u{0}\u{A0}\u{FF1D}\u{200B}ab1-]{0,12}"
    ) {
        let (record, _) = safe_record(&ByteRecord::from(vec![cell.as_str()]));
        let marked = &record[0];
        prop_assert!(without_marks(marked, &cell).is_some(), "{cell:?} became {marked:?}");
        if marked.parse::<f64>().is_err() {
            for piece in marked.split(SEPARATORS) {
                let bare = piece.trim_start_matches(|c: char| {
                    c.is_whitespace() || c.is_control() || c == '"' || c == '\u{200B}'
                });
                prop_assert!(!bare.starts_with(['=', '+', '-', '@', '\u{FF1D}']), "{marked:?}");
            }
            prop_assert!(!marked.starts_with(SEPARATORS.as_slice()) || marked.starts_with(';'));
        }
    }
}
