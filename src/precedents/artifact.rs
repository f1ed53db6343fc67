//! The artifact: everything that inference needs in one checked, compressed file.
//!
//! `ANXP`, format (u32), SHA-256 of the rest, length of the content (u64), then the content as one zstd frame. Numbers are
//! little-endian. The content: reports (columns of strings), vocabulary (hashes, occurrence counts, postings), linear model
//! (labels, then each feature's weights), calibration maps. All is checked while it is read; nothing in a changed file can
//! make reading panic or take memory beyond [`MAX_CONTENT_BYTES`] times a small factor.

use super::bytes::{Source, damaged, put_count, put_f32};
use super::corpus::Report;
use super::decision::{Calibration, Isotonic};
use super::error::PrecedentsError;
use super::linear::Linear;
use super::sections;
use super::vocabulary::Vocabulary;
use sha2::{Digest, Sha256};

const MARK: &[u8; 4] = b"ANXP";
const FORMAT: u32 = 1;
const HEADER_BYTES: usize = 4 + 4 + 32 + 8;
/// No content is larger than this, five times what the built-in one has: once read it takes some four times its bytes
/// of memory, and the smallest task of a fleet has 512 MiB (docs/OPINIONS.md).
const MAX_CONTENT_BYTES: u64 = 64 << 20;
const ZSTD_LEVEL: i32 = 19;

/// What an artifact holds.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) reports: Vec<Report>,
    pub(super) vocabulary: Vocabulary,
    pub(super) linear: Linear,
    pub(super) calibrations: [Calibration; 2],
}

/// The artifact's bytes.
pub(super) fn write(
    reports: &[&Report],
    vocabulary: &Vocabulary,
    linear: &Linear,
    calibrations: &[Calibration; 2],
) -> Result<Vec<u8>, PrecedentsError> {
    let mut content = Vec::new();
    sections::write_reports(reports, &mut content);
    sections::write_vocabulary(vocabulary, &mut content);
    sections::write_linear(linear, &mut content);
    for map in calibrations
        .iter()
        .flat_map(|both| [&both.first, &both.later])
    {
        put_count(&mut content, map.points.len());
        for &(score, probability) in &map.points {
            put_f32(&mut content, score);
            put_f32(&mut content, probability);
        }
    }
    let length = (content.len() as u64).to_le_bytes();
    let packed = zstd::bulk::compress(&content, ZSTD_LEVEL).map_err(|error| {
        PrecedentsError::Unreadable {
            file: "the artifact's content".into(),
            source: error.into(),
        }
    })?;
    let mut file = Vec::with_capacity(HEADER_BYTES + packed.len());
    file.extend_from_slice(MARK);
    file.extend_from_slice(&FORMAT.to_le_bytes());
    file.extend_from_slice(
        &Sha256::new()
            .chain_update(length)
            .chain_update(&packed)
            .finalize(),
    );
    file.extend_from_slice(&length);
    file.extend_from_slice(&packed);
    Ok(file)
}

/// Reads an artifact.
pub(super) fn read(file: &[u8]) -> Result<Content, PrecedentsError> {
    if !file.starts_with(MARK) {
        return Err(PrecedentsError::NotAnArtifact {
            expected: "ANXP",
            found: file.iter().take(4).copied().collect(),
        });
    }
    let cut_short = || damaged("file", file.len(), "the file ends within its header".into());
    let header = file.first_chunk::<HEADER_BYTES>().ok_or_else(cut_short)?;
    let format = u32::from_le_bytes([header[4], header[5], header[6], header[7]]);
    if format != FORMAT {
        return Err(PrecedentsError::Format {
            found: format,
            expected: FORMAT,
        });
    }
    if Sha256::digest(&file[40..])[..] != header[8..40] {
        let what = "its SHA-256 is not the one in its header".into();
        return Err(damaged("file", file.len(), what));
    }
    let mut length = [0u8; 8];
    length.copy_from_slice(&header[40..]);
    let length = u64::from_le_bytes(length);
    if length > MAX_CONTENT_BYTES {
        let what = format!("content of {length} bytes, at most {MAX_CONTENT_BYTES} are read");
        return Err(damaged("file", 40, what));
    }
    let content = zstd::bulk::decompress(&file[HEADER_BYTES..], length as usize)
        .map_err(|error| damaged("file", HEADER_BYTES, format!("not decompressible: {error}")))?;
    read_content(&content)
}

/// Reads what the file holds compressed.
pub(super) fn read_content(content: &[u8]) -> Result<Content, PrecedentsError> {
    let mut source = Source::new(content);
    let reports = sections::read_reports(&mut source)?;
    let vocabulary = sections::read_vocabulary(&mut source, reports.len())?;
    let linear = sections::read_linear(&mut source, vocabulary.len())?;
    let mut map = || -> Result<Isotonic, PrecedentsError> {
        let count = source.count(8)?;
        let mut points = Vec::with_capacity(count);
        for _ in 0..count {
            let point = (source.f32()?, source.f32()?);
            let rises = points
                .last()
                .is_none_or(|&(s, p): &(f32, f32)| s <= point.0 && p <= point.1);
            if !rises || !(0.0..=1.0).contains(&point.1) {
                return Err(source.wrong("a calibration map that falls or leaves 0..=1".into()));
            }
            points.push(point);
        }
        Ok(Isotonic { points })
    };
    let calibrations = [
        Calibration {
            first: map()?,
            later: map()?,
        },
        Calibration {
            first: map()?,
            later: map()?,
        },
    ];
    source.end()?;
    Ok(Content {
        reports,
        vocabulary,
        linear,
        calibrations,
    })
}
