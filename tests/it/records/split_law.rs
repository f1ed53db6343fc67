//! Properties over generated files: the split law, and no row lost over any bytes.

use proptest::collection::vec;
use proptest::prelude::*;

use super::csv_oracle::*;

/// The bytes that matter to a parser, and a few that do not: drawn from a table, which is much cheaper than a choice of strategies.
const NASTY: &[u8] = b"\"\"\"\"\n\n\n\r\r,,,;\t\0\xEF\xBB\xBFaaab\xFF";

fn nasty_bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(0..NASTY.len() as u8, 0..most)
        .prop_map(|picks| picks.into_iter().map(|i| NASTY[i as usize]).collect())
}

fn delimiter() -> impl Strategy<Value = u8> {
    prop_oneof![Just(b','), Just(b';'), Just(b'\t')]
}

fn cuts() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![
        vec(1usize..8, 1..6),
        vec(1usize..400, 1..6),
        Just(vec![usize::MAX]),
    ]
}

/// Fields as a well-behaved writer makes them: any text, quoted where it must be and sometimes where it need not.
fn written_file() -> impl Strategy<Value = (u8, Vec<u8>)> {
    let field = prop_oneof![
        "[a-z0-9 ]{0,12}",
        "[a-z\"\r\n,;\t\u{e9}\u{FEFF}]{0,20}",
        Just(String::new()),
    ];
    let record = vec((field, any::<bool>()), 3..=3);
    let ending = prop_oneof![Just("\n"), Just("\r\n"), Just("\r")];
    (
        delimiter(),
        any::<bool>(),
        ending,
        vec(record, 0..40),
        any::<bool>(),
    )
        .prop_map(|(delimiter, bom, ending, records, last_ending)| {
            let d = char::from(delimiter);
            let mut text = String::new();
            if bom {
                text.push('\u{FEFF}');
            }
            text.push_str(&format!("id{d}mdr_text{d}note{ending}"));
            let count = records.len();
            for (i, record) in records.into_iter().enumerate() {
                let fields: Vec<String> = record
                    .into_iter()
                    .map(|(value, quote)| {
                        let must = value.contains(['"', '\r', '\n', ',', ';', '\t']);
                        if must || quote {
                            format!("\"{}\"", value.replace('"', "\"\""))
                        } else {
                            value
                        }
                    })
                    .collect();
                text.push_str(&fields.join(&d.to_string()));
                if last_ending || i + 1 < count {
                    text.push_str(ending);
                }
            }
            (delimiter, text.into_bytes())
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn chunks_hold_the_records_that_the_csv_crate_reads(
        (delimiter, file) in written_file(),
        chunk_rows in 1u32..12,
        cuts in cuts(),
    ) {
        let layout = layout_of(&file, 1 << 20);
        prop_assert_eq!(layout.delimiter, delimiter);
        let (ranges, summary) = scan(&file, &layout, chunk_rows, &cuts);
        prop_assert_eq!(summary.failed_records, 0);
        let rows = assert_no_row_lost(&file, &layout, chunk_rows, &ranges, &summary);
        assert_split_law(&file, &layout, &rows);
    }

    #[test]
    fn split_law_holds_for_any_bytes_that_have_no_broken_record(
        data in nasty_bytes(300),
        delimiter in delimiter(),
        chunk_rows in 1u32..6,
        cuts in cuts(),
    ) {
        let d = char::from(delimiter);
        let mut file = format!("id{d}mdr_text{d}x\n").into_bytes();
        file.extend_from_slice(&data);
        // Closes a quote that is open at the end, and changes nothing else that matters.
        let layout = bare_layout_after(&file, delimiter);
        if scan(&file, &layout, 1, &[]).1.failed_records > 0 {
            file.push(b'"');
        }
        let (ranges, summary) = scan(&file, &layout, chunk_rows, &cuts);
        prop_assert_eq!(summary.failed_records, 0);
        let rows = assert_no_row_lost(&file, &layout, chunk_rows, &ranges, &summary);
        assert_split_law(&file, &layout, &rows);
    }

    #[test]
    fn no_row_is_lost_over_any_bytes(
        data in nasty_bytes(600),
        max_record_bytes in 1usize..60,
        chunk_rows in 1u32..12,
        cuts in cuts(),
    ) {
        let layout = bare_layout(b',', 3, max_record_bytes as u64);
        let (ranges, summary) = scan(&data, &layout, chunk_rows, &cuts);
        assert_no_row_lost(&data, &layout, chunk_rows, &ranges, &summary);
    }

    #[test]
    fn chunks_do_not_depend_on_how_the_bytes_arrive(
        data in nasty_bytes(600),
        max_record_bytes in 1usize..60,
        chunk_rows in 1u32..12,
        cuts in cuts(),
    ) {
        let layout = bare_layout(b',', 3, max_record_bytes as u64);
        let sliced = scan(&data, &layout, chunk_rows, &cuts);
        let whole = scan(&data, &layout, chunk_rows, &[]);
        prop_assert_eq!(sliced, whole);
    }

    #[test]
    fn a_broken_record_fails_on_its_first_line_and_the_next_line_is_read(
        data in nasty_bytes(400),
        max_record_bytes in 1usize..40,
    ) {
        let layout = bare_layout(b',', 2, max_record_bytes as u64);
        let found: Vec<(u64, bool)> = rows_at_once(&data, &layout)
            .iter()
            .map(|row| {
                let broken = matches!(
                    row.fault.as_ref().map(|f| f.name()),
                    Some("record_too_long" | "quote_not_closed")
                );
                (row.byte, broken)
            })
            .collect();
        prop_assert_eq!(found, by_the_rule(&data, max_record_bytes));
    }

    #[test]
    fn a_scan_that_goes_on_after_any_chunk_finds_the_same_chunks(
        data in nasty_bytes(400),
        max_record_bytes in 1usize..60,
        chunk_rows in 1u32..6,
    ) {
        let layout = bare_layout(b',', 3, max_record_bytes as u64);
        let (ranges, summary) = scan(&data, &layout, chunk_rows, &[]);
        for (i, done) in ranges.iter().enumerate() {
            let mut scanner = annexa::records::Scanner::resume(&layout, chunk_rows, done);
            let mut rest = Vec::new();
            scanner.push(&data[done.end as usize..], &mut rest);
            let resumed = scanner.finish(&mut rest);
            prop_assert_eq!(&rest[..], &ranges[i + 1..]);
            prop_assert_eq!(resumed.rows, summary.rows);
            prop_assert_eq!(resumed.chunks, summary.chunks);
        }
    }

    #[test]
    fn a_stream_is_visited_in_the_chunks_of_the_scan(
        data in nasty_bytes(600),
        max_record_bytes in 1usize..60,
        chunk_rows in 1u32..12,
        step in 1usize..50,
    ) {
        let layout = bare_layout(b',', 3, max_record_bytes as u64);
        let (ranges, summary) = scan(&data, &layout, chunk_rows, &[]);
        let mut visited = Vec::new();
        let slow = Slow { rest: &data, step };
        let seen = annexa::records::visit_chunks(slow, &layout, chunk_rows, |range, bytes| {
            let from = range.start as usize;
            assert_eq!(bytes, &data[from..from + range.read_bytes(&layout) as usize]);
            visited.push(*range);
            Ok::<(), annexa::records::StreamError>(())
        })
        .unwrap();
        prop_assert_eq!(visited, ranges);
        prop_assert_eq!(seen, summary);
    }
}

/// Gives a few bytes at a time, as a slow source does.
struct Slow<'a> {
    rest: &'a [u8],
    step: usize,
}

impl std::io::Read for Slow<'_> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let n = self.step.min(self.rest.len()).min(buf.len());
        buf[..n].copy_from_slice(&self.rest[..n]);
        self.rest = &self.rest[n..];
        Ok(n)
    }
}

fn bare_layout_after(file: &[u8], delimiter: u8) -> annexa::records::Layout {
    let header = file.iter().position(|&b| b == b'\n').unwrap() as u64 + 1;
    annexa::records::Layout {
        data_start_byte: header,
        ..bare_layout(delimiter, 3, 1 << 20)
    }
}

/// The rule in its plainest words, byte by byte and without any of the scanner's shortcuts: where each record starts, and
/// whether it is broken.
fn by_the_rule(data: &[u8], max: usize) -> Vec<(u64, bool)> {
    let is_end = |b: u8| b == b'\n' || b == b'\r';
    let mut out = Vec::new();
    let mut at = 0;
    while at < data.len() {
        if is_end(data[at]) {
            at += 1;
            continue;
        }
        let mut end = None;
        let (mut quoted, mut field_start) = (false, true);
        let mut i = at;
        while i < data.len() {
            let b = data[i];
            if quoted {
                if b == b'"' && data.get(i + 1) == Some(&b'"') {
                    i += 1;
                } else if b == b'"' {
                    quoted = false;
                }
            } else if field_start && b == b'"' {
                quoted = true;
                field_start = false;
            } else if is_end(b) {
                end = Some(i);
                break;
            } else {
                field_start = b == b',';
            }
            i += 1;
        }
        let end = end.or((!quoted).then_some(data.len()));
        match end.filter(|end| end - at <= max) {
            Some(end) => {
                out.push((at as u64, false));
                at = end;
            }
            None => {
                out.push((at as u64, true));
                while at < data.len() && !is_end(data[at]) {
                    at += 1;
                }
            }
        }
    }
    out
}
