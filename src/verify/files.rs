//! The files against the manifest: lengths, digests, and that nothing else is there.

use std::collections::BTreeSet;

use super::report::Notes;
use super::{Check, Known, Place};
use crate::core::files;
use crate::core::format::Format;
use crate::outputs::OWNER;
use crate::report::manifest::ManifestEntry;

pub(super) fn check(place: &Place, known: &Known, notes: &mut Notes) {
    let manifest = &known.manifest;
    digests(place, known, Check::Outputs, &manifest.outputs, notes);
    digests(place, known, Check::Chunks, &manifest.chunks, notes);
    let listed: BTreeSet<&str> = manifest
        .outputs
        .iter()
        .chain(&manifest.chunks)
        .map(|entry| entry.name.as_str())
        .collect();
    let needed = [
        known.results(),
        known.results().replacen("results", "failures", 1),
        files::SUMMARY.to_string(),
        files::REPORT.to_string(),
    ];
    // A job that was stopped before it read its input has no rows to show.
    let has_rows = !known.is_partial() && known.manifest.status.starts_with("COMPLETED");
    for name in needed {
        notes.expect(
            Check::Manifest,
            !has_rows || listed.contains(name.as_str()),
            || format!("it does not name {name}"),
        );
    }
    nothing_else(known, &listed, notes);
}

fn digests(
    place: &Place,
    known: &Known,
    check: Check,
    entries: &[ManifestEntry],
    notes: &mut Notes,
) {
    let mut total = 0;
    let there: BTreeSet<&str> = known.files.iter().map(String::as_str).collect();
    for entry in entries {
        let name = &entry.name;
        // What the list does not have is not asked for: what stands in a manifest may be no name of a file at all.
        if !there.contains(name.as_str()) {
            notes.problem(check, format!("{name} is not there"));
            continue;
        }
        match place.store.digest(place.blob(name), None) {
            Err(error) => notes.problem(check, format!("{name} cannot be read: {error}")),
            Ok((bytes, _)) if bytes != entry.bytes => notes.problem(
                check,
                format!(
                    "{name} has {bytes} bytes, manifest.json says {}",
                    entry.bytes
                ),
            ),
            Ok((bytes, sha256)) => {
                total += bytes;
                notes.expect(check, sha256 == entry.sha256, || {
                    format!("{name} has another SHA-256 than manifest.json says")
                });
            }
        }
    }
    let count = entries.len();
    notes.looked(check, format!("{count} files, {total} bytes"));
}

/// Names of a job's kind that the manifest does not name, and other files, which are only mentioned.
fn nothing_else(known: &Known, listed: &BTreeSet<&str>, notes: &mut Notes) {
    let outputs: BTreeSet<String> = files::outputs().into_iter().collect();
    let mut others = 0;
    for name in &known.files {
        let is_of_program = [OWNER, files::MANIFEST].contains(&name.as_str())
            || files::ADDED.contains(&name.as_str())
            || name.starts_with("_annexa/")
            || name.starts_with("previous-")
            || is_kept_by_retry(name)
            || form_of(known, name).is_some();
        if is_of_program || listed.contains(name.as_str()) {
            continue;
        }
        let is_superseded = chunk_number(name).is_some_and(|number| has_later(known, name, number));
        let is_of_a_job = chunk_number(name).is_some() || outputs.contains(name);
        match is_of_a_job && !is_superseded {
            true => notes.problem(
                Check::NothingElse,
                format!("{name} is not named by manifest.json"),
            ),
            false => others += u64::from(!is_superseded),
        }
    }
    let said = match others {
        0 => "no file that the job did not write".to_string(),
        others => format!("{others} files that are no output of a job: not looked at"),
    };
    notes.looked(Check::NothingElse, said);
}

/// The form that a file of results is in; such a file may have been written by `annexa export`, later.
pub(super) fn form_of(known: &Known, name: &str) -> Option<Format> {
    let suffix = name.strip_prefix(known.stem.as_str())?;
    Format::ALL
        .into_iter()
        .find(|format| format.suffix() == suffix)
}

/// Copies that a retry keeps of the outputs before it.
fn is_kept_by_retry(name: &str) -> bool {
    let after = name
        .strip_prefix("retry-")
        .and_then(|rest| rest.split_once('/'));
    after.is_some_and(|(_, rest)| rest.starts_with("before/"))
}

/// The number of a chunk file, of whatever generation.
fn chunk_number(name: &str) -> Option<&str> {
    let (folder, file) = name.rsplit_once('/')?;
    let is_chunk =
        folder == "chunks" || folder.starts_with("retry-") && folder.ends_with("/chunks");
    is_chunk.then(|| file.strip_suffix(".csv").unwrap_or(file))
}

fn generation(name: &str) -> u32 {
    let rest = name.strip_prefix("retry-");
    let number = rest.and_then(|rest| rest.split_once('/'));
    number.map_or(0, |(number, _)| number.parse().unwrap_or_default())
}

/// Whether the manifest names a file of the same chunk of a later generation.
fn has_later(known: &Known, name: &str, number: &str) -> bool {
    known.manifest.chunks.iter().any(|entry| {
        chunk_number(&entry.name) == Some(number) && generation(&entry.name) > generation(name)
    })
}
