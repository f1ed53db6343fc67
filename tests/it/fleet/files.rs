//! Files for a fleet's inbox: large ones, packed and broken ones, reports whose texts all differ; and patience.

use std::io::Write;
use std::time::Duration;

use crate::cli::harness::{HANG, TEXT, sample_with};
use crate::cli::process::pause;

/// Bytes of one record of a large file.
const LARGE_RECORD: usize = 900_000;

/// Reports whose texts all differ, so that none is answered from what was paid before.
pub fn distinct(rows: usize, mark: &str) -> String {
    sample_with(rows, |number, fields| {
        fields[1] = format!("{} ({mark} {number})", fields[1])
    })
}

/// Ten megabytes in a dozen records.
pub fn large_file() -> Vec<u8> {
    let mut file = b"id,mdr_text\n".to_vec();
    for number in 0..12 {
        writeln!(file, "{number},{TEXT} {}", "X".repeat(LARGE_RECORD)).unwrap();
    }
    file
}

/// As gzip.
pub fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

/// As gzip whose end is missing.
pub fn broken_file() -> Vec<u8> {
    let large = large_file();
    let mut broken = packed(&[large.clone(), large].concat());
    broken.truncate(broken.len() - 20);
    broken
}

/// Waits until it is so; only a hang takes so long that this fails.
pub fn patiently(what: &str, mut is_so: impl FnMut() -> bool) {
    let mut looks = HANG.as_millis() / 100;
    while !is_so() {
        looks -= 1;
        assert!(looks > 0, "hangs: {what}");
        pause(Duration::from_millis(100));
    }
}
