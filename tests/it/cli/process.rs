//! Processes that are watched, signalled and killed while they work.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::harness::{HANG, Place, Ran};

/// What is said of every run that gets killed: small chunks and calls, so that much is in flight and little is lost.
pub const ARGS: [&str; 9] = [
    "in.csv",
    "--answers",
    "answers",
    "--chunk-rows",
    "8",
    "--batch-size",
    "2",
    "--max-workers",
    "3",
];

/// A process in the background; killed if its test ends before it.
pub struct Running {
    child: Child,
    out: PathBuf,
    err: PathBuf,
}

/// The rehearsal model's settings for a test: how slow it is, and where it notes what it is asked.
pub struct Rehearsal {
    pub latency_ms: u32,
    pub log: &'static str,
}

impl Rehearsal {
    /// Sets the model up for `program`.
    pub fn on(&self, place: &Place, program: &mut Command) {
        program.env("ANNEXA_REHEARSAL_LATENCY_MS", self.latency_ms.to_string());
        program.env("ANNEXA_REHEARSAL_LOG", place.path(self.log));
    }

    /// Starts `annexa run` in the background, held after so many calls until [`Gate::open`].
    pub fn start_held(&self, place: &Place, args: &[&str], calls: u32) -> (Running, Gate) {
        let gate = Gate::at(place, calls);
        let mut program = place.program();
        self.on(place, &mut program);
        program.env("ANNEXA_REHEARSAL_GATE", &gate.0);
        program.args(["run", "--model", "rehearsal"]).args(args);
        (Running::start_program(place, program), gate)
    }

    /// Starts `annexa run` with the rehearsal model in the background.
    pub fn start(&self, place: &Place, args: &[&str]) -> Running {
        let mut program = place.program();
        self.on(place, &mut program);
        program.args(["run", "--model", "rehearsal"]).args(args);
        Running::start_program(place, program)
    }

    /// Runs it to its end.
    pub fn run(&self, place: &Place, args: &[&str]) -> Ran {
        self.start(place, args).end()
    }

    /// The digests of the texts that were asked so far, in order.
    pub fn asked(&self, place: &Place) -> Vec<String> {
        let text = fs::read_to_string(place.path(self.log)).unwrap_or_default();
        text.lines().map(str::to_string).collect()
    }
}

/// Where a run waits, so that it can be looked at for as long as it takes.
pub struct Gate(PathBuf);

impl Gate {
    /// Lets so many calls through.
    pub fn at(place: &Place, calls: u32) -> Gate {
        let gate = Gate(place.path("gate"));
        gate.raise(calls);
        gate
    }

    /// Lets so many calls through, counted from the first.
    pub fn raise(&self, calls: u32) {
        // Nobody reads half of it.
        let next = self.0.with_extension("next");
        fs::write(&next, calls.to_string()).unwrap();
        fs::rename(next, &self.0).unwrap();
    }

    /// For the environment of the run.
    pub fn variable(&self) -> String {
        format!("ANNEXA_REHEARSAL_GATE={}", self.0.display())
    }

    /// Lets the run go on to its end.
    pub fn open(self) {
        fs::remove_file(self.0).unwrap();
    }
}

impl Running {
    /// Starts any program in the background.
    pub fn start_program(place: &Place, mut program: Command) -> Running {
        let name = |what| place.path(&format!("{what}-{}", unique()));
        let (out, err) = (name("stdout"), name("stderr"));
        program.stdin(Stdio::null());
        program.stdout(fs::File::create(&out).unwrap());
        program.stderr(fs::File::create(&err).unwrap());
        let child = program.spawn().unwrap();
        Running { child, out, err }
    }

    /// Waits until `is_so`; the process is expected to live until then.
    pub fn wait_until(&mut self, what: &str, mut is_so: impl FnMut() -> bool) {
        let running = wait(what, || is_so() || self.child.try_wait().unwrap().is_some());
        assert!(
            running && is_so(),
            "the process ended before: {what}\n{}",
            self.err()
        );
    }

    /// Waits until `is_so` or the process has ended; true: it has not.
    pub fn lives_until(&mut self, what: &str, mut is_so: impl FnMut() -> bool) -> bool {
        wait(what, || is_so() || self.child.try_wait().unwrap().is_some());
        self.child.try_wait().unwrap().is_none()
    }

    /// Where its stdout goes.
    pub fn out_path(&self) -> PathBuf {
        self.out.clone()
    }

    /// Where its stderr goes.
    pub fn err_path(&self) -> PathBuf {
        self.err.clone()
    }

    /// What stands on stderr by now.
    pub fn err(&self) -> String {
        text(&self.err)
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("sh")
            .args(["-c", &format!("kill -{name} {}", self.child.id())])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    /// SIGKILL, and its end awaited.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for the end.
    pub fn end(mut self) -> Ran {
        let mut ended: Option<ExitStatus> = None;
        wait("the process's end", || {
            ended = self.child.try_wait().unwrap();
            ended.is_some()
        });
        Ran {
            code: ended.and_then(|status| status.code()).unwrap_or(-1),
            out: text(&self.out),
            err: text(&self.err),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended long ago; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn text(path: &Path) -> String {
    let mut text = String::new();
    fs::File::open(path)
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    text
}

fn unique() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A short while, between two looks at another process.
#[expect(
    clippy::disallowed_methods,
    reason = "another process has no clock that a test could own"
)]
pub fn pause(duration: Duration) {
    std::thread::sleep(duration);
}

/// Looks until `is_so`; gives up where only a hang can be the reason.
#[expect(
    clippy::disallowed_methods,
    reason = "another process has no clock that a test could own"
)]
fn wait(what: &str, mut is_so: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < HANG, "hangs: {what}");
        pause(Duration::from_millis(2));
    }
    true
}
