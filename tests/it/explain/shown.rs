//! What people read on a terminal does not steer it, whatever stands in a report or in an id.

use crate::cli::harness::{Place, TEXT};

/// What a terminal would take as an order, or read in another direction.
const STEERING: [char; 5] = ['\u{1b}', '\u{7}', '\u{9b}', '\u{202e}', '\r'];

#[test]
fn i10_nothing_in_a_report_or_an_id_steers_the_terminal() {
    let place = Place::new();
    let text = TEXT.replace(' ', "\u{1b}\u{9b}\u{202e} ");
    let id = "\u{1b}]0;x\u{7}\u{9b}31m\u{202e}\r\nrow 2 of another";
    let input = format!("id,mdr_text\n\"{id}\",\"{text}\r\n{text}\"\n");
    let (ran, results) = place.coded(&input, &[]);
    assert_eq!(results.get(1, "id"), id, "the results have it as it was");
    let explained =
        |flags: &[&str]| place.annexa(&[&["explain", "in-annexa", "1"], flags].concat());
    let shown = [
        ran.out,
        ran.err,
        explained(&[]).out,
        explained(&["--no-text"]).out,
        place
            .annexa(&["review", "in-annexa", "--list", "--all"])
            .out,
        place.annexa(&["status", "in-annexa"]).out,
    ];
    for text in shown {
        assert!(!text.contains(STEERING), "{text:?}");
        assert!(!text.contains("\nrow 2 of another"), "{text:?}");
    }
    let json: serde_json::Value = serde_json::from_str(&explained(&["--json"]).out).unwrap();
    assert_eq!(json["id"], id);
}
