//! A reader that has enough (`annexa ... | head -1`) is no error, and never a panic.

use std::process::Stdio;

use super::harness::{Place, sample};

/// Runs with a stdout or stderr whose reader is gone before the program writes.
fn unread(place: &Place, args: &[&str], stderr_too: bool) -> (Option<i32>, String) {
    let mut program = place.program();
    program
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = program.spawn().unwrap();
    drop(child.stdout.take());
    if stderr_too {
        drop(child.stderr.take());
    }
    let output = child.wait_with_output().unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn commands_that_print_are_quiet_when_nobody_reads() {
    let place = Place::new();
    place.write("in.csv", sample(3));
    for args in [
        &["terms", "search", "catheter", "--limit", "1000"][..],
        &["terms", "show", "A0401"],
        &["generate", "man"],
        &["generate", "completions", "bash"],
        &["split", "in.csv", "--dry-run"],
    ] {
        let (code, err) = unread(&place, args, false);
        assert_eq!((code, err.as_str()), (Some(0), ""), "{args:?}");
    }
}

#[test]
fn a_run_that_nobody_reads_still_does_its_work() {
    let place = Place::new();
    place.write("in.csv", sample(3));
    for (out, flags) in [("plain", &[][..]), ("json", &["--json"])] {
        let args = [&["run", "in.csv", "--out", out], flags].concat();
        // The second time it only says that it is done.
        for _ in 0..2 {
            let (code, err) = unread(&place, &args, false);
            assert_eq!(code, Some(0), "{err}");
            assert!(!err.contains("panicked"), "{err}");
        }
        assert_eq!(place.results(out).len(), 3);
    }
    let (code, _) = unread(&place, &["run", "in.csv", "--out", "neither"], true);
    assert_eq!(code, Some(0), "stderr without a reader ends no work");
    assert_eq!(place.results("neither").len(), 3);
    let (code, _) = unread(&place, &["run", "no.csv"], true);
    assert_eq!(code, Some(64));
}
