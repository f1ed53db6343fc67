//! The walk of localstack/README.md, as a newcomer runs it, with a thousand real reports.

use std::process::Command;

use crate::cli::harness::{HANG, Place, Ran, Results};
use crate::fleet::place::python;

pub const ROWS: usize = 1_000;

/// Real reports of the corpus that comes with the program; `text` makes what is sent of a report's number and text.
pub fn reports(text: impl Fn(usize, &str) -> String) -> Vec<u8> {
    let packed = concat!(env!("CARGO_MANIFEST_DIR"), "/data/corpus/reports.csv.zst");
    let plain = zstd::decode_all(&std::fs::read(packed).unwrap()[..]).unwrap();
    let mut reader = csv::Reader::from_reader(&plain[..]);
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer
        .write_record(["id", "mdr_text", "event_type"])
        .unwrap();
    for (number, record) in reader.records().take(ROWS).enumerate() {
        let record = record.unwrap();
        writer
            .write_record([&record[0], &text(number, &record[1]), &record[4]])
            .unwrap();
    }
    writer.into_inner().unwrap()
}

#[test]
fn the_walk_goes_from_nothing_to_a_summary_with_a_thousand_reports() {
    let place = Place::new();
    let input = reports(|_, text| text.to_string());
    place.write("reports.csv", &input);
    let binaries = assert_cmd::cargo::cargo_bin!("annexa");
    let mut walk = Command::new(python());
    walk.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/localstack/walk.py"));
    walk.arg("--bin").arg(binaries.parent().unwrap());
    walk.arg("--out")
        .arg(place.path("out"))
        .arg(place.path("reports.csv"));
    let output = assert_cmd::Command::from_std(walk)
        .timeout(HANG)
        .output()
        .unwrap();
    let ran = Ran::from(output);
    assert_eq!(ran.code, 0, "{}{}", ran.err, ran.out);
    assert!(ran.out.contains(": COMPLETED\n"), "{}", ran.out);
    assert!(
        ran.out
            .contains("started one splitter, 3 workers, one aggregator"),
        "{}",
        ran.out
    );

    let results = Results::read(&place.path("out/results.csv"));
    assert_eq!(results.len(), ROWS);
    let summary = place.json("out/summary.json");
    assert_eq!(summary["total_records"], ROWS);
    assert_eq!(summary["balance"]["balances"], true);
    assert_eq!(summary["outcomes"]["failed"], 0);
    // The simulator answers as the offline model does: each row has the answer for its own text.
    let (_, offline) = place.coded(&input, &[]);
    for row in 1..=ROWS {
        for column in [
            "id",
            "mdr_text",
            "product_problem_code",
            "patient_problem_code",
        ] {
            assert_eq!(
                results.get(row, column),
                offline.get(row, column),
                "row {row}, {column}"
            );
        }
    }
}
