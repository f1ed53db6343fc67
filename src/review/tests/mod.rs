//! Decisions on disk, the state machine, and what it looks like.

mod drawn;
mod files;
mod keys;

use std::collections::BTreeMap;

use crate::coding::evidence::marks;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::*;
use crate::core::ids::RowNo;
use crate::core::outcome::Outcome;
use crate::core::problem::Problem;
use crate::terms::TermTable;

impl Decisions for BTreeMap<RowNo, Verdict> {
    fn verdict(&self, row: RowNo) -> Option<Verdict> {
        self.get(&row).copied()
    }
}

fn decision(row: RowNo, verdict: Verdict) -> Decision {
    Decision {
        row,
        id: format!("id-{row}"),
        verdict,
        codes: match verdict {
            Verdict::Accepted => [vec!["A0401".into()], vec!["E0506".into()]],
            Verdict::Changed => [vec!["A0402".into(), "A24".into()], Vec::new()],
            _ => Default::default(),
        },
        note: "see \"B5\", again".into(),
        reviewer: "eva".into(),
        reviewed_at: format!("2026-01-02T03:04:{row:02}Z"),
        was: ["A0401".into(), "E0506".into()],
    }
}

fn code(code: &str, evidence: &str, text: &str) -> ShownCode {
    let terms = TermTable::builtin();
    ShownCode {
        code: code.into(),
        term: terms.by_code(code).unwrap().term().into(),
        confidence: "0.6110".into(),
        evidence: evidence.into(),
        rationale: "nearest coded reports: 21813912 (0.44) carry it".into(),
        marks: marks(text, evidence),
    }
}

/// A coded row with evidence in its text, and one quotation that is not.
fn row(number: RowNo) -> ShownRow {
    let text = "IT WAS REPORTED THAT THE CATHETER TIP BROKE OFF DURING THE PROCEDURE.\r\nTHE PATIENT HAD BLEEDING AT THE ACCESS SITE, \
                AND THE TIP WAS TAKEN OUT WITH A SNARE. THE DEVICE WAS NOT RETURNED FOR EVALUATION; THE CAUSE IS NOT KNOWN.";
    let text = text.to_string();
    ShownRow {
        row: number,
        id: format!("id-{number}"),
        outcome: Some(Outcome::Coded),
        reasons: vec!["low_confidence".into(), "evidence_not_found".into()],
        answers: vec![
            ShownAnswer {
                problem: Problem::Product,
                codes: vec![
                    code("A0401", "the catheter tip broke off", &text),
                    code("A0501", "the hub came loose", &text),
                ],
                second: Some((code("A0404", "", &text), "different".into())),
            },
            ShownAnswer {
                problem: Problem::Patient,
                codes: vec![code("E0506", "bleeding at the access site", &text)],
                second: None,
            },
        ],
        sent: 0..text.len(),
        text,
        error: String::new(),
    }
}

fn near() -> Vec<Near> {
    let near = |id: &str, similarity, product: &str| Near {
        id: id.into(),
        similarity,
        codes: [vec![product.into()], vec!["E0506".into(), "E2401".into()]],
        text: "THE TIP OF THE CATHETER DETACHED WHILE IT WAS WITHDRAWN. NO FRAGMENT WAS LEFT."
            .into(),
    };
    vec![
        near("20991231", 0.412, "A0501"),
        near("21000007", 0.377, "A0413"),
    ]
}

fn walk(rows: &[RowNo]) -> Walk {
    let stop = |row: &RowNo| Stop {
        row: *row,
        byte: *row * 100,
    };
    Walk::of_stops(rows.iter().map(stop).collect())
}

fn key(code: KeyCode) -> KeyEvent {
    KeyEvent::new(code, KeyModifiers::NONE)
}

/// A session with what stands outside of it: rows come up, decisions are kept.
struct Desk {
    session: Session,
    kept: BTreeMap<RowNo, Verdict>,
    decisions: BTreeMap<RowNo, Draft>,
    has_quit: bool,
    /// Nothing can be written.
    is_full: bool,
}

impl Desk {
    fn new(rows: &[RowNo], kept: &[RowNo]) -> Desk {
        let kept: BTreeMap<RowNo, Verdict> =
            kept.iter().map(|row| (*row, Verdict::Accepted)).collect();
        let job = Job {
            id: "job-0123456789abcdef0123".into(),
            reviewer: "eva".into(),
            precedents: "built-in".into(),
        };
        let session = Session::new(job, TermTable::builtin(), walk(rows), None, &kept);
        let mut desk = Desk {
            session,
            kept,
            decisions: BTreeMap::new(),
            has_quit: false,
            is_full: false,
        };
        desk.go(desk.session.at());
        desk
    }

    fn go(&mut self, at: usize) {
        let number = self.session.walk().stops()[at].row;
        let shown = self.decision(number);
        self.session.show(at, row(number), near(), shown);
    }

    fn decision(&self, number: RowNo) -> Option<Decision> {
        let verdict = *self.kept.get(&number)?;
        let draft = self.decisions.get(&number);
        Some(Decision {
            codes: draft.map_or_else(Default::default, |draft| draft.codes.clone()),
            note: draft.map_or_else(String::new, |draft| draft.note.clone()),
            ..decision(number, verdict)
        })
    }

    fn press(&mut self, pressed: KeyEvent) {
        for effect in self.session.key(pressed, &self.kept) {
            match effect {
                Effect::Go(at) => self.go(at),
                Effect::Decide(_) | Effect::Undo(_) if self.is_full => {
                    self.session.failed("no space left on device");
                    break;
                }
                Effect::Decide(draft) => {
                    let number = self.row();
                    self.kept.insert(number, draft.verdict);
                    self.decisions.insert(number, draft);
                    let kept = self.decision(number).unwrap();
                    self.session.decided(kept);
                }
                Effect::Undo(number) => {
                    self.kept.remove(&number);
                    self.session.undone(number);
                }
                Effect::Quit => self.has_quit = true,
            }
        }
    }

    fn keys(&mut self, codes: &[KeyCode]) {
        for code in codes {
            self.press(key(*code));
        }
    }

    /// Types letters.
    fn types(&mut self, text: &str) {
        for letter in text.chars() {
            self.press(key(KeyCode::Char(letter)));
        }
    }

    /// The row that is shown.
    fn row(&self) -> RowNo {
        self.session.row().unwrap().row
    }
}
