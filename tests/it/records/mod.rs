//! What the reading side promises, against the `csv` crate as second reader and over tables of bad input.

#[path = "../../support/csv_oracle.rs"]
mod csv_oracle;

mod bad_input;
mod bad_rows;
mod chunks;
mod corpus;
mod document;
mod layouts;
mod packed;
mod split_command;
mod split_law;
