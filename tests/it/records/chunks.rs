//! How chunks are cut: by rows, by size, and in memory and work that do not grow with what a file holds.

use annexa::records::{ChunkRange, Row, RowReader, Scanner, StreamError, read_chunk, visit_chunks};

use super::csv_oracle::*;

#[test]
fn chunks_have_the_rows_that_were_asked_for_and_the_last_has_the_rest() {
    let mut file = b"id,mdr_text\n".to_vec();
    for i in 0..250 {
        file.extend_from_slice(format!("{i},text {i}\n").as_bytes());
    }
    let layout = layout_of(&file, 1 << 20);
    let (ranges, summary) = scan(&file, &layout, 100, &[1000]);
    let rows: Vec<u32> = ranges.iter().map(|r| r.rows).collect();
    assert_eq!(rows, [100, 100, 50]);
    assert_eq!((summary.rows, summary.failed_records), (250, 0));
    assert_eq!(ranges[0].start, layout.data_start_byte);
    assert_eq!(ranges[1].first_row, 101);
}

#[test]
fn long_records_make_chunks_of_fewer_rows() {
    let max = 1000;
    let file = format!(
        "id,mdr_text\n{}",
        format!("1,{}\n", "x".repeat(900)).repeat(100)
    );
    let layout = layout_of(file.as_bytes(), max);
    let (ranges, _) = scan(file.as_bytes(), &layout, 100, &[333]);
    assert!(ranges.len() > 1);
    for range in &ranges {
        assert!(range.end - range.start <= layout.chunk_limit_bytes() + max as u64 + 1);
    }
}

#[test]
fn a_record_that_starts_at_the_limit_opens_the_next_chunk() {
    // Ten bytes a line and at most ten a record: the limit is eight records, and the ninth starts exactly there.
    let file = format!("i,t\n{}", "1,abcdefg\n".repeat(20));
    let layout = annexa::records::Layout {
        data_start_byte: 4,
        ..bare_layout(b',', 2, 10)
    };
    let (ranges, _) = scan(file.as_bytes(), &layout, 100, &[9]);
    assert_eq!(ranges.iter().map(|r| r.rows).collect::<Vec<_>>(), [8, 8, 4]);
}

#[test]
fn a_huge_line_and_a_huge_gap_end_their_chunk_and_need_not_be_read() {
    let max = 100;
    let mut file = b"id,mdr_text\n1,a\n2,".to_vec();
    file.extend_from_slice(&vec![b'x'; 100_000]);
    file.extend_from_slice(b"\n3,c\n4,d");
    file.extend_from_slice(&vec![b'\n'; 100_000]);
    file.extend_from_slice(b"5,e\n");
    let layout = layout_of(&file, max);
    let (ranges, summary) = scan(&file, &layout, 100, &[777]);
    assert_eq!(ranges.iter().map(|r| r.rows).collect::<Vec<_>>(), [2, 2, 1]);
    assert!(
        ranges
            .iter()
            .all(|r| r.read_bytes(&layout) <= 8 * 100 + 100 + 2)
    );
    assert_eq!(summary.record_too_long, 1);
    assert_eq!(summary.first_failed[0].row, 2);
    assert_eq!(summary.first_failed[0].byte, 16);
    let rows = rows_by_chunk(&file, &layout, &ranges);
    assert_eq!(rows[4].fields, ["5", "e"]);
}

#[test]
fn a_gap_before_the_first_record_is_in_no_chunk_if_it_is_huge() {
    let mut file = b"id,mdr_text\n".to_vec();
    file.extend_from_slice(&vec![b'\n'; 10_000]);
    file.extend_from_slice(b"1,a\n");
    let layout = layout_of(&file, 100);
    let (ranges, _) = scan(&file, &layout, 100, &[64]);
    assert_eq!(ranges.len(), 1);
    assert_eq!((ranges[0].start, ranges[0].end), (10_012, 10_016));
}

/// Each line opens a quote that no later line closes, so that every record fails after a look at a whole maximum record. Were each look
/// taken anew, this file would cost 10^11 steps.
#[test]
fn a_file_whose_every_record_fails_is_read_in_linear_work() {
    let lines = 100_000;
    let file = format!("id,mdr_text\n{}", "b,\"x\",c\",\"y\n".repeat(lines));
    let layout = layout_of(file.as_bytes(), 1 << 20);
    let (ranges, summary) = scan(file.as_bytes(), &layout, 100, &[50_000]);
    assert_eq!(summary.rows, lines as u64);
    assert_eq!(summary.quote_not_closed, lines as u64);
    assert_eq!(summary.first_failed.len(), 10);
    let rows: usize = ranges
        .iter()
        .map(|range| {
            let bytes = &file.as_bytes()[range.start as usize..range.end as usize];
            read_chunk(bytes, &layout, range).unwrap().len()
        })
        .sum();
    assert_eq!(rows, lines);
}

#[test]
fn bytes_that_are_not_those_of_the_scan_are_noticed() {
    let file = b"id,mdr_text\n1,a\n2,b\n3,c\n";
    let layout = layout_of(file, 1 << 20);
    let (ranges, _) = scan(file, &layout, 100, &[]);
    let error = read_chunk(b"1,a\n2,\"\"\"\n3,c\n", &layout, &ranges[0]);
    assert!(
        error.is_ok(),
        "same number of rows is not a mismatch of rows"
    );
    let error = read_chunk(b"1,a\n\n\n\n3,c\n", &layout, &ranges[0]).unwrap_err();
    assert_eq!((error.found, error.expected), (2, 3));
    assert!(
        error.to_string().contains("chunk 0 (bytes 12 to 24)"),
        "{error}"
    );
}

#[test]
fn a_row_that_is_read_into_again_keeps_nothing_of_the_row_before() {
    let file = b"id,mdr_text,note\n1,\"long \xFF text\",n,extra\n2\n,b,c\n";
    let layout = layout_of(file, 1 << 20);
    let range = ChunkRange {
        chunk: 0,
        start: layout.data_start_byte,
        end: file.len() as u64,
        first_row: 1,
        rows: 3,
    };
    let bytes = &file[layout.data_start_byte as usize..];
    let mut reader = RowReader::new(bytes, &layout, &range);
    let mut row = Row::default();
    let mut again = Vec::new();
    while reader.read_into(&mut row) {
        again.push(row.clone());
    }
    let fresh: Vec<Row> = RowReader::new(bytes, &layout, &range).collect();
    assert_eq!(again, fresh);
    assert_eq!(again.len(), 3);
    assert_eq!(again[1].id(&layout), "2");
    assert_eq!(again[2].text(&layout), "b");
}

#[test]
fn zero_rows_a_chunk_counts_as_one() {
    let file = b"id,mdr_text\n1,a\n2,b\n";
    let layout = layout_of(file, 1 << 20);
    let mut out = Vec::new();
    let mut scanner = Scanner::new(&layout, 0);
    scanner.push(file, &mut out);
    scanner.finish(&mut out);
    assert_eq!(out.len(), 2);
}

#[test]
fn a_source_that_fails_is_said_with_its_byte() {
    struct Failing(usize);
    impl std::io::Read for Failing {
        fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
            if self.0 == 0 {
                return Err(std::io::Error::other("the drive is gone"));
            }
            self.0 -= 1;
            buf[..4].copy_from_slice(b"1,a\n");
            Ok(4)
        }
    }
    let layout = bare_layout(b',', 2, 100);
    let result = visit_chunks(Failing(5), &layout, 100, |_, _| Ok::<(), StreamError>(()));
    let message = result.unwrap_err().to_string();
    assert!(
        message.contains("byte 20") && message.contains("the drive is gone"),
        "{message}"
    );
}
