//! See `check_split_law`: the tests run the same check over the files of tests/it/records/corpus/split_law.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[allow(dead_code)]
#[path = "../../tests/support/csv_oracle.rs"]
mod csv_oracle;

fuzz_target!(|input: &[u8]| csv_oracle::check_split_law(input));
