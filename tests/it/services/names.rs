//! The image has one file under four names: each name is its program.

#![cfg(unix)]

use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Command, Output};

use super::place::program;

/// What a program answers to some words.
fn answer(mut program: Command, words: &[&str]) -> Output {
    program.args(words).output().expect("the program starts")
}

#[test]
fn under_a_services_name_the_one_program_is_that_service() {
    let folder = tempfile::tempdir().unwrap();
    // A program without configuration, called by another name.
    let linked = |name: &str| {
        let link: PathBuf = folder.path().join(name);
        if !link.exists() {
            symlink(program("annexa").get_program(), &link).unwrap();
        }
        let mut linked = Command::new(link);
        linked.env_clear().env("AWS_EC2_METADATA_DISABLED", "true");
        linked
    };
    for name in ["annexa-splitter", "annexa-worker", "annexa-aggregator"] {
        // Its help, its version, what it says of a missing configuration, and of a health check without a port.
        for words in [&["--help"][..], &["--version"], &[], &["health"]] {
            let (found, own) = (answer(linked(name), words), answer(program(name), words));
            assert_eq!(found, own, "{name} {words:?}");
            let said = [&own.stdout[..], &own.stderr].concat();
            let said = String::from_utf8(said).unwrap();
            assert!(said.contains(name), "{name} {words:?}: {said}");
        }
    }
    let version = &["--version"][..];
    let found = answer(linked("coder"), version);
    assert_eq!(found, answer(program("annexa"), version));
    assert!(found.status.success());
}
