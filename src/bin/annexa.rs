//! The command line program.

fn main() -> std::process::ExitCode {
    annexa::cli::main()
}
