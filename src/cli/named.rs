//! The files that `--terms` and `--corpus` name: read in one place, and refused in the same words by every command.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;

use crate::precedents::CodedReports;
use crate::terms::TermTable;

/// The table of terms in `file`, or the built-in one.
///
/// # Errors
/// The file cannot be read, or is no table: names the flag and the file, and all that is wrong.
pub(super) fn terms(file: Option<&Path>) -> anyhow::Result<Arc<TermTable>> {
    let Some(file) = file else {
        return Ok(TermTable::builtin());
    };
    let shown = file.display().to_string();
    let bytes = std::fs::read(file).with_context(|| format!("--terms {shown}"))?;
    let table = TermTable::from_csv_bytes(&shown, &bytes);
    Ok(Arc::new(table.context("--terms")?))
}

/// The coded reports in `file`, an artifact of `annexa corpus build`.
///
/// # Errors
/// The file cannot be read, or is no artifact: names the flag and the file.
pub(super) fn corpus(file: &Path) -> anyhow::Result<CodedReports> {
    let named = || format!("--corpus {}", file.display());
    let bytes = std::fs::read(file).with_context(named)?;
    CodedReports::from_bytes(&bytes).with_context(named)
}
