//! Looking again and again: a screen that is drawn in place on a terminal, a line for each change elsewhere.

use std::io::Write;
use std::time::Duration;

use super::{Look, Shown, Source};
use crate::control::status::pace::{Pace, Speed, time_left};
use crate::control::status::words;
use crate::ports::Clock;
use crate::shown::cut;

/// Time between two looks while things change.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Time between two looks when nothing has changed for long: each costs a read or two.
const LOOK_AT_LEAST_EVERY: Duration = Duration::from_secs(15);
/// After so long without a change a line is printed all the same.
const QUIET: Duration = Duration::from_secs(30);

/// How long to wait between looks: less often the longer nothing changes.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) struct Pauses(Duration);

impl Default for Pauses {
    fn default() -> Pauses {
        Pauses(LOOK_EVERY)
    }
}

impl Pauses {
    /// The pause behind a look that found something new, or nothing.
    pub(in crate::cli) fn next(&mut self, is_new: bool) -> Duration {
        self.0 = match is_new {
            true => LOOK_EVERY,
            false => (self.0 * 3 / 2).min(LOOK_AT_LEAST_EVERY),
        };
        self.0
    }
}

/// Looks until the job has ended, and gives the last look.
pub(super) async fn until_over(
    source: &mut Source<'_>,
    clock: &dyn Clock,
    is_json: bool,
    is_screen: bool,
    out: &mut dyn Write,
) -> anyhow::Result<Look> {
    let mut pace = Pace::default();
    let mut screen = Screen::default();
    let (mut last, mut said, mut pauses) = (None, Duration::ZERO, Pauses::default());
    loop {
        let look = source.look().await?;
        if look.status.is_over() {
            screen.clear(out)?;
            return Ok(look);
        }
        let now = clock.monotonic();
        let speed = pace.look(now, &look.status);
        let seen = look.status.clone();
        let is_new = last.as_ref() != Some(&seen);
        if is_screen && !is_json {
            let lines = words::screen(
                &look.status,
                &speed,
                look.work.as_ref(),
                pace.still_for(now),
            );
            screen.draw(out, &lines)?;
        } else if is_new || now.saturating_sub(said) >= QUIET {
            match is_json {
                true => writeln!(out, "{}", as_json(&look, &speed)?)?,
                false => writeln!(out, "{}", words::line(&look.status, &speed))?,
            }
            out.flush()?;
            said = now;
        }
        last = Some(seen);
        clock.sleep(pauses.next(is_new)).await;
    }
}

fn as_json(look: &Look, speed: &Speed) -> serde_json::Result<String> {
    let left = time_left(&look.status, speed.rows_per_second);
    serde_json::to_string(&Shown {
        rows_per_second: speed.rows_per_second,
        seconds_left: left.map(|left| left.as_secs()),
        tokens_per_minute: speed.tokens_per_minute,
        ..Shown::new(look, &[])
    })
}

/// Some lines at the end of a terminal, drawn over the ones before (ECMA-48: CUU, CR, ED).
#[derive(Debug, Default)]
pub(in crate::cli) struct Screen {
    drawn: usize,
}

impl Screen {
    /// Draws `lines`, each cut where the terminal ends: a line that wraps would be two, and could not be drawn over.
    pub(in crate::cli) fn draw(
        &mut self,
        out: &mut dyn Write,
        lines: &[String],
    ) -> std::io::Result<()> {
        let size = ratatui::crossterm::terminal::size();
        let (columns, rows) =
            size.map_or((80, 24), |(columns, rows)| (columns.max(20), rows.max(4)));
        self.erase(out)?;
        // What does not fit a screen cannot be drawn over either.
        for line in lines.iter().take(usize::from(rows) - 1) {
            writeln!(out, "{}", cut(line, usize::from(columns) - 1))?;
            self.drawn += 1;
        }
        out.flush()
    }

    /// Takes them away.
    pub(in crate::cli) fn clear(&mut self, out: &mut dyn Write) -> std::io::Result<()> {
        self.erase(out)?;
        out.flush()
    }

    fn erase(&mut self, out: &mut dyn Write) -> std::io::Result<()> {
        match std::mem::take(&mut self.drawn) {
            0 => Ok(()),
            drawn => write!(out, "\x1b[{drawn}A\r\x1b[J"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_change_is_looked_at_less_and_less_often() {
        let mut pauses = Pauses::default();
        assert_eq!(pauses.next(true), LOOK_EVERY);
        let quiet: Vec<u64> = (0..8).map(|_| pauses.next(false).as_secs()).collect();
        assert_eq!(quiet, [3, 4, 6, 10, 15, 15, 15, 15]);
        assert_eq!(pauses.next(true), LOOK_EVERY);
    }

    #[test]
    fn a_screen_is_drawn_over_the_one_before() {
        let (mut screen, mut out) = (Screen::default(), Vec::new());
        let lines =
            |words: &[&str]| -> Vec<String> { words.iter().map(|w| w.to_string()).collect() };
        screen.draw(&mut out, &lines(&["a", "b"])).unwrap();
        screen.draw(&mut out, &lines(&["c"])).unwrap();
        screen.clear(&mut out).unwrap();
        screen.clear(&mut out).unwrap();
        let drawn = String::from_utf8(out).unwrap();
        assert_eq!(drawn, "a\nb\n\x1b[2A\r\x1b[Jc\n\x1b[1A\r\x1b[J");
    }
}
