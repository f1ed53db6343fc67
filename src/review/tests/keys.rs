//! What keys do.

use super::*;

fn draft(verdict: Verdict, product: &[&str], patient: &[&str], note: &str) -> Draft {
    let list = |codes: &[&str]| codes.iter().map(|code| code.to_string()).collect();
    Draft {
        verdict,
        codes: [list(product), list(patient)],
        note: note.into(),
    }
}

#[test]
fn a_review_begins_at_the_first_row_without_a_decision_and_goes_on_to_the_next() {
    let mut desk = Desk::new(&[3, 5, 8, 9], &[3, 8]);
    assert_eq!(desk.row(), 5);
    desk.types("a");
    assert_eq!(
        desk.decisions[&5],
        draft(Verdict::Accepted, &["A0401"], &["E0506"], "")
    );
    assert_eq!(desk.row(), 9);
    desk.types("A");
    assert_eq!(
        desk.decisions[&9],
        draft(Verdict::Accepted, &["A0401", "A0501"], &["E0506"], "")
    );
    // The last one: it stays in sight.
    assert_eq!((desk.row(), desk.session.said()), (9, "row 9 accepted"));
    desk.types("q");
    assert!(desk.has_quit);
}

#[test]
fn a_code_is_changed_by_searching_and_the_other_problem_keeps_its_own() {
    let mut desk = Desk::new(&[1, 2], &[]);
    desk.types("cp");
    desk.types("detachment of device or device component");
    desk.keys(&[KeyCode::Enter]);
    assert_eq!(desk.row(), 1, "nothing is kept before it is said");
    desk.keys(&[KeyCode::Enter]);
    assert_eq!(
        desk.decisions[&1],
        draft(Verdict::Changed, &["A0501"], &["E0506"], "")
    );
    assert_eq!(desk.row(), 2);
}

#[test]
fn several_codes_can_be_taken_and_taken_off_again() {
    let mut desk = Desk::new(&[1], &[]);
    desk.types("cpA0402");
    desk.keys(&[KeyCode::Tab]);
    desk.types("A24");
    desk.keys(&[KeyCode::Tab, KeyCode::Backspace]);
    desk.types("a26");
    desk.keys(&[KeyCode::Tab, KeyCode::Enter, KeyCode::Enter]);
    assert_eq!(
        desk.decisions[&1],
        draft(Verdict::Changed, &["A0402", "A26"], &["E0506"], "")
    );
}

#[test]
fn where_nothing_is_typed_what_was_suggested_in_any_way_is_on_offer() {
    let mut desk = Desk::new(&[1], &[]);
    desk.types("cp");
    let Mode::Change(change) = desk.session.mode() else {
        panic!("a change is open");
    };
    let hits = &change.search.as_ref().unwrap().hits;
    let terms = TermTable::builtin();
    let below = terms.children("A0401");
    assert!(!below.is_empty());
    // Own, second opinion, precedents, and what lies under the heading; each once.
    let own = ["A0401", "A0501", "A0404", "A0413"].into_iter();
    let expected: Vec<&str> = own.chain(below.iter().map(|term| term.code())).collect();
    assert_eq!(*hits, expected);
    desk.keys(&[KeyCode::Down, KeyCode::Down, KeyCode::Enter, KeyCode::Enter]);
    assert_eq!(
        desk.decisions[&1],
        draft(Verdict::Changed, &["A0501"], &["E0506"], "")
    );
}

#[test]
fn only_terms_that_may_be_chosen_for_the_problem_are_found() {
    let terms = TermTable::builtin();
    for (letter, problem) in [('p', Problem::Product), ('t', Problem::Patient)] {
        let mut desk = Desk::new(&[1], &[]);
        desk.types("c");
        desk.press(key(KeyCode::Char(letter)));
        desk.types("bre");
        let Mode::Change(change) = desk.session.mode() else {
            panic!("a change is open");
        };
        let hits = &change.search.as_ref().unwrap().hits;
        assert!(!hits.is_empty());
        for hit in hits {
            let term = terms.by_code(hit).unwrap();
            assert!(
                term.selectable() && problem.annexes().contains(&term.annex()),
                "{hit}"
            );
        }
    }
}

#[test]
fn a_change_to_what_was_suggested_is_an_acceptance() {
    let mut desk = Desk::new(&[1], &[]);
    desk.types("c");
    desk.keys(&[KeyCode::Enter]);
    assert_eq!(desk.decisions[&1].verdict, Verdict::Accepted);
}

#[test]
fn escape_leaves_a_change_without_a_trace() {
    let mut desk = Desk::new(&[1], &[]);
    desk.types("cpbreak");
    desk.keys(&[KeyCode::Esc, KeyCode::Esc]);
    assert_eq!(
        (desk.session.mode(), desk.decisions.len()),
        (&Mode::Read, 0)
    );
}

#[test]
fn a_row_that_failed_is_not_accepted_but_can_be_coded() {
    let mut desk = Desk::new(&[1], &[]);
    let mut failed = row(1);
    failed.outcome = Some(Outcome::Failed);
    failed.answers[1].codes.clear();
    desk.session.show(0, failed, Vec::new(), None);
    desk.types("a");
    assert!(desk.decisions.is_empty() && desk.session.said().contains("the row failed"));
    desk.types("ctE0506");
    desk.keys(&[KeyCode::Enter, KeyCode::Enter]);
    assert_eq!(
        desk.decisions[&1],
        draft(Verdict::Changed, &["A0401"], &["E0506"], "")
    );
}

#[test]
fn a_change_of_one_problem_says_nothing_of_the_other_unless_the_person_does() {
    let mut desk = Desk::new(&[1, 2], &[]);
    let mut failed = row(1);
    failed.outcome = Some(Outcome::Failed);
    for answer in &mut failed.answers {
        answer.codes.clear();
    }
    desk.session.show(0, failed, Vec::new(), None);
    desk.types("cpA0404");
    desk.keys(&[KeyCode::Enter, KeyCode::Enter]);
    assert!(desk.decisions.is_empty());
    assert!(
        desk.session
            .said()
            .contains("no patient code yet: t chooses")
    );
    // Any other key takes the question back.
    desk.keys(&[KeyCode::Down, KeyCode::Enter]);
    assert!(desk.decisions.is_empty());
    desk.keys(&[KeyCode::Enter]);
    assert_eq!(
        desk.decisions[&1],
        draft(Verdict::Changed, &["A0404"], &[], "")
    );
}

#[test]
fn on_a_full_disk_the_second_quit_quits_and_what_is_not_kept_is_known() {
    let control_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    for quit in [control_c, key(KeyCode::Char('q'))] {
        let mut desk = Desk::new(&[1, 2], &[]);
        desk.types("nfirst");
        desk.keys(&[KeyCode::Enter]);
        desk.is_full = true;
        desk.press(quit);
        assert!(!desk.has_quit);
        assert!(desk.session.said().starts_with("NOT done, Ctrl-C quits"));
        // Another key takes it back: the disk may have room again.
        desk.keys(&[KeyCode::Down]);
        desk.press(quit);
        assert!(!desk.has_quit);
        desk.press(quit);
        assert!(desk.has_quit && desk.decisions.is_empty());
        assert_eq!(desk.session.unkept(), Some(1));
    }
    let mut desk = Desk::new(&[1, 2], &[]);
    desk.types("nfirst");
    desk.keys(&[KeyCode::Enter]);
    desk.press(control_c);
    assert!(desk.has_quit && desk.session.unkept().is_none());
}

#[test]
fn a_mark_takes_a_note_or_none_and_no_codes() {
    let mut desk = Desk::new(&[1, 2, 3], &[]);
    desk.types("m");
    desk.keys(&[KeyCode::Enter]);
    desk.types("mask eva, again");
    desk.keys(&[KeyCode::Backspace, KeyCode::Enter]);
    assert_eq!(desk.decisions[&1], draft(Verdict::Marked, &[], &[], ""));
    assert_eq!(
        desk.decisions[&2],
        draft(Verdict::Marked, &[], &[], "ask eva, agai")
    );
    assert_eq!(desk.row(), 3);
}

#[test]
fn a_note_goes_with_the_decision_and_alone_it_marks_the_row_it_is_never_lost() {
    let mut desk = Desk::new(&[1, 2, 3], &[]);
    desk.types("nfirst");
    desk.keys(&[KeyCode::Enter]);
    desk.types("a");
    assert_eq!(desk.decisions[&1].note, "first");
    desk.types("nsecond");
    desk.keys(&[KeyCode::Enter, KeyCode::Right]);
    assert_eq!(
        desk.decisions[&2],
        draft(Verdict::Marked, &[], &[], "second")
    );
    desk.types("nthird");
    desk.keys(&[KeyCode::Enter]);
    desk.press(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL));
    assert_eq!(
        desk.decisions[&3],
        draft(Verdict::Marked, &[], &[], "third")
    );
    assert!(desk.has_quit);
}

#[test]
fn a_note_on_a_decided_row_keeps_the_decision() {
    let mut desk = Desk::new(&[1, 2], &[]);
    desk.types("a");
    desk.keys(&[KeyCode::Left]);
    desk.types("nwhy");
    desk.keys(&[KeyCode::Enter]);
    assert_eq!(
        desk.decisions[&1],
        draft(Verdict::Accepted, &["A0401"], &["E0506"], "why")
    );
    assert_eq!(desk.row(), 1);
}

#[test]
fn undo_takes_back_the_decision_shown_or_else_the_last_one_and_shows_it() {
    let mut desk = Desk::new(&[1, 2, 3], &[]);
    desk.types("aa");
    assert_eq!(desk.row(), 3);
    desk.types("u");
    assert_eq!((desk.row(), desk.kept.len()), (2, 1));
    desk.keys(&[KeyCode::Left]);
    desk.types("u");
    assert_eq!((desk.row(), desk.kept.len()), (1, 0));
    desk.types("u");
    assert!(desk.session.said().contains("no decision to take back"));
}

#[test]
fn rows_are_reached_by_number_by_arrows_and_by_what_is_open() {
    let mut desk = Desk::new(&[3, 5, 8], &[5]);
    desk.types("o");
    assert_eq!(desk.row(), 8);
    desk.types("o");
    assert_eq!(desk.row(), 3, "it begins again at the top");
    desk.keys(&[KeyCode::Left]);
    assert_eq!(
        (desk.row(), desk.session.said()),
        (3, "this is the first row to review")
    );
    desk.types("g8");
    desk.keys(&[KeyCode::Enter]);
    assert_eq!(desk.row(), 8);
    desk.types("g4");
    desk.keys(&[KeyCode::Enter]);
    assert!(desk.row() == 8 && desk.session.said().contains("row 4 is not among"));
    desk.types("gx");
    desk.keys(&[KeyCode::Enter]);
    assert!(desk.session.said().contains("number is expected"));
}

#[test]
fn letters_that_are_typed_decide_nothing() {
    let mut desk = Desk::new(&[1, 2], &[]);
    for open in ["n", "m", "g", "cp"] {
        desk.types(open);
        desk.types("aAumq");
        desk.keys(&[KeyCode::Esc, KeyCode::Esc]);
    }
    desk.types("?q");
    assert!(desk.decisions.is_empty() && !desk.has_quit);
}
