//! The header of a terms file, and each record's fields by its columns.

use super::fault::{Faults, quoted};
use super::fold;
use super::link::Row;
use crate::records::look_like_names;
use csv::ByteRecord;

/// The columns that are read; others are left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Code,
    Term,
    Definition,
    Annex,
    Level,
    ParentCode,
    Selectable,
    Status,
    StatusDescription,
    FdaCode,
    NciCode,
    Release,
}

use Column as C;

/// Each column with its name in the header.
const COLUMNS: [(Column, &str); 12] = [
    (C::Code, "code"),
    (C::Term, "term"),
    (C::Definition, "definition"),
    (C::Annex, "annex"),
    (C::Level, "level"),
    (C::ParentCode, "parent_code"),
    (C::Selectable, "selectable"),
    (C::Status, "status"),
    (C::StatusDescription, "status_description"),
    (C::FdaCode, "fda_code"),
    (C::NciCode, "nci_code"),
    (C::Release, "release"),
];

/// Where each known column stands.
pub(super) struct Header {
    at: [Option<usize>; COLUMNS.len()],
    fields: usize,
}

impl Header {
    /// Finds the columns and notes what is wrong with their names.
    pub(super) fn read(line: u64, record: &ByteRecord, faults: &mut Faults) -> Header {
        let names: Vec<String> = record
            .iter()
            .map(|field| String::from_utf8_lossy(field).trim().to_lowercase())
            .collect();
        for (at, name) in names.iter().enumerate() {
            if let Some(first) = names[..at]
                .iter()
                .position(|n| n == name && !name.is_empty())
            {
                let places = format!("as columns {} and {}", first + 1, at + 1);
                // A name of another column may be data, in a file without a header, and is not shown.
                match COLUMNS.iter().find(|(_, known)| known == name) {
                    Some((_, known)) => faults.push(
                        line,
                        Some(known),
                        format!("it twice, {places}"),
                        "each column name once",
                    ),
                    None => faults.push(
                        line,
                        None,
                        format!("a column name twice, {places}"),
                        "each column name once",
                    ),
                }
            }
        }
        let at = COLUMNS.map(|(_, name)| names.iter().position(|n| n == name));
        for (column, name) in &COLUMNS[..2] {
            if at[*column as usize].is_none() {
                let among = match look_like_names(&names) {
                    true => quoted(&names.join(", ")),
                    false => format!("{} values that look like data", names.len()),
                };
                let found = format!("no such column among {among}");
                faults.push(
                    line,
                    Some(name),
                    found,
                    "a header with at least the columns 'code' and 'term'",
                );
            }
        }
        Header {
            at,
            fields: names.len(),
        }
    }

    /// Whether the two columns are there without which nothing can be read.
    pub(super) fn usable(&self) -> bool {
        self.at[C::Code as usize].is_some() && self.at[C::Term as usize].is_some()
    }

    /// Whether the file gives parents.
    pub(super) fn has_parents(&self) -> bool {
        self.at[C::ParentCode as usize].is_some()
    }

    /// The fields of one record; `None`, with its faults noted, where its code or term cannot be used.
    pub(super) fn row(&self, line: u64, record: &ByteRecord, faults: &mut Faults) -> Option<Row> {
        if record
            .iter()
            .skip(self.fields)
            .any(|field| !field.trim_ascii().is_empty())
        {
            let found = format!("{} fields", record.len());
            let expected = format!(
                "{} as in the header (is a field with a delimiter in it not quoted?)",
                self.fields
            );
            faults.push(line, None, found, expected);
            return None;
        }
        let mut field = |column: Column| self.field(column, line, record, faults);
        let [
            code,
            term,
            definition,
            annex,
            level,
            parent,
            selectable,
            status,
            note,
            fda_code,
            nci_code,
            release,
        ] = COLUMNS.map(|(column, _)| field(column));
        let code = code?;
        let term = term?;
        let has_form = code.len() > 1
            && matches!(code.as_bytes()[0], b'A'..=b'G')
            && code.bytes().skip(1).all(|byte| byte.is_ascii_digit());
        if !has_form {
            let expected = "a code: a letter A to G and digits, such as A0401";
            faults.push(line, Some("code"), quoted(&code), expected);
        }
        if term.is_empty() {
            faults.push(line, Some("term"), "nothing", "the term's wording");
        }
        let letter = code.chars().next().unwrap_or(' ');
        let annex = annex.unwrap_or_default();
        let annex = annex.strip_prefix("Annex ").unwrap_or(&annex);
        if has_form && !annex.is_empty() && !annex.eq_ignore_ascii_case(&code[..1]) {
            let expected = format!("'{letter}', the letter of code {code}, or nothing");
            faults.push(line, Some("annex"), quoted(annex), expected);
        }
        let status = status.unwrap_or_default();
        let selectable = self.selectable(line, selectable, &status, faults);
        let level = level.filter(|text| !text.is_empty()).and_then(|text| {
            let number = text
                .parse::<u8>()
                .ok()
                .filter(|number| (1..=9).contains(number));
            if number.is_none() {
                faults.push(
                    line,
                    Some("level"),
                    quoted(&text),
                    "a number from 1 to 9, or nothing",
                );
            }
            number
        });
        (has_form && !term.is_empty()).then(|| Row {
            line,
            annex: letter,
            level,
            parent: parent.unwrap_or_default(),
            selectable,
            status,
            definition: definition.unwrap_or_default(),
            note: note.unwrap_or_default(),
            fda_code: fda_code.unwrap_or_default(),
            nci_code: nci_code.unwrap_or_default(),
            release: release.unwrap_or_default(),
            code,
            term,
        })
    }

    fn selectable(
        &self,
        line: u64,
        given: Option<String>,
        status: &str,
        faults: &mut Faults,
    ) -> bool {
        if self.at[C::Selectable as usize].is_none() {
            let status = status.to_ascii_lowercase();
            return !status.starts_with("retired") && !status.starts_with("not selectable");
        }
        let given = given.unwrap_or_default();
        match given.to_ascii_lowercase().as_str() {
            "" | "yes" | "y" | "true" | "1" => true,
            "no" | "n" | "false" | "0" => false,
            _ => {
                faults.push(
                    line,
                    Some("selectable"),
                    quoted(&given),
                    "yes or no (or true, false, 1, 0)",
                );
                true
            }
        }
    }

    /// One field on one line; `None` where the file or the record has no such column, or its bytes are not UTF-8.
    fn field(
        &self,
        column: Column,
        line: u64,
        record: &ByteRecord,
        faults: &mut Faults,
    ) -> Option<String> {
        let at = self.at[column as usize]?;
        // A short record has empty fields at its end.
        let bytes = record.get(at).unwrap_or_default();
        match std::str::from_utf8(bytes) {
            Ok(text) => Some(fold::one_line(text)),
            Err(error) => {
                let good = error.valid_up_to();
                let before = fold::one_line(&String::from_utf8_lossy(&bytes[..good]));
                let found = format!("byte 0x{:02X} after {}", bytes[good], quoted(&before));
                let name = COLUMNS[column as usize].1;
                faults.push(
                    line,
                    Some(name),
                    found,
                    "text in UTF-8: save the file as 'CSV UTF-8'",
                );
                None
            }
        }
    }
}
