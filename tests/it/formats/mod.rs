//! Results in other forms: as others read them, beside a run, from a folder, and of a fleet.

mod export;
mod fleet;
mod read_back;

use std::process::Command;

use crate::cli::harness::Place;
use crate::tools;

/// Has Python compare `forms` in `folder` with results.csv there, cell by cell: pyarrow reads Parquet.
fn assert_same_rows(place: &Place, folder: &str, input_columns: usize, forms: &[&str]) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/formats/same_rows.py");
    let output = Command::new(tools::python())
        .arg(script)
        .arg(place.path(folder))
        .arg("results")
        .arg(input_columns.to_string())
        .args(forms)
        .output()
        .unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    );
    assert!(output.status.success(), "{out}{err}");
    let rows = place.results(folder).len();
    let compared: Vec<String> = forms.iter().map(|form| format!("{form} {rows}")).collect();
    assert_eq!(out.lines().collect::<Vec<_>>(), compared);
}
