//! The runtime that a command's work runs in.

use super::exit;

/// Runs `work` to its end, and gives its exit code; `name` is the program's, for its errors.
pub(super) fn in_runtime(name: &str, work: impl Future<Output = u8>) -> u8 {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("{name}: cannot start the runtime: {error}");
            return exit::FAILED;
        }
    };
    let code = runtime.block_on(work);
    // Work that was cut is not waited for: all that is paid for is stored.
    runtime.shutdown_background();
    code
}
