//! How fast records are found, as a ratio to `csv::Reader` over byte records on the same bytes.
//!
//! `cargo bench --bench scanner [-- FILE]`: FILE, or reports made up here, is repeated to 200 MB in memory and read five times in turn by
//! each; the medians are printed.

use std::hint::black_box;
use std::time::{Duration, Instant};

use annexa::records::{InputOptions, RowReader, Scanner, layout, visit_chunks};

const LOAD_BYTES: usize = 200 << 20;
const SLICE_BYTES: usize = 256 << 10;
const ROUNDS: usize = 5;

/// Reports of the lengths that MAUDE has: a median of some 600 characters, a long tail, quotes and line endings here and there.
fn made_up() -> Vec<u8> {
    let mut out =
        b"id,mdr_text,event_type,product_code,date_received,brand_name,manufacturer\n".to_vec();
    let mut x: u64 = 1;
    for id in 0..6000 {
        x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let words = 40 + (x >> 33) % 120 + if x >> 60 == 0 { 1500 } else { 0 };
        let mut text = "THE DEVICE ".repeat(words as usize / 2);
        if x.is_multiple_of(7) {
            text.push_str("\"\"QUOTED\"\"\n");
        }
        out.extend_from_slice(
            format!("{id},\"{text}\",Malfunction,ABC,20250101,BRAND,MAKER INC.\n").as_bytes(),
        );
    }
    out
}

fn load() -> Vec<u8> {
    // Cargo passes --bench.
    let once = match std::env::args().skip(1).find(|arg| !arg.starts_with('-')) {
        Some(path) => std::fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}")),
        None => made_up(),
    };
    let header = once.iter().position(|&b| b == b'\n').expect("a header") + 1;
    let mut all = once.clone();
    while all.len() < LOAD_BYTES {
        all.extend_from_slice(&once[header..]);
    }
    all
}

fn scan(file: &[u8]) -> u64 {
    let opts = InputOptions::default();
    let layout = layout(&file[..1 << 20], false, &opts).expect("a good head");
    let mut scanner = Scanner::new(&layout, opts.chunk_rows);
    let mut chunks = Vec::new();
    for slice in file.chunks(SLICE_BYTES) {
        scanner.push(slice, &mut chunks);
    }
    scanner.finish(&mut chunks).rows
}

fn scan_and_read(file: &[u8]) -> u64 {
    let opts = InputOptions::default();
    let layout = layout(&file[..1 << 20], false, &opts).expect("a good head");
    let mut row = annexa::records::Row::default();
    let mut rows = 0;
    visit_chunks(file, &layout, opts.chunk_rows, |range, bytes| {
        let mut reader = RowReader::new(bytes, &layout, range);
        while reader.read_into(&mut row) {
            rows += 1;
        }
        Ok::<(), annexa::records::StreamError>(())
    })
    .expect("reading from memory");
    rows
}

fn csv_crate(file: &[u8]) -> u64 {
    let mut reader = csv::Reader::from_reader(file);
    let mut record = csv::ByteRecord::new();
    let mut rows = 0;
    while reader.read_byte_record(&mut record).expect("good CSV") {
        rows += 1;
    }
    rows
}

/// Reads a whole file and counts its rows.
type Reader = fn(&[u8]) -> u64;

fn timed(read: Reader, file: &[u8]) -> (Duration, u64) {
    #[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
    let start = Instant::now();
    let rows = black_box(read(black_box(file)));
    (start.elapsed(), rows)
}

fn main() {
    let file = load();
    let readers: [(&str, Reader); 3] = [
        ("csv::Reader, byte records", csv_crate),
        ("scanner (boundaries)", scan),
        ("scanner and row reader", scan_and_read),
    ];
    let mut times = [const { Vec::new() }; 3];
    let mut rows = [0; 3];
    for _ in 0..ROUNDS {
        for (i, (_, read)) in readers.iter().enumerate() {
            let (time, n) = timed(*read, &file);
            times[i].push(time);
            rows[i] = n;
        }
    }
    assert!(rows.iter().all(|n| *n == rows[0]), "row counts: {rows:?}");
    let medians = times.map(|mut t| {
        t.sort();
        t[ROUNDS / 2].as_secs_f64()
    });
    println!("{} rows, {} bytes, median of {ROUNDS}", rows[0], file.len());
    for (i, (name, _)) in readers.iter().enumerate() {
        let speed = file.len() as f64 / medians[i] / 1e6;
        let ratio = medians[0] / medians[i];
        println!("{name:<28} {speed:>8.0} MB/s  {ratio:>6.2} x csv::Reader");
    }
}
