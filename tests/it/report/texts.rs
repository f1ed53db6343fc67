//! I10: a page without texts holds no piece of any report; and the page says which of the two it is.

use std::collections::HashSet;

use crate::cli::harness::{Place, sample};

/// A piece of a text this long is no accident.
const PIECE: usize = 24;

/// Texts of all reports of `results.csv` of which a piece stands in the page.
fn quoted(place: &Place, page: &str) -> Vec<String> {
    let page = place
        .read(page)
        .replace("&quot;", "\"")
        .replace("&amp;", "&");
    let pieces: HashSet<&[u8]> = page.as_bytes().windows(PIECE).collect();
    let results = place.results("in-annexa");
    let texts = results.column("mdr_text");
    let long = texts.iter().filter(|text| text.len() > PIECE).count();
    assert!(long * 10 > texts.len() * 9, "{long} texts have pieces");
    let is_quoted = |text: &&&str| {
        text.as_bytes()
            .windows(PIECE)
            .any(|piece| pieces.contains(piece))
    };
    texts
        .iter()
        .filter(is_quoted)
        .map(|text| text.to_string())
        .collect()
}

#[test]
fn i10_without_texts_the_page_holds_no_piece_of_any_report() {
    let place = Place::new();
    place.coded(sample(200), &[]);
    assert!(
        !quoted(&place, "in-annexa/report.html").is_empty(),
        "the page with texts quotes some"
    );
    let ran = place.annexa(&["report", "in-annexa", "--no-text"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("report.no-text.html") && ran.out.contains("without report text"));
    assert_eq!(quoted(&place, "in-annexa/report.no-text.html"), [""; 0]);
    let said = |page: &str, what: &str| place.read(page).contains(what);
    assert!(said("in-annexa/report.html", "This page holds report text"));
    assert!(said(
        "in-annexa/report.no-text.html",
        "This page holds no report text"
    ));
}

#[test]
fn i10_a_run_without_texts_writes_the_first_page_without_and_a_rebuilt_one_stays_so() {
    let place = Place::new();
    place.coded(sample(100), &["--no-text"]);
    assert_eq!(place.json("in-annexa/job.json")["spec"]["no_text"], true);
    assert_eq!(quoted(&place, "in-annexa/report.html"), [""; 0]);
    let ran = place.annexa(&["report", "in-annexa", "--out", "new.html"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(place.read("new.html") == place.read("in-annexa/report.html"));
}
