//! What the catalog promises.

use super::*;

mod builtin;
mod checks;
mod documented;
mod overrides;

const OLD_SONNET: &str = "anthropic.claude-3-5-sonnet-20240620-v1:0";
const HAIKU: &str = "anthropic.claude-haiku-5-5";

/// The catalog with this file over it.
fn with(text: &str) -> Catalog {
    Catalog::with_overrides("mine.toml", text.as_bytes()).unwrap()
}

/// What is wrong with this file.
fn faults(text: &str) -> String {
    Catalog::with_overrides("mine.toml", text.as_bytes())
        .unwrap_err()
        .to_string()
}
