//! The page in headless chromium: browser.py opens it narrow and wide, light and dark, on paper and without script.

use std::process::Command;

use crate::cli::harness::{Place, sample};
use crate::tools;

/// Has a browser check the page in `folder`; what it measured is printed.
fn check(place: &Place, folder: &str, kind: &str) {
    let output = Command::new(tools::python())
        .arg("-B")
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/it/report/browser.py"
        ))
        .arg(tools::chromium())
        .arg(place.path(folder))
        .arg(kind)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn the_page_of_the_example_holds_in_a_real_browser_at_every_width_theme_and_on_paper() {
    let place = Place::new();
    place.coded(sample(500), &[]);
    check(&place, "in-annexa", "whole");
}

#[test]
fn markup_in_every_column_stays_text_in_a_real_browser() {
    let place = Place::new();
    let bad = "<script>window.pwned=1</script><img src=x onerror='window.pwned=1'><svg onload=window.pwned=1></style>";
    let quoted = bad.replace('"', "\"\"");
    let mut input = format!("id,mdr_text,\"{quoted}\",\"</title>{quoted}\"\n");
    for row in 0..40 {
        input += &format!(
            "\"{row} {quoted}\",\"THE PATIENT HAD A STROKE. {quoted} THE VALVE WAS IMPLANTED {row}\",\"javascript:{row} -->\",\"<b id=pwned>{}</b>\"\n",
            row % 3
        );
    }
    // A record that fails, and one that does not fit.
    input += &format!("\"{quoted}\"\n1,{bad},x,y,{bad}\n");
    place.coded(input, &[]);
    check(&place, "in-annexa", "hostile");
}

#[test]
fn the_page_of_a_job_without_any_coded_row_holds_too() {
    let place = Place::new();
    place.coded("id,mdr_text\n1,\n2,\n", &[]);
    check(&place, "in-annexa", "bare");
}
