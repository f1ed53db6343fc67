//! Recognises what is no CSV text by its first bytes, so that the refusal can say what it is.

use memchr::memmem;

use super::error::InputError;

/// The byte order mark of UTF-8.
pub(crate) const BOM: &[u8] = b"\xEF\xBB\xBF";

/// How much of the head the pattern of NUL bytes is taken from.
const PATTERN_BYTES: usize = 4096;
/// NUL bytes are data as long as they are few: this many, and one in this many bytes, make a file binary.
const BINARY_NULS: usize = 16;
const BINARY_SHARE: usize = 64;

const TO_CSV: &str = "export the data as CSV";

/// First bytes, what they are, what to do.
const MAGIC: &[(&[u8], &str, &str)] = &[
    (b"%PDF", "a PDF document", TO_CSV),
    (b"PAR1", "a Parquet file", TO_CSV),
    (b"SQLite format 3\0", "an SQLite database", TO_CSV),
    (
        b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1",
        "an old Excel workbook (.xls) or another old Office document",
        "open it and save it as 'CSV UTF-8'",
    ),
    (b"ARROW1", "an Arrow file", TO_CSV),
    (b"Obj\x01", "an Avro file", TO_CSV),
    (b"{\\rtf", "a rich text document", "save it as plain CSV"),
];

/// First bytes of compression and archive formats that are not read.
const PACKED: &[(&[u8], &str)] = &[
    (b"BZh", "bzip2"),
    (b"\xFD7zXZ\0", "xz"),
    (b"7z\xBC\xAF\x27\x1C", "7-Zip"),
    (b"Rar!\x1A\x07", "RAR"),
    (b"\x04\x22\x4D\x18", "LZ4"),
    (b"\x1F\x9D", "compress (.Z)"),
];

/// Refuses what its first bytes show to be something else than UTF-8 CSV text.
pub(crate) fn refuse_what_is_no_csv(head: &[u8]) -> Result<(), InputError> {
    refuse_packed(head)?;
    for &(magic, found, action) in MAGIC {
        if head.starts_with(magic) {
            return Err(InputError::NotCsv { found, action });
        }
    }
    if let Some(encoding) = wide_encoding(head) {
        return Err(InputError::Utf16 { encoding });
    }
    refuse_markup(head)?;
    refuse_binary(head)
}

fn refuse_packed(head: &[u8]) -> Result<(), InputError> {
    use super::normalise::{Compression, detect_compression};
    let found = match detect_compression(head) {
        Compression::Gzip => Some("gzip"),
        Compression::Zstd => Some("Zstandard"),
        Compression::None => None,
    };
    if let Some(found) = found {
        return Err(InputError::CompressedTwice { found });
    }
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        let is_office = [&b"[Content_Types].xml"[..], b"xl/", b"mimetype"]
            .iter()
            .any(|part| memmem::find(head, part).is_some());
        if is_office {
            return Err(InputError::NotCsv {
                found: "an Excel workbook (or another Office document)",
                action: "open it and save it as 'CSV UTF-8'",
            });
        }
        return Err(InputError::CompressionNotRead {
            found: "a zip archive",
        });
    }
    for &(magic, found) in PACKED {
        // 'BZh' could begin a column name; in bzip2 a digit and the block's magic follow.
        let really = found != "bzip2" || matches!(head.get(3..6), Some([b'1'..=b'9', b'1', b'A']));
        if head.starts_with(magic) && really {
            return Err(InputError::CompressionNotRead { found });
        }
    }
    Ok(())
}

/// UTF-16 or UTF-32, by byte order mark or by where the NUL bytes stand.
pub(crate) fn wide_encoding(head: &[u8]) -> Option<&'static str> {
    match head {
        [0xFF, 0xFE, 0, 0, ..] => return Some("UTF-32LE"),
        [0, 0, 0xFE, 0xFF, ..] => return Some("UTF-32BE"),
        [0xFF, 0xFE, ..] => return Some("UTF-16LE"),
        [0xFE, 0xFF, ..] => return Some("UTF-16BE"),
        _ => {}
    }
    let part = &head[..head.len().min(PATTERN_BYTES)];
    let nuls = |from: usize| {
        part.iter()
            .skip(from)
            .step_by(2)
            .filter(|&&b| b == 0)
            .count()
    };
    let (even, odd, half) = (nuls(0), nuls(1), part.len() / 2);
    // Latin text in UTF-16 has a NUL in nearly every other byte.
    let many = |n: usize| half >= 4 && n * 10 >= half * 6;
    let few = |n: usize| n * 10 <= half;
    match (many(even), many(odd)) {
        (false, true) if few(even) => Some("UTF-16LE"),
        (true, false) if few(odd) => Some("UTF-16BE"),
        _ => None,
    }
}

fn refuse_markup(head: &[u8]) -> Result<(), InputError> {
    let text = head.strip_prefix(BOM).unwrap_or(head).trim_ascii_start();
    let lower = text[..text.len().min(64)].to_ascii_lowercase();
    let after = |n: usize| text[n.min(text.len())..].trim_ascii_start();
    let is_json = (text.starts_with(b"{") && matches!(after(1), [b'"' | b'}', ..]))
        || (text.starts_with(b"[") && matches!(after(1), [b'{' | b'[' | b']', ..]));
    let found = if lower.starts_with(b"<!doctype html") || lower.starts_with(b"<html") {
        "an HTML page"
    } else if lower.starts_with(b"<?xml") {
        "an XML document"
    } else if is_json {
        "JSON"
    } else {
        return Ok(());
    };
    let action = if found == "an HTML page" {
        "it may be an error page that was saved in place of the file: download the file again"
    } else {
        TO_CSV
    };
    Err(InputError::NotCsv { found, action })
}

/// A NUL byte here and there in a report is data; one in the first line, or many, are not.
fn refuse_binary(head: &[u8]) -> Result<(), InputError> {
    let Some(first) = memchr::memchr(0, head) else {
        return Ok(());
    };
    let nul_bytes = memchr::memchr_iter(0, head).count();
    let first_line = memchr::memchr2(b'\n', b'\r', head).unwrap_or(head.len());
    if first < first_line || (nul_bytes >= BINARY_NULS && nul_bytes * BINARY_SHARE > head.len()) {
        return Err(InputError::Binary {
            nul_bytes,
            first_byte: first,
            head_bytes: head.len(),
        });
    }
    Ok(())
}
