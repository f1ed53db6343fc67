//! The tables that come with the program: IMDRF release 2025 and older wordings.

use super::table::TermTable;
use std::sync::{Arc, OnceLock};

/// All 1,891 codes of Annexes A to G. Source: IMDRF AET, N43 Annexes A-G, release 2025; FDA's code numbers.
const TERMS: &[u8] = include_bytes!("../../data/imdrf_terms.csv");

/// 66 wordings of the releases 2021 to 2024 and of NCIt that differ from 2025, and 5 retired codes' wordings whose status
/// description in release 2025 names the one code to use instead.
const ALIASES: &[u8] = include_bytes!("../../data/imdrf_aliases.csv");

/// An older wording of a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Alias {
    pub(super) wording: String,
    pub(super) code: String,
}

impl TermTable {
    /// The built-in table, IMDRF release 2025. Read once a process, then shared.
    ///
    /// # Panics
    /// Never in a program whose tests passed: the table is part of the program.
    pub fn builtin() -> Arc<TermTable> {
        static TABLE: OnceLock<Arc<TermTable>> = OnceLock::new();
        let table =
            TABLE.get_or_init(
                || match TermTable::from_csv_bytes("imdrf_terms.csv", TERMS) {
                    Ok(table) => Arc::new(table),
                    Err(error) => panic!("the built-in terms are damaged: {error}"),
                },
            );
        Arc::clone(table)
    }
}

/// The older wordings, in the order of their codes.
pub(super) fn aliases() -> &'static [Alias] {
    static LIST: OnceLock<Vec<Alias>> = OnceLock::new();
    LIST.get_or_init(|| {
        let mut reader = csv::Reader::from_reader(ALIASES);
        reader
            .records()
            .map(|record| match record {
                Ok(record) => Alias {
                    wording: record[0].to_owned(),
                    code: record[1].to_owned(),
                },
                Err(error) => panic!("the built-in aliases are damaged: {error}"),
            })
            .collect()
    })
}
