//! Programs that tests drive besides our own: `tests/tools/install` puts them in place. A test that needs one fails without it;
//! none is skipped.

#![allow(
    dead_code,
    reason = "which tool a test needs is the test's own business"
)]

use std::path::PathBuf;

const INSTALL: &str = "run tests/tools/install";

/// The python that has playwright and pyarrow.
///
/// # Panics
/// It is not installed.
pub(crate) fn python() -> PathBuf {
    let own = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(own, PathBuf::from);
    let home = target.join("tools-venv");
    // The marker is written last: without it the environment is not complete.
    let is_installed = home.join("installed").is_file();
    assert!(
        is_installed,
        "{} is not complete: {INSTALL}",
        home.display()
    );
    home.join("bin/python")
}

/// The browser: the one that ANNEXA_TEST_CHROMIUM names, else `chromium` or `google-chrome` on the PATH.
///
/// # Panics
/// There is none.
pub(crate) fn chromium() -> PathBuf {
    let named = std::env::var("ANNEXA_TEST_CHROMIUM").ok();
    let names = match &named {
        Some(named) => vec![named.as_str()],
        None => vec!["chromium", "google-chrome"],
    };
    let found = names.iter().find_map(|name| on_path(name));
    found.unwrap_or_else(|| panic!("none of {} is there: {INSTALL}", names.join(", ")))
}

/// The terminal multiplexer, in which a test types.
///
/// # Panics
/// There is none.
pub(crate) fn tmux() -> PathBuf {
    on_path("tmux").unwrap_or_else(|| panic!("tmux is not there: {INSTALL}"))
}

/// Where a program is; a name with a slash stands for itself.
fn on_path(name: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&folders).map(|folder| folder.join(name));
    places.find(|path| path.is_file())
}
