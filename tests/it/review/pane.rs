//! A terminal that a test types into: tmux with a server of its own, whose socket lies in the test's folder.

use std::process::{Command, Output};
use std::time::Duration;

use crate::cli::harness::Place;
use crate::cli::process::pause;
use crate::tools;

/// Looks until a screen that does not come is a hang.
const LOOKS: u32 = 12_000;

/// A program in a terminal; it ends with its test.
pub(crate) struct Pane<'p> {
    place: &'p Place,
    socket: String,
}

impl<'p> Pane<'p> {
    /// Starts `annexa` with `args` in a terminal of this size.
    pub(crate) fn start(place: &'p Place, size: (u16, u16), args: &[&str]) -> Pane<'p> {
        Pane::start_with(place, size, &[], args)
    }

    /// As [`Pane::start`]; `before` are settings of the environment, or a program that starts ours.
    pub(crate) fn start_with(
        place: &'p Place,
        (width, height): (u16, u16),
        before: &[&str],
        args: &[&str],
    ) -> Pane<'p> {
        let socket = (0..)
            .map(|n| format!("tmux-{n}"))
            .find(|name| !place.path(name).exists());
        let pane = Pane {
            place,
            socket: socket.expect("there is always a next number"),
        };
        // What the program leaves stays in sight.
        place.write(
            "tmux.conf",
            "set -g remain-on-exit on\nset -g default-terminal screen\n",
        );
        let (width, height) = (width.to_string(), height.to_string());
        let home = format!("HOME={}", place.path("home").display());
        let program = assert_cmd::cargo::cargo_bin!("annexa")
            .display()
            .to_string();
        let session = ["new-session", "-d", "-x", &width, "-y", &height];
        let path = format!("PATH={}", std::env::var("PATH").unwrap_or_default());
        let environment = ["env", "-i", "TERM=screen", "USER=eva", &home, &path];
        // A shell notes how the program ended: tmux 3.3a forgets it now and then.
        let noting = format!("\"$@\"; echo $? > {}", code_of(&pane.socket));
        let shell = ["sh", "-c", &noting, "sh", "env"];
        let started = [
            &session[..],
            &environment,
            &shell,
            before,
            &[&program],
            args,
        ];
        pane.tmux(&started.concat());
        pane
    }

    fn try_tmux(&self, args: &[&str]) -> Output {
        let mut tmux = Command::new(tools::tmux());
        tmux.current_dir(self.place.root()).env_remove("TMUX");
        tmux.args(["-u", "-f", "tmux.conf", "-S", &self.socket])
            .args(args);
        tmux.output().unwrap()
    }

    fn tmux(&self, args: &[&str]) -> String {
        let done = self.try_tmux(args);
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "tmux {args:?}: {said}");
        String::from_utf8(done.stdout).unwrap()
    }

    /// Presses keys by their names, as tmux has them.
    pub(crate) fn press(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    /// Types a text.
    pub(crate) fn types(&self, text: &str) {
        self.tmux(&["send-keys", "-l", text]);
    }

    /// Another size.
    pub(crate) fn resize(&self, (width, height): (u16, u16)) {
        let (width, height) = (width.to_string(), height.to_string());
        self.tmux(&["resize-window", "-x", &width, "-y", &height]);
    }

    /// What stands on the screen.
    pub(crate) fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// Waits until all of `parts` stand on the screen, and gives it.
    pub(crate) fn wait_for(&self, parts: &[&str]) -> String {
        let mut screen = String::new();
        for _ in 0..LOOKS {
            screen = self.screen();
            if parts.iter().all(|part| screen.contains(part)) {
                return screen;
            }
            pause(Duration::from_millis(10));
        }
        panic!("hangs: {parts:?} does not come on the screen:\n{screen}");
    }

    /// The program's process.
    pub(crate) fn process(&self) -> String {
        child_of(&self.of_pane("#{pane_pid}"))
    }

    fn of_pane(&self, what: &str) -> String {
        self.tmux(&["display-message", "-p", what])
            .trim()
            .to_string()
    }

    /// Waits for the program's end; its exit code (of a signal 128 and its number), and what it left on the screen.
    pub(crate) fn end(self) -> (String, String) {
        for _ in 0..LOOKS {
            if self.of_pane("#{pane_dead}") == "1" {
                // tmux has moved it up by the line that says so.
                let left = self.tmux(&["capture-pane", "-p", "-S", "-"]);
                let code = self.place.read(&code_of(&self.socket));
                return (code.trim().to_string(), left);
            }
            pause(Duration::from_millis(10));
        }
        panic!("hangs: the program does not end:\n{}", self.screen());
    }
}

/// The file that says how the program behind a socket ended.
fn code_of(socket: &str) -> String {
    format!("{socket}.code")
}

/// The one child of a process.
pub(crate) fn child_of(process: &str) -> String {
    let found = Command::new("pgrep").args(["-P", process]).output();
    let found = String::from_utf8(found.unwrap().stdout).unwrap();
    let child = found.trim().to_string();
    assert!(
        child.parse::<u32>().is_ok(),
        "children of {process}: '{child}'"
    );
    child
}

impl Drop for Pane<'_> {
    fn drop(&mut self) {
        self.try_tmux(&["kill-server"]);
    }
}
