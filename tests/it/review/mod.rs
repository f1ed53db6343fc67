//! Review as a person meets it: the real program in a real terminal, keys typed, the screen read.

mod commands;
pub(crate) mod pane;
mod screen;
