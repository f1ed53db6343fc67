//! Forms in which results are written besides results.csv.

use serde::{Deserialize, Serialize};

/// A form of results besides CSV. Names are those of `--format` and of the spec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// results.parquet: typed columns, for Athena, DuckDB, pandas.
    Parquet,
    /// results.jsonl: one JSON object a row.
    Jsonl,
    /// results.spreadsheet.csv: cells that a spreadsheet would run as formulas are neutralised.
    Spreadsheet,
}

impl Format {
    /// All of them.
    pub const ALL: [Format; 3] = [Format::Parquet, Format::Jsonl, Format::Spreadsheet];

    /// Its name in specs and flags.
    pub fn name(self) -> &'static str {
        match self {
            Format::Parquet => "parquet",
            Format::Jsonl => "jsonl",
            Format::Spreadsheet => "spreadsheet",
        }
    }

    /// How the names of its files end, behind `results` or `results.partial`.
    pub fn suffix(self) -> &'static str {
        match self {
            Format::Parquet => ".parquet",
            Format::Jsonl => ".jsonl",
            Format::Spreadsheet => ".spreadsheet.csv",
        }
    }
}

impl std::str::FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Format, String> {
        let found = Format::ALL.into_iter().find(|format| format.name() == text);
        found.ok_or_else(|| "parquet, jsonl or spreadsheet expected".to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_equal_their_serialised_form() {
        for format in Format::ALL {
            assert_eq!(serde_json::to_value(format).unwrap(), format.name());
            assert_eq!(format.name().parse(), Ok(format));
        }
        assert!("csv".parse::<Format>().is_err());
    }
}
