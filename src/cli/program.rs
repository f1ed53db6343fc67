//! One file for all programs: under the name of a service `annexa` is that service.
//!
//! Each program carries the SDK, the terms and the offline model, so four files are four times the image, and the time to
//! pull it is most of the start of a task. The image has one file and three links to it (docs/IMAGE.md).

use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitCode;

use crate::fleet::service::Service;

/// Runs the program that this process was called as.
pub fn main() -> ExitCode {
    match std::env::args_os()
        .next()
        .as_deref()
        .and_then(service_called)
    {
        Some(service) => super::service::main(service),
        None => super::main(),
    }
}

/// The service that a program's path names; none: it is the command line program, whatever its file is called.
fn service_called(program: &OsStr) -> Option<Service> {
    match Path::new(program).file_stem()?.to_str()? {
        "annexa-splitter" => Some(Service::Splitter),
        "annexa-worker" => Some(Service::Worker),
        "annexa-aggregator" => Some(Service::Aggregator),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_name_alone_says_which_program_it_is() {
        for (path, service) in [
            ("/usr/local/bin/annexa-splitter", Some(Service::Splitter)),
            ("annexa-worker", Some(Service::Worker)),
            ("./annexa-aggregator.exe", Some(Service::Aggregator)),
            ("/usr/local/bin/annexa", None),
            ("/opt/annexa-worker/annexa", None),
            ("/usr/local/bin/annexa-worker-2", None),
            ("", None),
        ] {
            assert_eq!(service_called(OsStr::new(path)), service, "{path}");
        }
    }
}
