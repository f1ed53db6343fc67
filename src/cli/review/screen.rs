//! The screen: keys from the terminal to the session, and what the session wants done.

use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyEventKind};

use crate::adapters::local::clock::SystemClock;
use crate::adapters::signals::StopLooks;
use crate::cli::exit;
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
/// Time between two looks for a signal while no key comes.
const SIGNAL_EVERY: Duration = Duration::from_millis(200);
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

/// Reviews until the person quits, or a signal comes; what to say behind it, and the exit code.
pub(super) fn run(
    session: Session,
    log: DecisionLog,
    outputs: &Outputs,
    precedents: &Arc<Precedents>,
    reviewer: String,
) -> anyhow::Result<(String, u8)> {
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
    // From here on a signal does not end the process by itself, which would leave the terminal as the screen needs it.
    let walked = StopLooks::listen()
        .map_err(anyhow::Error::from)
        .and_then(|mut stop| screen.walk(&mut terminal, &mut stop));
    ratatui::restore();
    let code = walked?;
    let folded = screen.log.fold();
    if let Some(row) = screen.session.unkept() {
        bail!(
            "the note on row {row} could not be written and is NOT kept; {}",
            screen.summary()
        );
    }
    folded?;
    Ok((screen.summary(), code))
}

impl Screen<'_> {
    fn walk(&mut self, terminal: &mut DefaultTerminal, stop: &mut StopLooks) -> anyhow::Result<u8> {
        loop {
            terminal.draw(|frame| draw::draw(frame, &mut self.session))?;
            while !event::poll(SIGNAL_EVERY)? {
                if stop.came() {
                    // Nobody is there to read what could not be done: a note that is not kept is said behind it.
                    for effect in self.session.stop() {
                        if self.apply(effect).is_err() {
                            break;
                        }
                    }
                    return Ok(exit::INTERRUPTED);
                }
            }
            let Event::Key(key) = event::read()? else {
                // A new size: drawn anew.
                continue;
            };
            if key.kind == KeyEventKind::Release {
                continue;
            }
            for effect in self.session.key(key, self.log.newest()) {
                if effect == Effect::Quit {
                    return Ok(exit::OK);
                }
                if let Err(error) = self.apply(effect) {
                    // What was decided before stands; this was not done, and the row stays.
                    self.session.failed(&format!("{error:#}"));
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
