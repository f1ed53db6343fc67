//! How fast the offline run is, end to end, as a process: `cargo bench --bench run`. Both problem types.
//!
//! Reports are the examples, repeated under new ids, so that the file has 20,000 rows. Beside it in the same run: what
//! the model alone codes a second on one core over the same texts, as the ratio to look at on another machine.

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use annexa::core::problem::ProblemType;
use annexa::precedents::Precedents;

/// Rows of the file.
const ROWS: usize = 20_000;

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = folder.path().join("reports.csv");
    let texts = write_reports(&root.join("examples/maude_sample.csv"), &input);

    let took = timed(|| {
        let status = Command::new(env!("CARGO_BIN_EXE_annexa"))
            .arg("run")
            .arg(&input)
            .arg("--no-text")
            .status()
            .expect("the program starts");
        assert!(status.success(), "the run failed: {status}");
    });
    let results = folder.path().join("reports-annexa/results.csv");
    let rows = csv::Reader::from_path(results)
        .expect("results")
        .records()
        .count();
    assert_eq!(rows, ROWS, "a row a report");
    let run_rate = ROWS as f64 / took.as_secs_f64();

    let precedents = Precedents::builtin().expect("the built-in model");
    let took = timed(|| {
        for text in &texts {
            std::hint::black_box(precedents.code(text, ProblemType::Both, &|_| true));
        }
    });
    let model_rate = texts.len() as f64 / took.as_secs_f64();
    println!(
        "run:   {run_rate:.0} rows a second, {ROWS} rows, both problem types, start and outputs included"
    );
    println!("model: {model_rate:.0} texts a second alone on one core");
    println!("ratio: {:.2}", run_rate / model_rate);
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// Repeats the examples under new ids until there are [`ROWS`]; returns the texts once.
fn write_reports(examples: &Path, to: &Path) -> Vec<String> {
    let mut reader = csv::Reader::from_path(examples).expect("the examples");
    let headers = reader.headers().expect("a header").clone();
    let text_at = headers
        .iter()
        .position(|name| name == "mdr_text")
        .expect("a text column");
    let records: Vec<csv::StringRecord> = reader.records().map(|r| r.expect("a record")).collect();
    let mut writer = csv::Writer::from_writer(File::create(to).expect("the input"));
    writer.write_record(&headers).expect("written");
    for row in 0..ROWS {
        let record = &records[row % records.len()];
        let id = format!("r{row}");
        // A text of its own for each row, so that equal texts do not make the run look faster than it is.
        let text = format!("{} {row}", &record[text_at]);
        let fields = record.iter().enumerate().map(|(at, field)| match at {
            0 => id.as_str(),
            _ if at == text_at => text.as_str(),
            _ => field,
        });
        writer.write_record(fields).expect("written");
    }
    writer.flush().expect("written");
    records
        .iter()
        .map(|record| record[text_at].to_string())
        .collect()
}
