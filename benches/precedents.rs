//! How fast the offline model starts and codes: `cargo bench --bench precedents [-- FILE.csv]`.
//!
//! Codes the texts of a CSV (column `mdr_text`; the example file by default) for both problem types on one thread, three
//! times, and prints the best pass.

use annexa::core::problem::ProblemType;
use annexa::precedents::{Precedents, Scratch};
use std::error::Error;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    #[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
    let start = Instant::now();
    let model = Precedents::builtin()?;
    println!(
        "cold start      {:>8.1} ms",
        start.elapsed().as_secs_f64() * 1e3
    );

    let path = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let path = path.unwrap_or_else(|| "examples/maude_sample.csv".into());
    let mut reader = csv::Reader::from_path(&path)?;
    let column = reader.headers()?.iter().position(|name| name == "mdr_text");
    let column = column.ok_or("the file has no column mdr_text")?;
    let mut texts = Vec::new();
    for record in reader.records() {
        texts.push(record?.get(column).unwrap_or_default().to_owned());
    }

    let mut scratch = Scratch::default();
    let mut best_seconds = f64::INFINITY;
    let mut codes = 0;
    for _ in 0..3 {
        #[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
        let start = Instant::now();
        codes = 0;
        for text in &texts {
            let verdict = model.code_with(&mut scratch, text, ProblemType::Both, &|_| true);
            codes += verdict.product.len() + verdict.patient.len();
        }
        best_seconds = best_seconds.min(start.elapsed().as_secs_f64());
    }
    let bytes: usize = texts.iter().map(String::len).sum();
    println!("texts           {:>8}", texts.len());
    println!("codes           {codes:>8}");
    println!("texts a second  {:>8.0}", texts.len() as f64 / best_seconds);
    println!("MB a second     {:>8.1}", bytes as f64 / best_seconds / 1e6);
    Ok(())
}
