//! Every kind of tampering, and the check that must find it. Each begins with the same folder: eleven rows in chunks of four, one
//! of them failed, one empty, with all forms.

use std::collections::BTreeSet;
use std::fs;

use annexa::verify::Check;

use super::{edit_json, edit_rows, failed, fix_manifest, set_cell, verdicts};
use crate::cli::harness::{Place, sample_with};

/// One way to tamper.
struct Tampering {
    what: &'static str,
    /// The check that is about it; others may find it, too.
    found_by: Check,
    how: fn(&Place),
}

const fn tampering(what: &'static str, found_by: Check, how: fn(&Place)) -> Tampering {
    Tampering {
        what,
        found_by,
        how,
    }
}

/// The largest number that is one.
const MOST: &str = "18446744073709551615";

fn flip(place: &Place, name: &str) {
    let path = place.path("in-annexa").join(name);
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.len() - 2;
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

fn swap(place: &Place) {
    edit_rows(place, "results.csv", |results| results.rows.swap(1, 2));
}

const ALL: &[Tampering] = &[
    tampering("another spec", Check::Job, |place| {
        edit_json(place, "job.json", |job| {
            job["spec"]["batch_size"] = 9.into()
        });
    }),
    tampering("job.json is damaged", Check::Job, |place| {
        place.write("in-annexa/job.json", "{");
    }),
    tampering("a manifest of another job", Check::Manifest, |place| {
        edit_json(place, "manifest.json", |manifest| {
            manifest["job_id"] = "job-1".into()
        });
    }),
    tampering(
        "a manifest without the failures",
        Check::Manifest,
        |place| {
            edit_json(place, "manifest.json", |manifest| {
                let outputs = manifest["outputs"].as_array_mut().unwrap();
                outputs.retain(|entry| entry["name"] != "failures.csv");
            });
        },
    ),
    tampering("one byte of an output", Check::Outputs, |place| {
        flip(place, "report.html")
    }),
    tampering("an output is gone", Check::Outputs, |place| {
        fs::remove_file(place.path("in-annexa/summary.json")).unwrap();
    }),
    tampering("one byte of a chunk", Check::Chunks, |place| {
        flip(place, "chunks/00000001.csv")
    }),
    tampering("a chunk that nobody wrote", Check::NothingElse, |place| {
        let chunk = fs::read(place.path("in-annexa/chunks/00000000.csv")).unwrap();
        place.write("in-annexa/chunks/00000009.csv", chunk);
    }),
    tampering(
        "partial results beside whole ones",
        Check::NothingElse,
        |place| {
            place.write("in-annexa/results.partial.csv", "x");
        },
    ),
    tampering("a column has another name", Check::Columns, |place| {
        edit_rows(place, "results.csv", |results| {
            let at = results.header.iter().position(|name| name == "outcome");
            results.header[at.unwrap()] = "result".into();
        });
        fix_manifest(place);
    }),
    tampering("a row is removed", Check::RowOrder, |place| {
        edit_rows(place, "results.csv", |results| drop(results.rows.remove(3)));
        fix_manifest(place);
    }),
    tampering("the last row is removed", Check::RowOrder, |place| {
        edit_rows(place, "results.csv", |results| drop(results.rows.pop()));
        fix_manifest(place);
    }),
    tampering("two rows are swapped", Check::RowOrder, |place| {
        swap(place);
        fix_manifest(place);
    }),
    tampering("a row is there twice", Check::RowOrder, |place| {
        edit_rows(place, "results.csv", |results| {
            let row = results.rows[2].clone();
            results.rows.insert(2, row);
        });
        fix_manifest(place);
    }),
    tampering("a report's text", Check::InputColumns, |place| {
        set_cell(place, 2, 0, "mdr_text", "NOTHING HAPPENED");
        fix_manifest(place);
    }),
    tampering("results and chunk differ", Check::ChunkRows, |place| {
        edit_rows(place, "results.csv", |results| {
            let at = results
                .header
                .iter()
                .position(|name| name == "product_problem_rationale");
            results.rows[1][at.unwrap()] = "because".into();
        });
        fix_manifest(place);
    }),
    tampering("a chunk is left out", Check::ChunkRows, |place| {
        edit_json(place, "manifest.json", |manifest| {
            drop(manifest["chunks"].as_array_mut().unwrap().remove(1));
        });
    }),
    tampering("a failure is made a finding", Check::Outcomes, |place| {
        set_cell(place, 11, 2, "outcome", "coded");
        fix_manifest(place);
    }),
    tampering("an outcome that there is not", Check::Outcomes, |place| {
        set_cell(place, 2, 0, "outcome", "fine");
        fix_manifest(place);
    }),
    tampering("an empty report has a code", Check::Outcomes, |place| {
        set_cell(place, 7, 1, "product_problem_code", "A01");
        fix_manifest(place);
    }),
    tampering("another code", Check::Codes, |place| {
        set_cell(place, 2, 0, "product_problem_code", "A0101");
        fix_manifest(place);
    }),
    tampering("a code of the wrong annex", Check::Codes, |place| {
        set_cell(place, 2, 0, "product_problem_code", "E0133");
        fix_manifest(place);
    }),
    tampering("a code that there is not", Check::Codes, |place| {
        set_cell(place, 2, 0, "patient_problem_code", "E9999");
        fix_manifest(place);
    }),
    tampering(
        "a reason for review that there is not",
        Check::Reviews,
        |place| {
            set_cell(place, 2, 0, "review", "looked_at");
            fix_manifest(place);
        },
    ),
    tampering("a failure is hidden", Check::Failures, |place| {
        edit_rows(place, "failures.csv", |failures| failures.rows.clear());
        fix_manifest(place);
    }),
    tampering("a failure is made up", Check::Failures, |place| {
        edit_rows(place, "failures.csv", |failures| {
            let row = failures.rows[0].clone();
            failures.rows.push(row);
        });
        fix_manifest(place);
    }),
    tampering("a summary that does not balance", Check::Summary, |place| {
        edit_json(place, "summary.json", |summary| {
            summary["total_records"] = 12.into()
        });
        fix_manifest(place);
    }),
    tampering("a status that hides failures", Check::Summary, |place| {
        edit_json(place, "summary.json", |summary| {
            summary["status"] = "COMPLETED".into()
        });
        edit_json(place, "manifest.json", |manifest| {
            manifest["status"] = "COMPLETED".into()
        });
        fix_manifest(place);
    }),
    tampering("a count of reviews", Check::Counts, |place| {
        edit_json(place, "summary.json", |summary| {
            summary["review_rows"] = 0.into()
        });
        fix_manifest(place);
    }),
    tampering("a count of codes", Check::Counts, |place| {
        edit_json(place, "summary.json", |summary| {
            let count = &mut summary["code_distribution"]["product"][0]["rows"];
            *count = (count.as_u64().unwrap() + 1).into();
        });
        fix_manifest(place);
    }),
    tampering("a nano-dollar in a row", Check::Cost, |place| {
        set_cell(place, 2, 0, "cost_usd", "0.000000001");
        fix_manifest(place);
    }),
    tampering("more tokens than can be counted", Check::Cost, |place| {
        for column in ["input_tokens", "cache_read_tokens"] {
            set_cell(place, 2, 0, column, MOST);
            set_cell(place, 3, 0, column, MOST);
        }
        edit_json(place, "summary.json", |summary| {
            summary["overhead"]["input_tokens"] = u64::MAX.into();
            summary["overhead"]["output_tokens"] = u64::MAX.into();
        });
        fix_manifest(place);
    }),
    tampering("more rows than can be counted", Check::Summary, |place| {
        edit_json(place, "summary.json", |summary| {
            for outcome in summary["outcomes"].as_object_mut().unwrap().values_mut() {
                *outcome = u64::MAX.into();
            }
        });
        fix_manifest(place);
    }),
    tampering("a row behind the last number", Check::RowOrder, |place| {
        set_cell(place, 2, 0, "row", MOST);
        fix_manifest(place);
    }),
    tampering("more dollars than can be counted", Check::Cost, |place| {
        for row in [2, 3] {
            set_cell(place, row, 0, "cost_usd", "18446744073.709551615");
        }
        fix_manifest(place);
    }),
    tampering("a name that is no file's", Check::Outputs, |place| {
        edit_json(place, "manifest.json", |manifest| {
            manifest["outputs"][0]["name"] = "../in.csv".into();
        });
    }),
    tampering("a nano-dollar in the summary", Check::Cost, |place| {
        edit_json(place, "summary.json", |summary| {
            summary["total_estimated_cost"] = "0.000000001".into();
        });
        fix_manifest(place);
    }),
    tampering("a row of JSON Lines", Check::Forms, |place| {
        let lines = place.read("in-annexa/results.jsonl");
        place.write(
            "in-annexa/results.jsonl",
            lines.replacen("\"coded\"", "\"empty\"", 1),
        );
        fix_manifest(place);
    }),
    tampering("a row less for spreadsheets", Check::Forms, |place| {
        let rows = place.read("in-annexa/results.spreadsheet.csv");
        let end = rows.trim_end().rfind("\r\n").unwrap() + 2;
        place.write("in-annexa/results.spreadsheet.csv", &rows[..end]);
        fix_manifest(place);
    }),
    tampering("the Parquet file of other rows", Check::Forms, |place| {
        // As an export of tampered results has it.
        let results = place.read("in-annexa/results.csv");
        set_cell(place, 2, 0, "product_problem_confidence", "0.9999");
        fix_manifest(place);
        fs::remove_file(place.path("in-annexa/results.parquet")).unwrap();
        let ran = place.annexa(&["export", "in-annexa", "--format", "parquet"]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        place.write("in-annexa/results.csv", results);
        fix_manifest(place);
    }),
    tampering("a form is gone", Check::Forms, |place| {
        fs::remove_file(place.path("in-annexa/results.parquet")).unwrap();
    }),
    tampering("the input", Check::Input, |place| {
        place.write("in.csv", place.read("in.csv").replacen("THE", "A", 1));
    }),
];

/// The folder that all begin with.
fn folder() -> Place {
    let place = Place::new();
    let mut csv = sample_with(10, |number, fields| {
        if number == 6 {
            fields[1].clear();
        }
    });
    // A record that ends before the text.
    csv.push_str("11\n");
    let flags = ["--chunk-rows", "4", "--format", "parquet,jsonl,spreadsheet"];
    let (ran, results) = place.coded(csv, &flags);
    assert_eq!(ran.code, 3, "{}", ran.err);
    assert_eq!(results.get(11, "outcome"), "failed");
    assert_eq!(results.get(7, "outcome"), "empty");
    place
}

fn copy(from: &Place) -> Place {
    let place = Place::new();
    for name in from.files(".").into_keys() {
        let to = place.path(&name);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from.path(&name), to).unwrap();
    }
    place
}

#[test]
fn every_tampering_is_found_by_the_check_that_is_about_it() {
    let args = ["in-annexa", "--input", "in.csv"];
    let untouched = folder();
    let (code, checks) = verdicts(&untouched, &args);
    assert_eq!(code, 0, "untouched: {:?}", failed(&checks));
    for tampering in ALL {
        let place = copy(&untouched);
        (tampering.how)(&place);
        let (code, checks) = verdicts(&place, &args);
        let found = failed(&checks);
        assert_eq!(code, 1, "{} is not found", tampering.what);
        assert!(
            found.contains(&tampering.found_by.name()),
            "{} is found by {found:?} and not by {}",
            tampering.what,
            tampering.found_by.name()
        );
    }
}

#[test]
fn every_check_has_a_tampering_that_makes_it_fail() {
    let found: BTreeSet<&str> = ALL.iter().map(|one| one.found_by.name()).collect();
    let all: BTreeSet<&str> = Check::ALL.iter().map(|check| check.name()).collect();
    assert_eq!(found, all);
}

#[test]
fn i10_what_is_said_names_rows_and_quotes_nothing() {
    let place = folder();
    for (column, secret) in [
        ("mdr_text", "SECRET-TEXT"),
        ("outcome", "SECRET-OUTCOME"),
        ("review", "SECRET-REASON"),
        ("product_problem_code", "SECRET-CODE"),
        ("cost_usd", "SECRET-COST"),
    ] {
        set_cell(&place, 2, 0, column, secret);
    }
    fix_manifest(&place);
    let ran = place.annexa(&["verify", "in-annexa", "--input", "in.csv"]);
    assert_eq!(ran.code, 1);
    assert!(ran.out.contains("row 2"), "{}", ran.out);
    assert!(
        !ran.out.contains("SECRET") && !ran.err.contains("SECRET"),
        "{}{}",
        ran.out,
        ran.err
    );
}
