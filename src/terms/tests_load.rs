//! What a user's own terms file may look like, and what is said of one that is wrong.

use super::*;
use crate::core::problem::Problem;

fn faults(text: &str) -> Vec<String> {
    fault_lines(text.as_bytes())
}

fn fault_lines(bytes: &[u8]) -> Vec<String> {
    match TermTable::from_csv_bytes("own.csv", bytes) {
        Ok(table) => panic!("expected faults, found a table of {} codes", table.len()),
        Err(error) => error.faults().iter().map(ToString::to_string).collect(),
    }
}

fn table(text: &str) -> TermTable {
    TermTable::from_csv_bytes("own.csv", text.as_bytes()).unwrap()
}

#[test]
fn two_columns_are_enough() {
    let table = table("code,term\nA01,First\nE0102,Second\n");
    assert_eq!(table.len(), 2);
    let second = table.by_code("E0102").unwrap();
    assert_eq!(
        (second.annex(), second.level(), second.selectable()),
        ('E', 1, true)
    );
    // Parents are never guessed from digits.
    assert!(table.ancestors("E0102").is_empty());
    assert_eq!(table.release(), "own.csv");
    assert!(
        table.warnings().iter().any(|w| w.contains("parent_code")),
        "{:?}",
        table.warnings()
    );
}

#[test]
fn dialects_of_one_table_have_one_hash() {
    let plain = "code,term,definition,selectable\nA01,One,\"a, b\",yes\nA02,Two,,no\n";
    let others = [
        format!("\u{feff}{plain}"),
        plain.replace('\n', "\r\n"),
        plain.replace('\n', "\r"),
        "Code;TERM ;definition;selectable\nA01;One;a, b;TRUE\n A02 ;Two;;0\n;;;\n".to_owned(),
        "term\tcode\tselectable\tdefinition\tother\nOne\tA01\t\ta,  b\tx\nTwo\tA02\tn\t\ty\n\n"
            .to_owned(),
    ];
    let hash = table(plain).sha256_hex();
    assert_eq!(hash.len(), 64);
    for other in others {
        assert_eq!(table(&other).sha256_hex(), hash, "{other:?}");
    }
    assert_ne!(table(&plain.replace("Two", "Too")).sha256_hex(), hash);
    assert_ne!(table(&plain.replace(",no", ",yes")).sha256_hex(), hash);
}

#[test]
fn a_missing_column_is_named_with_what_was_there() {
    assert_eq!(
        faults("code,name\nA01,x\n"),
        [
            "line 1, column 'term': found no such column among 'code, name', expected a header with at least the columns 'code' and 'term'"
        ]
    );
}

#[test]
fn i10_a_first_line_that_looks_like_data_is_not_quoted() {
    let said = faults("7001,John Doe fell and died,John Doe fell and died\nA01,x,y\n").join("\n");
    assert!(
        said.contains("among 3 values that look like data")
            && said.contains("a column name twice, as columns 2 and 3"),
        "{said}"
    );
    assert!(
        !said.to_lowercase().contains("doe") && !said.contains("7001"),
        "{said}"
    );
}

#[test]
fn a_duplicate_column_is_named_with_both_places() {
    assert_eq!(
        faults("code,term,Term\nA01,x,y\n"),
        [
            "line 1, column 'term': found it twice, as columns 2 and 3, expected each column name once"
        ]
    );
}

#[test]
fn an_empty_code_and_an_empty_term_are_named() {
    assert_eq!(
        faults("code,term\nA01,x\n,y\nA02, \n"),
        [
            "line 3, column 'code': found nothing, expected a code: a letter A to G and digits, such as A0401",
            "line 4, column 'term': found nothing, expected the term's wording",
        ]
    );
}

#[test]
fn a_code_of_another_form_is_named() {
    for code in ["H01", "A", "a01", "A01x", "A٣"] {
        let expected = format!(
            "line 2, column 'code': found '{code}', expected a code: a letter A to G and digits, such as A0401"
        );
        assert_eq!(faults(&format!("code,term\n{code},x\n")), [expected]);
    }
}

#[test]
fn a_duplicate_code_names_both_lines() {
    assert_eq!(
        faults("code,term\nA01,\"x\ny\"\nA02,z\nA01,w\n"),
        ["line 5, column 'code': found A01 again, first on line 2, expected each code once"]
    );
}

#[test]
fn a_parent_that_is_not_there_is_named() {
    assert_eq!(
        faults("code,term,parent_code\nA01,x,\nA0101,y,A02\n"),
        [
            "line 3, column 'parent_code': found 'A02', expected a code of this table, or nothing if A0101 is at the top"
        ]
    );
}

#[test]
fn each_ring_of_parents_is_named_once() {
    assert_eq!(
        faults(
            "code,term,parent_code\nA05,v,A02\nA01,x,A02\nA02,y,A03\nA03,z,A01\nA04,w,A04\nA06,u,\n"
        ),
        [
            "line 3, column 'parent_code': found parents that lead in a ring: A01 under A02 under A03 under A01, expected parents that end at a code without one",
            "line 6, column 'parent_code': found parents that lead in a ring: A04 under A04, expected parents that end at a code without one",
        ]
    );
}

#[test]
fn a_bad_selectable_level_or_annex_is_named() {
    assert_eq!(
        faults(
            "code,term,selectable,level,annex\nA01,x,maybe,1,A\nA02,y,no,ten,Annex a\nE01,z,,0,A\n"
        ),
        [
            "line 2, column 'selectable': found 'maybe', expected yes or no (or true, false, 1, 0)",
            "line 3, column 'level': found 'ten', expected a number from 1 to 9, or nothing",
            "line 4, column 'annex': found 'A', expected 'E', the letter of code E01, or nothing",
            "line 4, column 'level': found '0', expected a number from 1 to 9, or nothing",
        ]
    );
}

#[test]
fn bytes_that_are_not_utf8_are_named_with_what_stands_before() {
    assert_eq!(
        fault_lines(b"code,term\r\n\r\nA01,x\r\nA02,caf\xE9 noir\r\n"),
        [
            "line 4, column 'term': found byte 0xE9 after 'caf', expected text in UTF-8: save the file as 'CSV UTF-8'"
        ]
    );
}

#[test]
fn a_file_without_rows_or_header_is_refused() {
    assert_eq!(
        faults("code,term\n"),
        ["line 1: found no rows after the header, expected one row a code"]
    );
    assert_eq!(
        faults("code,term\n,\n,\n"),
        ["line 3: found no rows after the header, expected one row a code"]
    );
    assert_eq!(
        faults(""),
        ["line 1: found no header, expected a header with at least the columns 'code' and 'term'"]
    );
}

#[test]
fn a_quote_left_open_is_named_and_swallows_no_rows_silently() {
    assert_eq!(
        faults("code,term\nA01,x\nA02,\"y\nA03,z\n"),
        [
            "line 3: found a quotation mark that is still open at the end of the file, expected each quoted field closed; a quotation mark inside one is written twice"
        ]
    );
    assert_eq!(faults("code,\"term\nA01,x").len(), 1);
}

#[test]
fn a_row_with_too_many_fields_is_named() {
    assert_eq!(
        faults("code,term\nA01,x, y\n"),
        [
            "line 2: found 3 fields, expected 2 as in the header (is a field with a delimiter in it not quoted?)"
        ]
    );
}

#[test]
fn lines_are_counted_for_cr_files_and_blank_lines_too() {
    assert_eq!(
        faults("code,term\r\rA01,x\rB,y\r")[0].split(':').next(),
        Some("line 4, column 'code'")
    );
    assert_eq!(
        faults("\n\ncode,term\n\n\nB,y")[0].split(':').next(),
        Some("line 6, column 'code'")
    );
}

#[test]
fn utf16_and_binary_files_are_refused_with_what_they_are() {
    let utf16: Vec<u8> = "code,term\nA01,x\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let marked: Vec<u8> = [0xFF, 0xFE].into_iter().chain(utf16.clone()).collect();
    for (bytes, what) in [
        (&marked[..], "UTF-16 byte order mark"),
        (&utf16, "null bytes"),
        (b"PK\x03\x04rest", "zip archive"),
    ] {
        let error = TermTable::from_csv_bytes("own.csv", bytes)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(what) && error.contains("own.csv") && error.contains("UTF-8"),
            "{error}"
        );
    }
}

#[test]
fn faults_are_listed_up_to_fifty_and_the_rest_is_counted() {
    let text: String = std::iter::once("code,term\n".to_owned())
        .chain((0..130).map(|n| format!("X{n},x\n")))
        .collect();
    let error = TermTable::from_csv_bytes("own.csv", text.as_bytes()).unwrap_err();
    assert_eq!(error.faults().len(), MAX_FAULTS);
    let said = error.to_string();
    assert!(
        said.starts_with("terms file 'own.csv': 130 faults\n  line 2, "),
        "{said}"
    );
    assert!(said.ends_with("\n  and 80 more"), "{said}");
}

#[test]
fn a_table_for_one_problem_only_is_a_warning_and_no_fault() {
    let table = table("code,term,parent_code,selectable\nA01,x,,yes\nE01,y,,no\n");
    assert_eq!(
        table.warnings(),
        [
            "there is no selectable code in annex E or F: patient problems cannot be coded with this table"
        ]
    );
}

#[test]
fn odd_levels_and_shared_wordings_are_warned_of() {
    let table = table(
        "code,term,parent_code,level\nA01,x,,1\nA0101,Same,A01,3\nA0102,same,A01,2\nE01,y,A01,2\n",
    );
    let said = table.warnings().join("\n");
    assert!(
        said.contains(
            "level is not the length of the chain of parents: 1 time (first: line 3, code A0101)"
        ),
        "{said}"
    );
    assert!(
        said.contains("parent is of another annex: 1 time (first: line 5, code E01)"),
        "{said}"
    );
    assert!(
        said.contains("(first: 'Same' for A0101 and A0102)"),
        "{said}"
    );
    assert_eq!(table.resolve("same", Problem::Product), None);
}

#[test]
fn without_a_selectable_column_the_status_decides() {
    let table =
        table("code,term,status\nA01,x,\nA02,y,Retired\nA03,z,\"Not selectable, Modified\"\n");
    let codes: Vec<&str> = table.selectable(Problem::Product).map(Term::code).collect();
    assert_eq!(codes, ["A01"]);
}

#[test]
fn text_over_lines_is_put_on_one_line_because_the_prompt_has_one_line_a_code() {
    let table = table("code,term,definition\nA01,\"x\n y\",\"a\r\nb\"\n");
    let term = table.by_code("A01").unwrap();
    assert_eq!((term.term(), term.definition()), ("x y", "a b"));
}

#[test]
fn older_wordings_hold_for_a_users_table_only_where_it_has_their_code() {
    let table = table("code,term\nA050401,Own Wording\n");
    assert_eq!(
        table
            .resolve("fluid leak", Problem::Product)
            .map(|r| r.term.code()),
        Some("A050401")
    );
    assert_eq!(table.resolve("gas leak", Problem::Product), None);
}
