//! `annexa split INPUT --dry-run`.

use std::io::Write;
use std::path::Path;

use annexa::cli::input::InputArgs;
use annexa::cli::split::{SplitArgs, run};
use tempfile::NamedTempFile;

fn file(content: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(content).unwrap();
    file
}

fn args(path: &Path, json: bool) -> SplitArgs {
    SplitArgs {
        input: path.to_owned(),
        dry_run: true,
        how: InputArgs {
            chunk_rows: 2,
            ..InputArgs::default()
        },
        json,
    }
}

fn split(content: &[u8], json: bool) -> (u8, String) {
    let file = file(content);
    let mut out = Vec::new();
    let code = run(&args(file.path(), json), &mut out).unwrap();
    (code, String::from_utf8(out).unwrap())
}

const TROUBLED: &[u8] = b"id,mdr_text,note\n1,SECRET,n\n2,\"SECRET\nSECRET\",n,extra\n3\n,\xFF,n\n5,,n\n6,\"open\n7,SECRET,n\n";

#[test]
fn a_dry_run_prints_dialect_rows_chunks_and_what_is_wrong() {
    let (code, text) = split(TROUBLED, false);
    assert_eq!(code, 0);
    for part in [
        "utf-8, comma delimited, LF line endings",
        "columns  3: id, mdr_text, note",
        "rows     7",
        "chunks   4",
        "bytes    85",
        "id_or_text_missing          1  at row 3 (byte 54)",
        "quote_not_closed            1  at row 6 (byte 66)",
        "ragged_long                 1  at row 2 (byte 28)",
        "empty_id                    1  at row 4",
        "bad_bytes_replaced          1  at row 4",
        "empty_text                  1  at row 5",
        "--encoding windows-1252",
    ] {
        assert!(text.contains(part), "{part} in:\n{text}");
    }
    assert!(!text.contains("SECRET"), "no report text:\n{text}");
}

#[test]
fn a_dry_run_of_a_good_file_says_that_nothing_is_wrong() {
    let (code, text) = split(b"\xEF\xBB\xBFid;mdr_text\r\n1;a\r\n2;b\r\n3;c\r\n", false);
    assert_eq!(code, 0);
    assert!(
        text.contains("with byte order mark, semicolon delimited, CRLF"),
        "{text}"
    );
    assert!(
        text.contains("chunks   2") && text.contains("nothing is wrong"),
        "{text}"
    );
}

#[test]
fn a_dry_run_prints_json() {
    let (code, text) = split(TROUBLED, true);
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(code, 0);
    assert_eq!(report["rows"], 7);
    assert_eq!(report["chunks"], 4);
    assert_eq!(report["delimiter"], "comma");
    assert_eq!(report["faults"]["id_or_text_missing"]["first"][0]["row"], 3);
    assert_eq!(report["flags"]["ragged_long"]["rows"], 1);
    assert!(!text.contains("SECRET"));
}

#[test]
fn a_dry_run_of_a_refused_input_exits_64_and_says_why() {
    let (code, text) = split(b"report,narrative\n1,a\n", false);
    assert_eq!(code, 64);
    assert!(
        text.contains("refused") && text.contains("found 2 columns, none with a name like it"),
        "{text}"
    );
    let (code, text) = split(b"%PDF-1.4", true);
    let refusal: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, refusal["refused"].as_str()), (64, Some("not_csv")));
}

#[test]
fn a_dry_run_refuses_compressed_input_that_is_cut_short() {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    packed.write_all(b"id,mdr_text\n").unwrap();
    // Longer than the head, so that the cut is met on the way.
    for i in 0..20_000 {
        let row = format!("{i},{}\n", "text ".repeat(20));
        packed.write_all(row.as_bytes()).unwrap();
    }
    let packed = packed.finish().unwrap();
    let (code, text) = split(&packed[..packed.len() - 100], false);
    assert_eq!(code, 64);
    assert!(text.contains("gzip data is cut short"), "{text}");
}

#[test]
fn a_dry_run_of_a_file_that_is_not_there_is_an_error_that_names_it() {
    let error = run(&args(Path::new("no/such.csv"), false), &mut Vec::new()).unwrap_err();
    let text = format!("{error:#}");
    assert!(
        text.contains("no/such.csv") && text.contains("check the path"),
        "{text}"
    );
}

#[test]
fn a_dry_run_of_a_folder_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    assert!(run(&args(folder.path(), false), &mut Vec::new()).is_err());
}
