//! Compressed input and other encodings: read as a stream, and refused clearly where damaged.

use std::io::{Read, Write};

use annexa::records::{
    Compression, InputError, InputOptions, Normalise, StreamError, detect_compression,
    needs_normalising, normalised, open,
};
use proptest::prelude::*;

const TEXT: &[u8] = b"id,mdr_text\n1,the device failed\n2,\"and again\"\n";

fn gz(data: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    out.write_all(data).unwrap();
    out.finish().unwrap()
}

fn zst(data: &[u8]) -> Vec<u8> {
    zstd::encode_all(data, 3).unwrap()
}

fn unpack(packed: &[u8], encoding: Option<&str>) -> Result<Vec<u8>, InputError> {
    let opts = InputOptions {
        encoding: encoding.map(str::to_owned),
        ..InputOptions::default()
    };
    let n = needs_normalising(packed, &opts).unwrap_or(Normalise {
        compression: Compression::None,
        encoding: None,
    });
    let mut out = Vec::new();
    match normalised(packed, &n)?.read_to_end(&mut out) {
        Ok(_) => Ok(out),
        Err(e) => Err(InputError::from_io(&e).expect("an input error").clone()),
    }
}

fn refused(file: &[u8], opts: &InputOptions) -> InputError {
    match open(file, opts) {
        Err(StreamError::Input(error)) => error,
        Err(other) => panic!("not a refusal: {other}"),
        Ok(_) => panic!("accepted"),
    }
}

/// Text that does not compress to nothing, so that cuts fall into its middle.
fn long_text() -> Vec<u8> {
    let mut text = TEXT.to_vec();
    let mut x = 1u32;
    for i in 0..3000 {
        x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        text.extend_from_slice(format!("{i},{x:x} {}\n", x >> 7).as_bytes());
    }
    text
}

#[test]
fn gzip_and_zstandard_are_found_by_their_bytes_not_their_name() {
    assert_eq!(detect_compression(&gz(TEXT)), Compression::Gzip);
    assert_eq!(detect_compression(&zst(TEXT)), Compression::Zstd);
    assert_eq!(
        detect_compression(b"\x50\x2A\x4D\x18\0\0\0\0"),
        Compression::Zstd
    );
    for text in [TEXT, b"", b"\x1F", b"(\xB5/"] {
        assert_eq!(detect_compression(text), Compression::None);
    }
}

#[test]
fn gzip_of_several_members_is_read_to_its_end() {
    let packed = [gz(&TEXT[..20]), gz(b""), gz(&TEXT[20..])].concat();
    assert_eq!(unpack(&packed, None).unwrap(), TEXT);
}

#[test]
fn zstandard_of_several_frames_is_read_to_its_end() {
    let skippable = b"\x50\x2A\x4D\x18\x03\0\0\0abc";
    let packed = [
        &skippable[..],
        &zst(&TEXT[..20]),
        skippable,
        &zst(&TEXT[20..]),
    ]
    .concat();
    assert_eq!(unpack(&packed, None).unwrap(), TEXT);
}

#[test]
fn compressed_input_that_is_cut_short_is_refused_wherever_the_cut_is() {
    for (packed, format) in [(gz(TEXT), "gzip"), (zst(TEXT), "Zstandard")] {
        for cut in 4..packed.len() {
            let error = unpack(&packed[..cut], None).expect_err("cut short");
            let text = error.to_string();
            assert_eq!(error.name(), "compressed_data");
            assert!(
                text.contains(format) && text.contains("cut short"),
                "{cut}: {text}"
            );
        }
    }
}

#[test]
fn compressed_input_that_is_cut_short_names_the_byte_reached() {
    let text = long_text();
    for packed in [gz(&text), zst(&text)] {
        let half = packed.len() / 2;
        let Err(InputError::CompressedData {
            text_bytes,
            packed_bytes,
            ..
        }) = unpack(&packed[..half], None)
        else {
            panic!("a cut file is refused");
        };
        assert!(text_bytes < text.len() as u64);
        assert_eq!(packed_bytes, half as u64);
    }
    let packed = gz(&text);
    let Err(InputError::CompressedData { text_bytes, .. }) =
        unpack(&packed[..packed.len() / 2], None)
    else {
        panic!("a cut file is refused");
    };
    assert!(text_bytes > 1000, "gzip gives what it can: {text_bytes}");
}

#[test]
fn damaged_compressed_input_is_refused() {
    let text = long_text();
    for (mut packed, format) in [(gz(&text), "gzip"), (zst(&text), "Zstandard")] {
        // The checksum or the size at the end of gzip, and the block structure of Zstandard.
        let at = if format == "gzip" {
            packed.len() - 6
        } else {
            9
        };
        packed[at] ^= 0x55;
        let error = unpack(&packed, None).expect_err("damaged");
        assert_eq!(error.name(), "compressed_data");
        assert!(error.to_string().contains(format), "{error}");
    }
    let garbage_after = [gz(TEXT), b"garbage".to_vec()].concat();
    assert_eq!(
        unpack(&garbage_after, None).unwrap_err().name(),
        "compressed_data"
    );
}

#[test]
fn compressed_inside_compressed_is_refused() {
    let opts = InputOptions::default();
    for packed in [gz(&gz(TEXT)), zst(&gz(TEXT)), gz(&zst(TEXT))] {
        assert_eq!(refused(&packed, &opts).name(), "compressed_twice");
    }
    let inner_zip = gz(b"PK\x03\x04\x14\0\0\0\x08\0reports.csv");
    assert_eq!(refused(&inner_zip, &opts).name(), "compression_not_read");
}

#[test]
fn an_empty_compressed_file_is_refused_as_empty() {
    for packed in [gz(b""), zst(b"")] {
        assert_eq!(refused(&packed, &InputOptions::default()).name(), "empty");
    }
}

#[test]
fn compressed_input_is_read_with_its_byte_order_mark() {
    let packed = gz(b"\xEF\xBB\xBFid,mdr_text\n1,a\n");
    let opened = open(&packed[..], &InputOptions::default()).unwrap_or_else(|e| panic!("{e}"));
    assert!(opened.layout.bom);
    assert_eq!(opened.normalise.unwrap().compression, Compression::Gzip);
}

#[test]
fn another_encoding_is_read_when_it_is_named() {
    for (label, bytes, text) in [
        (
            "windows-1252",
            &b"id,mdr_text\n1,caf\xE9 \x80\n"[..],
            "id,mdr_text\n1,caf\u{e9} \u{20ac}\n",
        ),
        (
            "latin1",
            b"id,mdr_text\n1,\xFC\n",
            "id,mdr_text\n1,\u{fc}\n",
        ),
        (
            "shift_jis",
            b"id,mdr_text\n1,\x83\x65\n",
            "id,mdr_text\n1,\u{30c6}\n",
        ),
        (
            "gb18030",
            b"id,mdr_text\n1,\xB9\xCA\n",
            "id,mdr_text\n1,\u{6545}\n",
        ),
    ] {
        assert_eq!(
            unpack(bytes, Some(label)).unwrap(),
            text.as_bytes(),
            "{label}"
        );
        assert_eq!(unpack(&gz(bytes), Some(label)).unwrap(), text.as_bytes());
    }
}

#[test]
fn bytes_that_are_no_text_in_the_named_encoding_become_flagged_rows() {
    let file = b"id,mdr_text\n1,\x83\x65\n2,\x83\xFF!\n";
    let opts = InputOptions {
        encoding: Some("shift_jis".to_owned()),
        ..InputOptions::default()
    };
    let mut opened = open(&file[..], &opts).unwrap_or_else(|e| panic!("{e}"));
    let mut text = Vec::new();
    opened.text.read_to_end(&mut text).unwrap();
    let rows = super::csv_oracle::rows_at_once(&text, &opened.layout);
    assert!(rows[0].flags.is_empty());
    assert_eq!(rows[1].flags[0].name(), "bad_bytes_replaced");
    assert!(rows[1].fields[1].ends_with('!'));
}

#[test]
fn an_encoding_that_the_byte_order_mark_contradicts_is_refused() {
    let opts = InputOptions {
        encoding: Some("windows-1252".to_owned()),
        ..InputOptions::default()
    };
    let error = refused(b"\xEF\xBB\xBFid,mdr_text\n1,a\n", &opts);
    assert_eq!(error.name(), "encoding_contradicted");
    assert_eq!(refused(b"\xFF\xFEi\0d\0", &opts).name(), "utf16");
    let unmarked: Vec<u8> = "id,mdr_text\n1,a\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_eq!(refused(&unmarked, &opts).name(), "utf16");
}

#[test]
fn an_error_of_the_source_is_not_taken_for_damage() {
    struct Gone(Vec<u8>);
    impl Read for Gone {
        fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
            if self.0.is_empty() {
                return Err(std::io::Error::other("the network is gone"));
            }
            let n = self.0.len().min(buf.len());
            buf[..n].copy_from_slice(&self.0[..n]);
            self.0.drain(..n);
            Ok(n)
        }
    }
    // Long enough for the failure to be met by the unpacker, behind the first bytes that show the compression.
    for packed in [gz(&long_text()), zst(&long_text())] {
        let half = packed[..packed.len() / 2].to_vec();
        match open(Gone(half), &InputOptions::default()) {
            Err(StreamError::Io { source, .. }) => {
                assert_eq!(source.to_string(), "the network is gone");
            }
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("accepted"),
        }
    }
}

/// Gives a few bytes at a time, as a slow source does.
struct Slow<'a>(&'a [u8], usize);

impl Read for Slow<'_> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let n = self.1.min(self.0.len()).min(buf.len());
        buf[..n].copy_from_slice(&self.0[..n]);
        self.0 = &self.0[n..];
        Ok(n)
    }
}

#[test]
fn a_byte_order_mark_that_arrives_byte_by_byte_is_seen() {
    let n = Normalise {
        compression: Compression::None,
        encoding: Some("windows-1252".to_owned()),
    };
    let slow = Slow(b"\xEF\xBB\xBFid,mdr_text\n", 1);
    let error = normalised(slow, &n)
        .unwrap()
        .read(&mut [0; 100])
        .unwrap_err();
    let found = InputError::from_io(&error).map(InputError::name);
    assert_eq!(found, Some("encoding_contradicted"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn decoding_does_not_depend_on_how_the_bytes_arrive(
        data in proptest::collection::vec(any::<u8>(), 5..2000),
        step in 1usize..40,
    ) {
        // Begins as text, so that no byte order mark is seen in it.
        let data = [&b"id,mdr_text\n"[..], &data].concat();
        let n = Normalise { compression: Compression::None, encoding: Some("gb18030".to_owned()) };
        let mut out = Vec::new();
        normalised(Slow(&data, step), &n).unwrap().read_to_end(&mut out).unwrap();
        let (expected, _) = encoding_rs::GB18030.decode_without_bom_handling(&data);
        prop_assert_eq!(out, expected.as_bytes());
    }
}
