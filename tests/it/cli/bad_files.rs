//! Files in all the forms in which they come: layouts, encodings and compression that are read, and what is refused.

use std::io::Write;

use super::harness::{Place, TEXT, sample};

fn refused(name: &str, bytes: &[u8], flags: &[&str], parts: &[&str]) {
    let place = Place::new();
    place.write(name, bytes);
    place
        .annexa(&[&["run", name, "--out", "out"], flags].concat())
        .refused(64, &[parts, &[name]].concat());
    assert!(
        !place.path("out").exists(),
        "{name}: refused before anything is made"
    );
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

fn zst(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

#[test]
fn every_layout_gives_the_same_results() {
    let rows = [
        ("1", TEXT),
        ("2", "A FILTER FRACTURED"),
        ("3", "THE PATIENT DIED"),
    ];
    let write = |delimiter: &str, end: &str, mark: &str| {
        let mut text = format!("{mark}id{delimiter}mdr_text{end}");
        for (id, report) in rows {
            text += &format!("{id}{delimiter}{report}{end}");
        }
        text
    };
    let place = Place::new();
    let (_, plain) = place.coded(write(",", "\n", ""), &[]);
    assert_eq!(plain.column("outcome"), ["coded"; 3]);
    for (delimiter, end, mark) in [
        (";", "\n", ""),
        ("\t", "\n", ""),
        (",", "\r\n", ""),
        (",", "\r", ""),
        (";", "\r\n", "\u{feff}"),
    ] {
        let place = Place::new();
        let (ran, results) = place.coded(write(delimiter, end, mark), &[]);
        assert_eq!(ran.code, 0);
        assert_eq!(results, plain, "{delimiter:?} {end:?} {mark:?}");
    }
}

#[test]
fn compressed_files_are_read_as_what_they_hold() {
    let input = sample(20);
    let place = Place::new();
    let (_, plain) = place.coded(&input, &["--chunk-rows", "6"]);
    place.write("gzipped.csv.gz", gz(input.as_bytes()));
    place.write("zstandard.csv.zst", zst(input.as_bytes()));
    // By its first bytes, not by its name.
    place.write("misnamed.csv", gz(input.as_bytes()));
    for (name, folder) in [
        ("gzipped.csv.gz", "gzipped-annexa"),
        ("zstandard.csv.zst", "zstandard-annexa"),
        ("misnamed.csv", "misnamed-annexa"),
    ] {
        let ran = place.annexa(&["run", name, "--chunk-rows", "6"]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert_eq!(place.results(folder), plain, "{name}");
        assert!(
            !place.path(folder).join("_work").exists(),
            "the unpacked copy is removed"
        );
        let manifest = place.json(&format!("{folder}/manifest.json"));
        let packed = std::fs::read(place.path(name)).unwrap();
        assert_eq!(
            manifest["input"]["sha256"],
            super::harness::sha256(&packed),
            "the file as it was given"
        );
        assert_eq!(manifest["input"]["bytes"], packed.len());
    }
}

#[test]
fn a_named_encoding_is_decoded() {
    let place = Place::new();
    let (ran, results) = place.coded(
        b"id,mdr_text\n1,M\xfcLLER HAD A STROKE\n",
        &["--encoding", "windows-1252"],
    );
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(results.get(1, "mdr_text"), "M\u{fc}LLER HAD A STROKE");
    assert!(!results.get(1, "review").contains("bad_bytes_replaced"));
}

#[test]
fn a_header_alone_is_a_job_without_rows() {
    for header in [
        "id,mdr_text\n",
        "id,mdr_text",
        "\u{feff}id,mdr_text\r\n\r\n",
    ] {
        let place = Place::new();
        let (ran, results) = place.coded(header, &[]);
        assert_eq!((ran.code, results.len()), (0, 0), "{}", ran.err);
        let summary = place.json("in-annexa/summary.json");
        assert_eq!(
            summary["balance"],
            serde_json::json!({"rows_in": 0, "rows_out": 0, "balances": true})
        );
        assert_eq!(summary["status"], "COMPLETED");
    }
}

#[test]
fn what_is_no_csv_of_reports_is_refused_with_what_was_found() {
    refused("in.csv", b"", &[], &["empty"]);
    refused("in.csv", b"  \n\n", &[], &["empty"]);
    refused(
        "in.csv",
        b"key,mdr_text\n1,a\n",
        &[],
        &["no id column 'id'", "2 columns", "--id-column"],
    );
    refused(
        "in.csv",
        b"id,story\n1,a\n",
        &[],
        &["no text column 'mdr_text'", "2 columns", "--text-column"],
    );
    refused(
        "in.csv",
        b"id,mdr_text,id\n1,a,2\n",
        &[],
        &["more than once", "'id'"],
    );
    refused("in.csv", b"id|mdr_text\n1|a\n", &[], &["comma"]);
    refused("in.csv", b"sep=;\nid;mdr_text\n", &[], &["sep="]);
    refused("in.csv", b"\xff\xfei\0d\0,\0", &[], &["UTF-16", "iconv"]);
    refused(
        "in.csv",
        b"id,mdr_text,na\xefve\n1,a,b\n",
        &[],
        &["not UTF-8", "--encoding"],
    );
    refused("in.xlsx", b"PK\x03\x04 and so on", &[], &["expected"]);
    refused("in.pdf", b"%PDF-1.7\n", &[], &["PDF", "expected CSV"]);
    refused(
        "in.csv",
        b"id,mdr_text\n1,a\n",
        &["--id-column", "id", "--text-column", "id"],
        &["the same"],
    );
    refused(
        "in.csv.gz",
        &gz(&gz(b"id,mdr_text\n1,a\n")),
        &[],
        &["compressed more than once"],
    );
}

#[test]
fn a_file_that_is_not_there_or_is_a_folder_is_refused() {
    let place = Place::new();
    place
        .annexa(&["run", "no.csv"])
        .refused(64, &["no.csv", "No such file"]);
    std::fs::create_dir(place.path("folder")).unwrap();
    place
        .annexa(&["run", "folder"])
        .refused(64, &["folder is a folder"]);
    place
        .annexa(&["run", "/dev/null"])
        .refused(64, &["no regular file"]);
    assert!(!place.path("no-annexa").exists() && !place.path("folder-annexa").exists());
}

#[test]
fn a_short_compressed_file_that_is_cut_is_refused_at_once() {
    let packed = gz(sample(20).as_bytes());
    refused(
        "in.csv.gz",
        &packed[..packed.len() / 2],
        &[],
        &["gzip data is cut short", "get the file again"],
    );
}

#[test]
fn a_long_compressed_file_that_is_cut_ends_the_job_as_failed_and_says_so() {
    let place = Place::new();
    // So long that the cut lies behind the head that is looked at before anything is begun.
    let mut input = String::from("id,mdr_text\n");
    for row in 0..60_000 {
        input += &format!("{row},{TEXT} {row} AND SO ON\n");
    }
    let packed = gz(input.as_bytes());
    place.write("in.csv.gz", &packed[..packed.len() - 100]);
    let ran = place.annexa(&["run", "in.csv.gz"]);
    assert_eq!(ran.code, 1, "{}{}", ran.err, ran.out);
    assert!(ran.out.contains("gzip data is cut short"), "{}", ran.out);
    let summary = place.json("in-annexa/summary.json");
    assert_eq!(
        (&summary["status"], &summary["partial"]),
        (&"FAILED".into(), &true.into())
    );
    assert!(
        !place.path("in-annexa/results.csv").exists(),
        "nothing looks complete"
    );
    assert!(!place.path("in-annexa/_work").exists());
}
