//! The second reader: a whole file through the `csv` crate, and a whole file through the scanner and the row reader.

use annexa::records::{
    ChunkRange, InputOptions, Layout, Row, RowReader, ScanSummary, Scanner, Terminator, layout,
    read_chunk,
};

/// Options with this maximum record size.
pub fn options(max_record_bytes: usize) -> InputOptions {
    InputOptions {
        max_record_bytes,
        ..InputOptions::default()
    }
}

/// The layout of a file that must have one.
pub fn layout_of(file: &[u8], max_record_bytes: usize) -> Layout {
    layout(file, true, &options(max_record_bytes)).expect("the header is good")
}

/// A layout for data alone, without a header, so that any bytes can be data.
pub fn bare_layout(delimiter: u8, columns: usize, max_record_bytes: u64) -> Layout {
    Layout {
        delimiter,
        bom: false,
        terminator: Terminator::Lf,
        columns: (0..columns).map(|i| format!("c{i}")).collect(),
        id_index: 0,
        text_index: columns - 1,
        data_start_byte: 0,
        scanner_version: annexa::records::SCANNER_VERSION,
        max_record_bytes,
    }
}

/// Scans a file that is pushed in slices of these sizes, over and over.
pub fn scan(
    file: &[u8],
    layout: &Layout,
    chunk_rows: u32,
    cuts: &[usize],
) -> (Vec<ChunkRange>, ScanSummary) {
    let mut scanner = Scanner::new(layout, chunk_rows);
    let mut out = Vec::new();
    let mut rest = file;
    let mut sizes = cuts.iter().copied().cycle();
    while !rest.is_empty() {
        let n = sizes.next().unwrap_or(rest.len()).clamp(1, rest.len());
        scanner.push(&rest[..n], &mut out);
        rest = &rest[n..];
    }
    let summary = scanner.finish(&mut out);
    (out, summary)
}

/// The rows of all chunks, each read from no more than the bytes that its range says are enough.
pub fn rows_by_chunk(file: &[u8], layout: &Layout, ranges: &[ChunkRange]) -> Vec<Row> {
    ranges
        .iter()
        .flat_map(|range| {
            let from = range.start as usize;
            let bytes = &file[from..from + range.read_bytes(layout) as usize];
            read_chunk(bytes, layout, range).expect("the chunk holds the rows that the scan found")
        })
        .collect()
}

/// The rows of the whole file as one chunk.
pub fn rows_at_once(file: &[u8], layout: &Layout) -> Vec<Row> {
    let start = layout.data_start_byte.min(file.len() as u64);
    let range = ChunkRange {
        chunk: 0,
        start,
        end: file.len() as u64,
        first_row: 1,
        rows: 0,
    };
    RowReader::new(&file[start as usize..], layout, &range).collect()
}

/// The data records of a file as the `csv` crate reads them with its defaults.
pub fn csv_records(file: &[u8], delimiter: u8) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .from_reader(file);
    reader
        .byte_records()
        .map(|record| {
            let record = record.expect("reading from memory");
            record
                .iter()
                .map(|field| String::from_utf8_lossy(field).into_owned())
                .collect()
        })
        .collect()
}

/// A row's fields as they stood in the record: without what was added, with what is beyond the columns.
pub fn as_record(row: &Row, fields_in_record: usize) -> Vec<String> {
    let mut all = row.fields.clone();
    all.truncate(fields_in_record);
    all.extend(row.extra.iter().cloned());
    all
}

/// The split law, for a file none of whose records failed.
pub fn assert_split_law(file: &[u8], layout: &Layout, rows: &[Row]) {
    let expected = csv_records(file, layout.delimiter);
    assert_eq!(rows.len(), expected.len(), "number of records");
    for (row, record) in rows.iter().zip(&expected) {
        assert_eq!(&as_record(row, record.len()), record, "row {}", row.number);
        let missing = row.fields.iter().skip(record.len());
        assert!(missing.clone().all(String::is_empty));
    }
}

/// No row lost, whatever the bytes: rows count from 1 without gap, ranges are contiguous and reach the file's end, no
/// chunk has more rows than it may, and reading chunk by chunk gives what reading all at once gives.
pub fn assert_no_row_lost(
    file: &[u8],
    layout: &Layout,
    chunk_rows: u32,
    ranges: &[ChunkRange],
    summary: &ScanSummary,
) -> Vec<Row> {
    let rows = rows_by_chunk(file, layout, ranges);
    for (i, row) in rows.iter().enumerate() {
        assert_eq!(row.number, i as u64 + 1, "row numbers");
        assert_eq!(row.fields.len(), layout.columns.len());
    }
    assert!(rows.is_sorted_by(|a, b| a.byte < b.byte), "places");
    assert_eq!(summary.rows, rows.len() as u64);
    assert_eq!(summary.chunks as usize, ranges.len());
    assert_eq!(summary.bytes, file.len() as u64);
    let broken = |row: &&Row| {
        row.fault
            .as_ref()
            .is_some_and(|f| f.name() != "id_or_text_missing")
    };
    assert_eq!(
        summary.failed_records,
        rows.iter().filter(broken).count() as u64
    );
    let mut next_row = 1;
    for (i, range) in ranges.iter().enumerate() {
        assert_eq!(range.chunk as usize, i);
        assert_eq!(range.first_row, next_row);
        assert!(range.rows >= 1 && range.rows <= chunk_rows);
        next_row += u64::from(range.rows);
        let end = ranges.get(i + 1).map_or(file.len() as u64, |r| r.start);
        assert_eq!(range.end, end, "ranges are contiguous");
    }
    if let Some(first) = ranges.first() {
        let blank = &file[layout.data_start_byte as usize..first.start as usize];
        assert!(blank.iter().all(|b| matches!(b, b'\r' | b'\n')));
        assert!(blank.is_empty() || blank.len() as u64 >= layout.chunk_limit_bytes());
    }
    assert_eq!(rows, rows_at_once(file, layout), "chunks against the whole");
    rows
}

/// What the fuzz target `split_law` checks. The first two bytes choose the chunk rows and the cuts, the rest is a whole file: where
/// its header is good and no record is broken, the chunks hold the records that the `csv` crate reads.
pub fn check_split_law(input: &[u8]) {
    let [rows, cut, file @ ..] = input else {
        return;
    };
    let chunk_rows = u32::from(rows % 7) + 1;
    let Ok(layout) = layout(file, true, &options(1 << 20)) else {
        return;
    };
    let cuts = [usize::from(*cut) + 1, usize::from(cut % 5) + 1];
    let (ranges, summary) = scan(file, &layout, chunk_rows, &cuts);
    let rows = assert_no_row_lost(file, &layout, chunk_rows, &ranges, &summary);
    if summary.failed_records == 0 {
        assert_split_law(file, &layout, &rows);
    }
}

/// What the fuzz target `any_bytes` checks. The first three bytes choose the chunk rows, the cuts and a small maximum record size, the rest is
/// data without a header: no row is lost, and cuts and chunks change nothing.
pub fn check_any_bytes(input: &[u8]) {
    let [rows, cut, max, data @ ..] = input else {
        return;
    };
    let chunk_rows = u32::from(rows % 7) + 1;
    let layout = bare_layout(b',', 3, u64::from(max % 64) + 1);
    let sliced = scan(data, &layout, chunk_rows, &[usize::from(*cut) + 1]);
    let whole = scan(data, &layout, chunk_rows, &[]);
    assert_eq!(sliced, whole);
    assert_no_row_lost(data, &layout, chunk_rows, &sliced.0, &sliced.1);
}
