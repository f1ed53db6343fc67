//! Logs on stderr: JSON for machines, lines for people.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Has logs go to stderr: one JSON object a line, with the fields of the spans that an event is in; readable lines
/// where stderr is a terminal. `filter` was checked before; one that is wrong lets `info` through.
pub fn init(filter: &str) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // A second initialisation (several commands in one process, as in tests) is no error.
    let _ = match std::io::stderr().is_terminal() {
        true => logs.try_init(),
        false => logs
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .try_init(),
    };
}

/// Has panics say where they were and nothing else: their text may hold report text (I10).
pub fn quiet_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place = place.as_deref().unwrap_or("unknown"), "panic");
    }));
}
