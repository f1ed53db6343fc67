//! The inputs that the fuzz targets are started with, and those that once broke something, in every run of the tests.

use std::path::Path;

use super::csv_oracle::{check_any_bytes, check_split_law};

fn each_file(folder: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/records/corpus")
        .join(folder);
    let mut files = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        check(&std::fs::read(entry.unwrap().path()).unwrap());
        files += 1;
    }
    assert!(files >= 5, "{} has {files} files", folder.display());
}

#[test]
fn the_split_law_holds_over_the_corpus() {
    each_file("split_law", check_split_law);
}

#[test]
fn no_row_is_lost_over_the_corpus() {
    each_file("any_bytes", check_any_bytes);
}
