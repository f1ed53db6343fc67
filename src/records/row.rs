//! A row of the input: its fields, what is odd about it, and why it cannot be coded if so.

use std::fmt;

use super::header::Layout;
use super::machine::Broken;

/// What is odd about a row that can be coded all the same. A fixed set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RowFlag {
    /// Fewer fields than columns; the missing ones are read as empty.
    RaggedShort,
    /// More fields than columns; the others are in [`Row::extra`].
    RaggedLong,
    /// A field holds U+FFFD, the sign that stands for bytes which are no text in the input's encoding.
    BadBytesReplaced,
    /// The id is empty or blank.
    EmptyId,
    /// The id and the text are the names of their columns: a header in the middle of the file, as joined files have it.
    RepeatedHeader,
}

impl RowFlag {
    /// All of them, in the order in which they stand in a row's flags.
    pub const ALL: [RowFlag; 5] = [
        RowFlag::RaggedShort,
        RowFlag::RaggedLong,
        RowFlag::BadBytesReplaced,
        RowFlag::EmptyId,
        RowFlag::RepeatedHeader,
    ];

    /// The stable name in outputs.
    pub fn name(self) -> &'static str {
        match self {
            RowFlag::RaggedShort => "ragged_short",
            RowFlag::RaggedLong => "ragged_long",
            RowFlag::BadBytesReplaced => "bad_bytes_replaced",
            RowFlag::EmptyId => "empty_id",
            RowFlag::RepeatedHeader => "repeated_header",
        }
    }
}

impl fmt::Display for RowFlag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a row cannot be coded. The message names row and byte, what was found and expected, and what to do; it holds no report text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowFault {
    /// The line is longer than a record may be.
    #[error(
        "row {row} (byte {byte}): the line is longer than {max_record_bytes} bytes, the most that a record may have; shorten it, or split the file where line endings were lost"
    )]
    RecordTooLong {
        /// The row's number from 1.
        row: u64,
        /// Where its record starts in the file.
        byte: u64,
        /// The maximum that holds.
        max_record_bytes: u64,
    },
    /// A quoted field runs over the end of the line, and the record does not end within the maximum size or the file.
    #[error(
        "row {row} (byte {byte}): a quote is opened on this line, and the record is not complete within {max_record_bytes} bytes or at the end of the file; close the quote (a quote inside a quoted field is written twice)"
    )]
    QuoteNotClosed {
        /// The row's number from 1.
        row: u64,
        /// Where its record starts in the file.
        byte: u64,
        /// The maximum that holds.
        max_record_bytes: u64,
    },
    /// The row ends before the id or the text column.
    #[error(
        "row {row} (byte {byte}): it has {found} of {expected} fields and ends before the {what} column, '{column}' (field {position}); complete the row"
    )]
    IdOrTextMissing {
        /// The row's number from 1.
        row: u64,
        /// Where its record starts in the file.
        byte: u64,
        /// How many fields the row has.
        found: usize,
        /// How many columns the header has.
        expected: usize,
        /// `id` or `text`.
        what: &'static str,
        /// The name of the column.
        column: String,
        /// Its place in the header, from 1.
        position: usize,
    },
}

impl RowFault {
    /// All stable names, in the order of the variants.
    pub const NAMES: [&'static str; 3] =
        ["record_too_long", "quote_not_closed", "id_or_text_missing"];

    /// The stable name in outputs.
    pub fn name(&self) -> &'static str {
        match self {
            RowFault::RecordTooLong { .. } => Self::NAMES[0],
            RowFault::QuoteNotClosed { .. } => Self::NAMES[1],
            RowFault::IdOrTextMissing { .. } => Self::NAMES[2],
        }
    }

    pub(crate) fn broken_name(why: Broken) -> &'static str {
        match why {
            Broken::LineTooLong => Self::NAMES[0],
            Broken::QuoteOpen => Self::NAMES[1],
        }
    }

    pub(crate) fn broken(why: Broken, row: u64, byte: u64, max_record_bytes: u64) -> Self {
        match why {
            Broken::LineTooLong => RowFault::RecordTooLong {
                row,
                byte,
                max_record_bytes,
            },
            Broken::QuoteOpen => RowFault::QuoteNotClosed {
                row,
                byte,
                max_record_bytes,
            },
        }
    }
}

/// One data record of the input.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    /// The number from 1 among the file's rows.
    pub number: u64,
    /// Where the record starts in the (normalised) file.
    pub byte: u64,
    /// One value for each column; what the row does not have is empty. Control characters are kept. Of a broken record
    /// only the fields are here that are complete on its first line (of a line that is too long: within its first 4 KiB).
    pub fields: Vec<String>,
    /// What a row has beyond the header's columns: no column can hold it, so whoever writes the row says it elsewhere.
    pub extra: Vec<String>,
    /// What is odd about it, in the order of [`RowFlag::ALL`], each once.
    pub flags: Vec<RowFlag>,
    /// Set where the row cannot be coded.
    pub fault: Option<RowFault>,
}

impl Row {
    /// The value of the id column; empty where the row has none.
    pub fn id(&self, layout: &Layout) -> &str {
        self.fields.get(layout.id_index).map_or("", String::as_str)
    }

    /// The value of the text column; empty where the row has none.
    pub fn text(&self, layout: &Layout) -> &str {
        self.fields
            .get(layout.text_index)
            .map_or("", String::as_str)
    }

    /// Whether the row has this flag.
    pub fn has(&self, flag: RowFlag) -> bool {
        self.flags.contains(&flag)
    }
}
