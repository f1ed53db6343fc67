//! The splitter as a service.

fn main() -> std::process::ExitCode {
    annexa::cli::service::main(annexa::fleet::service::Service::Splitter)
}
