//! The adapters for AWS against a stand-in that runs on this machine.

pub mod emulator;
