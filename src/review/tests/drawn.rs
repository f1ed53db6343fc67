//! What stands on the screen, without colours, at a small and at a large size.

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::Modifier;

use super::*;

const SMALL: (u16, u16) = (80, 24);
const LARGE: (u16, u16) = (160, 48);

fn terminal(desk: &mut Desk, (width, height): (u16, u16)) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal
        .draw(|frame| draw::draw(frame, &mut desk.session))
        .unwrap();
    terminal
}

fn screen(desk: &mut Desk, size: (u16, u16)) -> String {
    terminal(desk, size).backend().to_string()
}

#[test]
fn a_row_at_80_by_24() {
    let mut desk = Desk::new(&[3, 5, 8], &[3]);
    insta::assert_snapshot!(screen(&mut desk, SMALL));
}

#[test]
fn a_row_at_160_by_48() {
    let mut desk = Desk::new(&[3, 5, 8], &[3]);
    insta::assert_snapshot!(screen(&mut desk, LARGE));
}

#[test]
fn a_search_at_80_by_24() {
    let mut desk = Desk::new(&[3, 5, 8], &[3]);
    desk.types("cpbreak");
    desk.keys(&[KeyCode::Tab]);
    desk.types("crack");
    insta::assert_snapshot!(screen(&mut desk, SMALL));
}

#[test]
fn a_changed_row_at_160_by_48() {
    let mut desk = Desk::new(&[3, 5, 8], &[3]);
    desk.types("cpA0404");
    desk.keys(&[KeyCode::Enter, KeyCode::Enter, KeyCode::Left]);
    desk.types("c");
    insta::assert_snapshot!(screen(&mut desk, LARGE));
}

#[test]
fn the_keys_are_on_the_screen_and_on_a_page() {
    let mut desk = Desk::new(&[1], &[]);
    for size in [SMALL, LARGE] {
        let shown = screen(&mut desk, size);
        for key in [
            "a accept", "c change", "m mark", "n note", "u undo", "? keys", "q quit",
        ] {
            assert!(shown.contains(key), "{key} in {shown}");
        }
    }
    desk.types("?");
    insta::assert_snapshot!(screen(&mut desk, SMALL));
}

#[test]
fn evidence_is_underlined_in_the_text_and_said_to_be_missing_where_it_is_not() {
    let mut desk = Desk::new(&[1], &[]);
    let terminal = terminal(&mut desk, LARGE);
    let buffer = terminal.backend().buffer();
    let half = buffer.area.width / 2;
    let mut underlined = String::new();
    for y in 0..buffer.area.height {
        for x in 0..half {
            let cell = &buffer[(x, y)];
            if cell.modifier.contains(Modifier::UNDERLINED) {
                underlined.push_str(cell.symbol());
            }
        }
    }
    assert_eq!(
        underlined,
        "THE CATHETER TIP BROKE OFFBLEEDING AT THE ACCESS SITE"
    );
    let said = terminal.backend().to_string();
    assert!(said.contains("evidence NOT in the text: \"the hub came loose\""));
}

#[test]
fn a_row_comes_up_with_its_evidence_in_sight() {
    let mut desk = Desk::new(&[1], &[]);
    let mut long = row(1);
    let before = "NOTHING OF NOTE WAS REPORTED HERE. ".repeat(100);
    let text = format!("{before}{}", long.text);
    for code in long.answers.iter_mut().flat_map(|answer| &mut answer.codes) {
        code.marks = marks(&text, &code.evidence);
    }
    long.sent = 0..text.len();
    long.text = text;
    desk.session.show(0, long, Vec::new(), None);
    let shown = screen(&mut desk, SMALL);
    assert!(shown.contains("CATHETER"), "{shown}");
    desk.keys(&[KeyCode::Home]);
    assert!(!screen(&mut desk, SMALL).contains("CATHETER"));
    desk.keys(&[KeyCode::End]);
    assert!(screen(&mut desk, SMALL).contains("THE CAUSE IS NOT KNOWN"));
}

#[test]
fn any_size_can_be_drawn_and_nothing_in_a_report_steers_the_terminal() {
    let mut desk = Desk::new(&[1], &[]);
    let mut odd = row(1);
    odd.text = "\u{1b}[2J\u{202e}\u{4e2d}\u{6587} \u{1f600}\t\u{0}".repeat(40);
    odd.sent = 0..odd.text.len();
    odd.id = "\u{1b}]0;x\u{7}".into();
    let marks = &mut odd.answers[0].codes[0].marks;
    marks.clear();
    marks.push(4..7);
    desk.session.show(0, odd, near(), None);
    for open in ["", "c", "p", "break"] {
        desk.types(open);
        for width in [1, 2, 5, 20, 79, 119, 120, 300] {
            for height in [1, 2, 3, 6, 12, 29, 30, 60] {
                // As when the row has just come up.
                desk.session.scroll[0] = usize::MAX;
                let terminal = terminal(&mut desk, (width, height));
                let cells = terminal.backend().buffer().content();
                let unsafe_cell = cells
                    .iter()
                    .find(|cell| cell.symbol().contains(char::is_control));
                assert_eq!(unsafe_cell, None);
            }
        }
    }
}
