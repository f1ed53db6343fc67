//! The screen: keys from the terminal to the session, and what the session wants done.

use std::sync::Arc;

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyEventKind};

use crate::adapters::local::clock::SystemClock;
use crate::core::problem::Problem;
use crate::outputs::{Outputs, StoredRows};
use crate::ports::Clock;
use crate::precedents::corpus::fold;
use crate::precedents::{Precedents, is_same};
use crate::report::summary::rfc3339;
use crate::review::{
    Decision, DecisionLog, Draft, Effect, Near, Session, ShownRow, Undo, Verdict, draw,
};

/// Coded reports that are shown beside a row.
const NEAREST: usize = 10;
/// Reports that are looked at for each one that is shown: texts come again and again.
const LOOKED_AT: usize = 3;
/// Characters of their texts.
const NEAR_CHARS: usize = 240;

/// What the screen works on.
struct Screen<'o> {
    session: Session,
    log: DecisionLog,
    outputs: &'o Outputs,
    rows: StoredRows<'o>,
    precedents: &'o Arc<Precedents>,
    reviewer: String,
    clock: SystemClock,
}

/// Reviews until the person quits; what to say behind it.
pub(super) fn run(
    session: Session,
    log: DecisionLog,
    outputs: &Outputs,
    precedents: &Arc<Precedents>,
    reviewer: String,
) -> anyhow::Result<String> {
    let mut screen = Screen {
        session,
        log,
        outputs,
        rows: outputs.rows()?,
        precedents,
        reviewer,
        clock: SystemClock::new(),
    };
    screen.go(screen.session.at())?;
    // Also a panic gives the terminal back: the hook that is set here sees to it.
    let mut terminal = ratatui::try_init()?;
    let walked = screen.walk(&mut terminal);
    ratatui::restore();
    walked?;
    screen.log.fold()?;
    Ok(screen.summary())
}

impl Screen<'_> {
    fn walk(&mut self, terminal: &mut DefaultTerminal) -> anyhow::Result<()> {
        loop {
            terminal.draw(|frame| draw::draw(frame, &mut self.session))?;
            let Event::Key(key) = event::read()? else {
                // A new size: drawn anew.
                continue;
            };
            if key.kind == KeyEventKind::Release {
                continue;
            }
            for effect in self.session.key(key, self.log.newest()) {
                if effect == Effect::Quit {
                    return Ok(());
                }
                if let Err(error) = self.apply(effect) {
                    // What was decided before stands; this was not done, and the row stays.
                    self.session.say(format!("NOT done: {error:#}"));
                    break;
                }
            }
        }
    }

    fn apply(&mut self, effect: Effect) -> anyhow::Result<()> {
        match effect {
            Effect::Go(at) => self.go(at),
            Effect::Decide(draft) => self.decide(draft),
            Effect::Undo(row) => {
                let shown = self.session.row().filter(|shown| shown.row == row);
                let id = match (shown, self.log.decision(row)?) {
                    (Some(shown), _) => shown.id.clone(),
                    (None, Some(decision)) => decision.id,
                    (None, None) => String::new(),
                };
                self.log.undo(Undo {
                    row,
                    id,
                    reviewer: self.reviewer.clone(),
                    at: self.now(),
                })?;
                self.session.undone(row);
                Ok(())
            }
            Effect::Quit => Ok(()),
        }
    }

    fn go(&mut self, at: usize) -> anyhow::Result<()> {
        let stop = self.session.walk().stops()[at];
        self.rows.seek(stop.position())?;
        let spec = &self.outputs.owner().spec;
        let row = match self.rows.next_row()? {
            Some(stored) if stored.row() == Some(stop.row) => ShownRow::new(&stored, spec)?,
            _ => anyhow::bail!(
                "{} changed while it was read: quit, and see what writes into it",
                self.outputs.results().display()
            ),
        };
        let near = near(self.precedents, &row.text[row.sent.clone()]);
        let decision = self.log.decision(stop.row)?;
        self.session.show(at, row, near, decision);
        Ok(())
    }

    fn decide(&mut self, draft: Draft) -> anyhow::Result<()> {
        let Some(row) = self.session.row() else {
            return Ok(());
        };
        let decision = Decision {
            row: row.row,
            id: row.id.clone(),
            verdict: draft.verdict,
            codes: draft.codes,
            note: draft.note,
            reviewer: self.reviewer.clone(),
            reviewed_at: self.now(),
            was: Problem::ALL.map(|problem| row.primary(problem).to_string()),
        };
        self.log.decide(&decision)?;
        self.session.decided(decision);
        Ok(())
    }

    fn now(&self) -> String {
        rfc3339(self.clock.now_ms())
    }

    fn summary(&self) -> String {
        let newest = self.log.newest();
        let [accepted, changed, marked] =
            [Verdict::Accepted, Verdict::Changed, Verdict::Marked].map(|v| newest.count(v));
        let folder = self.outputs.folder().display();
        format!(
            "{} decisions in {folder}/reviewed.csv: {accepted} accepted, {changed} changed, {marked} marked",
            accepted + changed + marked
        )
    }
}

fn near(precedents: &Precedents, text: &str) -> Vec<Near> {
    // The report itself, where it is among them, would only say its own codes. Its copies stand in front.
    let own = fold(text);
    let found = precedents.nearest(text, NEAREST * LOOKED_AT).into_iter();
    found
        .filter(|near| !is_same(&own, &near.report.folded_text()))
        .take(NEAREST)
        .map(|near| Near {
            id: near.report.id.clone(),
            similarity: near.similarity,
            codes: Problem::ALL.map(|problem| near.report.codes(problem).to_vec()),
            text: near.report.text.chars().take(NEAR_CHARS).collect(),
        })
        .collect()
}
