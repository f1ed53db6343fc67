//! Why an input is refused: what was found, what was expected, what to do. Never report text.

use std::io;

/// Where a file that was dropped into the inbox has what a flag says elsewhere.
const SIDECAR: &str = "the sidecar NAME.csv.json of a dropped file (put there before the CSV)";

/// How columns are named, as text for an error; `option`: the flags, as in `--id-column and --text-column`.
fn named_by(option: &str) -> String {
    let what = match option.contains(" and ") {
        true => "the columns",
        false => "the column",
    };
    format!("name {what}: {}", both_ways(option))
}

/// A setting on the command line and in a fleet's inbox.
fn both_ways(option: &str) -> String {
    let fields = option.replace("--", "").replace('-', "_");
    format!("{option} on the command line, {fields} in {SIDECAR}")
}

/// A refused input. The whole file is meant: a bad row never refuses a file (it becomes a [`RowFault`](super::RowFault)).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// No byte, or nothing but line endings and white space.
    #[error(
        "the input is empty: expected CSV with a header line and the columns '{id}' and '{text}'; give a file that has them"
    )]
    Empty {
        /// The id column that is looked for.
        id: String,
        /// The text column that is looked for.
        text: String,
    },
    /// The header's record has no end.
    #[error(
        "the header (byte {byte}) is not complete within {limit_bytes} bytes: expected one line of column names; look for a quote that is opened and not closed in the first line"
    )]
    HeaderNotClosed {
        /// Where it starts.
        byte: u64,
        /// How far it was followed.
        limit_bytes: u64,
    },
    /// The header is not valid UTF-8.
    #[error(
        "the header (byte {byte}) is not UTF-8: expected UTF-8 text; if the file is in another encoding, name it, as in --encoding windows-1252 on the command line, or \"encoding\": \"windows-1252\" in {SIDECAR}"
    )]
    HeaderNotUtf8 {
        /// The first byte that is not UTF-8.
        byte: u64,
    },
    /// Columns of the same name.
    #[error(
        "the header has the same column name more than once: {names}; expected unique names; rename all but one of each"
    )]
    DuplicateColumns {
        /// The names, each with its positions from 1.
        names: String,
    },
    /// The id or the text column is not there.
    #[error(
        "the header has no {missing}: found {found} ({delimiter} as delimiter), expected a header line with an id and a text column; {hint}{}, or rename it",
        named_by(option)
    )]
    ColumnMissing {
        /// Which columns are missing, by role and name.
        missing: String,
        /// How many columns there are, and which of them come near.
        found: String,
        /// The delimiter that was taken.
        delimiter: &'static str,
        /// A guess at the reason, or nothing.
        hint: &'static str,
        /// The options that name columns.
        option: &'static str,
    },
    /// Several columns differ from the wanted name in case alone.
    #[error(
        "the column '{wanted}' is not there as such: found several that come near it, {candidates}, expected one; name it exactly: {}",
        both_ways(option)
    )]
    ColumnAmbiguous {
        /// The name that is looked for.
        wanted: String,
        /// The columns that come near it, with positions from 1.
        candidates: String,
        /// The option that names this column.
        option: &'static str,
    },
    /// One column for id and text.
    #[error(
        "the id column and the text column are the same, '{column}': expected two; {}",
        named_by("--id-column and --text-column")
    )]
    SameColumn {
        /// Its name.
        column: String,
    },
    /// A first line such as `sep=;`.
    #[error(
        "the first line is a separator hint for Excel ('sep='): expected column names; remove that line (the delimiter is found without it)"
    )]
    SeparatorLine,
    /// UTF-16 or UTF-32, by byte order mark or by its pattern of NUL bytes.
    #[error(
        "the input is {encoding} text: expected UTF-8; convert it, as in: iconv -f {encoding} -t UTF-8 INPUT > OUTPUT (in Excel: save as 'CSV UTF-8')"
    )]
    Utf16 {
        /// Which one.
        encoding: &'static str,
    },
    /// Known not to be CSV.
    #[error("the input is {found}: expected CSV text; {action}")]
    NotCsv {
        /// What it looks like.
        found: &'static str,
        /// What to do.
        action: &'static str,
    },
    /// Not text at all.
    #[error(
        "the input is not text: found {nul_bytes} NUL bytes, the first at byte {first_byte}, in its first {head_bytes} bytes; expected CSV as UTF-8 text; export the data as CSV"
    )]
    Binary {
        /// How many NUL bytes.
        nul_bytes: usize,
        /// The first one.
        first_byte: usize,
        /// Among how many bytes.
        head_bytes: usize,
    },
    /// Compression that is not read.
    #[error(
        "the input is compressed as {found}: expected plain CSV, gzip (.gz) or Zstandard (.zst); unpack it first"
    )]
    CompressionNotRead {
        /// The format.
        found: &'static str,
    },
    /// Compressed data where text was expected.
    #[error(
        "there is {found} data where CSV text was expected: the input is compressed more than once; unpack it first"
    )]
    CompressedTwice {
        /// The inner format.
        found: &'static str,
    },
    /// Compressed data that is damaged or cut short.
    #[error(
        "the {format} data is {damage}: it could be unpacked up to byte {text_bytes} of the text (byte {packed_bytes} of the file, about); get the file again ({detail})"
    )]
    CompressedData {
        /// gzip or Zstandard.
        format: &'static str,
        /// `cut short` or `damaged`.
        damage: &'static str,
        /// How much text came out.
        text_bytes: u64,
        /// How much of the file was read until then.
        packed_bytes: u64,
        /// The unpacker's message.
        detail: String,
    },
    /// An encoding label that is not known.
    #[error(
        "the encoding '{label}' is not known: expected a label of the WHATWG Encoding Standard, such as utf-8, windows-1252, iso-8859-15 or shift_jis; correct it (--encoding on the command line, encoding in {SIDECAR})"
    )]
    EncodingUnknown {
        /// What was given.
        label: String,
    },
    /// The encoding that was named contradicts the file's byte order mark.
    #[error(
        "the input starts with the byte order mark of UTF-8, but {encoding} is named as its encoding: name none (--encoding on the command line, encoding in {SIDECAR})"
    )]
    EncodingContradicted {
        /// What was given.
        encoding: &'static str,
    },
}

impl InputError {
    /// The stable name of the kind.
    pub fn name(&self) -> &'static str {
        match self {
            InputError::Empty { .. } => "empty",
            InputError::HeaderNotClosed { .. } => "header_not_closed",
            InputError::HeaderNotUtf8 { .. } => "header_not_utf8",
            InputError::DuplicateColumns { .. } => "duplicate_columns",
            InputError::ColumnMissing { .. } => "column_missing",
            InputError::ColumnAmbiguous { .. } => "column_ambiguous",
            InputError::SameColumn { .. } => "same_column",
            InputError::SeparatorLine => "separator_line",
            InputError::Utf16 { .. } => "utf16",
            InputError::NotCsv { .. } => "not_csv",
            InputError::Binary { .. } => "binary",
            InputError::CompressionNotRead { .. } => "compression_not_read",
            InputError::CompressedTwice { .. } => "compressed_twice",
            InputError::CompressedData { .. } => "compressed_data",
            InputError::EncodingUnknown { .. } => "encoding_unknown",
            InputError::EncodingContradicted { .. } => "encoding_contradicted",
        }
    }

    /// The input error inside an I/O error, as the reader of [`normalised`](super::normalised) text reports damage met on its way.
    pub fn from_io(error: &io::Error) -> Option<&InputError> {
        error.get_ref()?.downcast_ref()
    }
}

impl From<InputError> for io::Error {
    fn from(error: InputError) -> Self {
        io::Error::new(io::ErrorKind::InvalidData, error)
    }
}
