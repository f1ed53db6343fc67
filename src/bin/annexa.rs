//! The command line program, and each service if it is called by that name.

fn main() -> std::process::ExitCode {
    annexa::cli::program::main()
}
