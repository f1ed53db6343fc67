//! Turns compressed input, and input in other encodings, into plain UTF-8 text, as a stream in bounded memory.

use std::io::{self, BufReader, Read};

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};
use flate2::read::MultiGzDecoder;
use serde::{Deserialize, Serialize};

use super::error::InputError;
use super::header::InputOptions;
use super::transcode::Transcoded;

pub(crate) const BUFFER_BYTES: usize = 64 * 1024;

/// How an input is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// It is not.
    None,
    /// gzip, of one or several members.
    Gzip,
    /// Zstandard, of one or several frames.
    Zstd,
}

/// What an input's bytes must go through to be UTF-8 text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Normalise {
    /// How it is compressed.
    pub compression: Compression,
    /// The label of its encoding; none for UTF-8.
    pub encoding: Option<String>,
}

/// Finds the compression by the first bytes (four are enough), never by the name.
pub fn detect_compression(head: &[u8]) -> Compression {
    match head {
        [0x1F, 0x8B, ..] => Compression::Gzip,
        [0x28, 0xB5, 0x2F, 0xFD, ..] => Compression::Zstd,
        // A skippable frame, with which seekable and parallel writers begin.
        [0x50..=0x5F, 0x2A, 0x4D, 0x18, ..] => Compression::Zstd,
        _ => Compression::None,
    }
}

/// What must be done to the input before [`layout`](super::layout) can read it; nothing for plain UTF-8.
/// A label that is not known is passed on, and [`normalised`] refuses it.
pub fn needs_normalising(head: &[u8], opts: &InputOptions) -> Option<Normalise> {
    let compression = detect_compression(head);
    let encoding = opts
        .encoding
        .clone()
        .filter(|label| !matches!(encoding_of(Some(label)), Ok(None)));
    if compression == Compression::None && encoding.is_none() {
        return None;
    }
    Some(Normalise {
        compression,
        encoding,
    })
}

/// The encoding of this label; none for UTF-8 or without a label.
pub(crate) fn encoding_of(label: Option<&str>) -> Result<Option<&'static Encoding>, InputError> {
    let Some(label) = label else { return Ok(None) };
    let Some(encoding) = Encoding::for_label_no_replacement(label.as_bytes()) else {
        return Err(InputError::EncodingUnknown {
            label: label.to_owned(),
        });
    };
    if encoding == UTF_16LE || encoding == UTF_16BE {
        return Err(InputError::Utf16 {
            encoding: encoding.name(),
        });
    }
    Ok((encoding != UTF_8).then_some(encoding))
}

/// The input as a stream of UTF-8 text.
///
/// A read fails with an [`io::Error`] that holds an [`InputError`] (see [`InputError::from_io`]) where the compressed data is damaged or cut
/// short, or a byte order mark contradicts the encoding. Errors of `inner` itself come through as they are. Bytes that are
/// no text in the encoding become U+FFFD.
///
/// # Errors
/// When the encoding's label is not known, or is one of UTF-16.
pub fn normalised<'a, R: Read + Send + 'a>(
    inner: R,
    n: &Normalise,
) -> Result<Box<dyn Read + Send + 'a>, InputError> {
    let encoding = encoding_of(n.encoding.as_deref())?;
    let unpacked: Box<dyn Read + Send + 'a> = match n.compression {
        Compression::None => Box::new(inner),
        Compression::Gzip => Box::new(Unpacked {
            packed: MultiGzDecoder::new(Source::new(inner)),
            text_bytes: 0,
        }),
        Compression::Zstd => {
            let source = BufReader::with_capacity(BUFFER_BYTES, Source::new(inner));
            let packed = zstd::stream::read::Decoder::with_buffer(source).map_err(|e| {
                InputError::CompressedData {
                    format: "Zstandard",
                    damage: "damaged",
                    text_bytes: 0,
                    packed_bytes: 0,
                    detail: e.to_string(),
                }
            })?;
            Box::new(Unpacked {
                packed,
                text_bytes: 0,
            })
        }
    };
    Ok(match encoding {
        None => unpacked,
        Some(encoding) => Box::new(Transcoded::new(unpacked, encoding)),
    })
}

/// Counts the packed bytes, and remembers whether the source itself failed.
struct Source<R> {
    inner: R,
    bytes: u64,
    failed: bool,
}

impl<R> Source<R> {
    fn new(inner: R) -> Self {
        Source {
            inner,
            bytes: 0,
            failed: false,
        }
    }
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.inner.read(buf) {
            Ok(n) => {
                self.bytes += n as u64;
                Ok(n)
            }
            Err(e) => {
                self.failed = e.kind() != io::ErrorKind::Interrupted;
                Err(e)
            }
        }
    }
}

/// An unpacker over a counted source.
trait Unpacker: Read {
    const FORMAT: &'static str;
    /// Bytes read from the source, and whether the source failed.
    fn source(&self) -> (u64, bool);
}

impl<R: Read> Unpacker for MultiGzDecoder<Source<R>> {
    const FORMAT: &'static str = "gzip";
    fn source(&self) -> (u64, bool) {
        (self.get_ref().bytes, self.get_ref().failed)
    }
}

impl<R: Read> Unpacker for zstd::stream::read::Decoder<'_, BufReader<Source<R>>> {
    const FORMAT: &'static str = "Zstandard";
    fn source(&self) -> (u64, bool) {
        let source = self.get_ref().get_ref();
        (source.bytes, source.failed)
    }
}

struct Unpacked<U> {
    packed: U,
    text_bytes: u64,
}

impl<U: Unpacker> Read for Unpacked<U> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.packed.read(buf) {
            Ok(n) => {
                self.text_bytes += n as u64;
                Ok(n)
            }
            Err(e) => {
                let (packed_bytes, failed) = self.packed.source();
                if failed || e.kind() == io::ErrorKind::Interrupted {
                    return Err(e);
                }
                let cut = e.kind() == io::ErrorKind::UnexpectedEof;
                Err(InputError::CompressedData {
                    format: U::FORMAT,
                    damage: if cut { "cut short" } else { "damaged" },
                    text_bytes: self.text_bytes,
                    packed_bytes,
                    detail: e.to_string(),
                }
                .into())
            }
        }
    }
}
