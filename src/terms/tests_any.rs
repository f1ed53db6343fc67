//! What holds for any terms file at all.

use super::*;
use proptest::prelude::*;

fn table(text: &str) -> TermTable {
    TermTable::from_csv_bytes("own.csv", text.as_bytes()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_bytes_end_as_a_table_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = TermTable::from_csv_bytes("any", &bytes).map(|table| table.sha256_hex());
    }

    #[test]
    fn any_bytes_after_a_good_header_end_as_a_table_or_an_error(
        tail in "[A-G0-9,;\t\"\r\n a\u{e9}]{0,200}", cut in 0..200_usize,
    ) {
        let mut bytes = format!("code,term,parent_code,level,selectable\n{tail}").into_bytes();
        bytes.truncate(bytes.len().saturating_sub(cut % 3));
        match TermTable::from_csv_bytes("any", &bytes) {
            Ok(table) => prop_assert!(!table.is_empty()),
            Err(error) => prop_assert!(!error.faults().is_empty()),
        }
    }

    #[test]
    fn any_forest_is_read_back_with_its_parents(picks in proptest::collection::vec(any::<u16>(), 1..60)) {
        // Each code's parent is one before it, or none: a forest by construction.
        let parents: Vec<Option<usize>> = picks.iter().enumerate()
            .map(|(n, &pick)| (n > 0 && pick % 4 != 0).then(|| pick as usize % n)).collect();
        let mut text = String::from("code,term,parent_code\n");
        for (n, parent) in parents.iter().enumerate().rev() {
            let parent = parent.map(|p| format!("E{p}")).unwrap_or_default();
            text.push_str(&format!("E{n},term {n},{parent}\n"));
        }
        let table = table(&text);
        for (n, parent) in parents.iter().enumerate() {
            let term = table.by_code(&format!("E{n}")).unwrap();
            prop_assert_eq!(table.parent(term).map(|t| t.code().to_owned()), parent.map(|p| format!("E{p}")));
            prop_assert_eq!(usize::from(term.level()), table.ancestors(term.code()).len() + 1);
        }
    }
}
