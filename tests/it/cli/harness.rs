//! A folder of its own for each test, the program in it, and what comes out, read back.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// Enough for every run of these tests, also on a machine that is busy: who needs longer hangs.
pub const HANG: std::time::Duration = std::time::Duration::from_secs(240);

/// A text that the offline model codes.
pub const TEXT: &str = "THE PATIENT HAD A STROKE AFTER THE VALVE WAS IMPLANTED";

/// Columns that DESIGN §6 counts for "equal results", behind the input's own.
const EQUAL: [&str; 5] = [
    "outcome",
    "review",
    "sufficient_information",
    "text_truncated",
    "row",
];

/// A folder of its own, with the user's data folder in it.
pub struct Place {
    folder: TempDir,
}

/// What a run of the program left.
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Place {
    pub fn new() -> Place {
        Place {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The program in this folder, with nothing of the surroundings in its environment.
    pub fn program(&self) -> Command {
        let mut program = Command::new(assert_cmd::cargo::cargo_bin!("annexa"));
        program.current_dir(self.root()).env_clear();
        program.env("HOME", self.path("home"));
        program.env("XDG_DATA_HOME", self.path("home/data"));
        program
    }

    /// Runs the program to its end; it hangs if it is not there within [`HANG`].
    pub fn annexa(&self, args: &[&str]) -> Ran {
        self.annexa_with(&[], args)
    }

    /// As [`Place::annexa`], with variables of the environment.
    pub fn annexa_with(&self, variables: &[(&str, &str)], args: &[&str]) -> Ran {
        let mut program = self.program();
        program.args(args).envs(variables.iter().copied());
        let output = assert_cmd::Command::from_std(program)
            .timeout(HANG)
            .output()
            .unwrap();
        Ran::from(output)
    }

    /// Runs `annexa run in.csv` with the offline model on `input` and gives what came out, whatever the exit code.
    pub fn coded(&self, input: impl AsRef<[u8]>, flags: &[&str]) -> (Ran, Results) {
        self.write("in.csv", input);
        let ran = self.annexa(&[&["run", "in.csv"], flags].concat());
        assert!([0, 3].contains(&ran.code), "{}{}", ran.err, ran.out);
        (ran, self.results("in-annexa"))
    }

    pub fn results(&self, folder: &str) -> Results {
        Results::read(&self.path(folder).join("results.csv"))
    }

    pub fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.read(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Every file under `folder`, by path from there, with its SHA-256.
    pub fn files(&self, folder: &str) -> BTreeMap<String, String> {
        let root = self.path(folder);
        let (mut found, mut open) = (BTreeMap::new(), vec![root.clone()]);
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    let name = path.strip_prefix(&root).unwrap().display().to_string();
                    found.insert(name, sha256(&fs::read(&path).unwrap()));
                }
            }
        }
        found
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Ran {
        Ran {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ran {
    /// The exit code was `code`, and stderr says each of `parts`.
    pub fn refused(&self, code: i32, parts: &[&str]) {
        assert_eq!(
            self.code, code,
            "stderr: {}\nstdout: {}",
            self.err, self.out
        );
        for part in parts {
            assert!(self.err.contains(part), "'{part}' in: {}", self.err);
        }
        assert!(!self.err.contains("panicked"), "{}", self.err);
    }
}

pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A results.csv, read back.
#[derive(Debug, Clone, PartialEq)]
pub struct Results {
    pub header: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

impl Results {
    pub fn read(path: &Path) -> Results {
        let mut reader = csv::Reader::from_path(path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let owned = |record: &csv::StringRecord| record.iter().map(str::to_string).collect();
        Results {
            header: owned(reader.headers().unwrap()),
            rows: reader
                .records()
                .map(|record| owned(&record.unwrap()))
                .collect(),
        }
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// The value of `column` in row `row`, from 1.
    pub fn get(&self, row: usize, column: &str) -> &str {
        let at = self.header.iter().position(|name| name == column);
        &self.rows[row - 1][at.unwrap_or_else(|| panic!("no column {column}"))]
    }

    pub fn column(&self, column: &str) -> Vec<&str> {
        (1..=self.len()).map(|row| self.get(row, column)).collect()
    }

    /// Equal results (DESIGN §6): the input's columns, and ours that answer the questions. Says of
    /// the first row that differs what it is, and not all rows.
    pub fn assert_equal(&self, other: &Results) {
        assert_eq!(self.header, other.header);
        assert_eq!(self.len(), other.len());
        for (row, (ours, theirs)) in self.comparable().iter().zip(other.comparable()).enumerate() {
            assert!(
                *ours == theirs,
                "row {}: {ours:?} ({}), expected {theirs:?}",
                row + 1,
                self.get(row + 1, "error")
            );
        }
    }

    /// The columns that count for equal results.
    fn comparable(&self) -> Vec<Vec<&str>> {
        let input = self
            .header
            .iter()
            .rposition(|name| name == "row")
            .expect("results have a row column");
        let counts = |at: &usize| {
            let name = self.header[*at].as_str();
            let answers =
                name.starts_with("product_problem_") || name.starts_with("patient_problem_");
            *at < input || answers || EQUAL.contains(&name)
        };
        let columns: Vec<usize> = (0..self.header.len()).filter(counts).collect();
        self.rows
            .iter()
            .map(|row| columns.iter().map(|at| row[*at].as_str()).collect())
            .collect()
    }
}

/// The whole nano-dollars of an amount as outputs write it.
pub fn nano(amount: &str) -> u64 {
    let (dollars, decimals) = amount.split_once('.').expect("an amount has decimals");
    assert_eq!(decimals.len(), 9, "{amount}");
    dollars.parse::<u64>().unwrap() * 1_000_000_000 + decimals.parse::<u64>().unwrap()
}

/// The first `rows` reports of the example file, as CSV, each record changed by `change` (number from 0, fields).
pub fn sample_with(rows: usize, mut change: impl FnMut(usize, &mut Vec<String>)) -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/maude_sample.csv");
    let mut reader = csv::Reader::from_path(path).unwrap();
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(reader.headers().unwrap()).unwrap();
    let records: Vec<csv::StringRecord> = reader.records().take(rows).map(Result::unwrap).collect();
    for number in 0..rows {
        let mut fields: Vec<String> = records[number % records.len()]
            .iter()
            .map(str::to_string)
            .collect();
        change(number, &mut fields);
        writer.write_record(&fields).unwrap();
    }
    String::from_utf8(writer.into_inner().unwrap()).unwrap()
}

/// The first `rows` reports of the example file, as CSV.
pub fn sample(rows: usize) -> String {
    sample_with(rows, |_, _| ())
}
