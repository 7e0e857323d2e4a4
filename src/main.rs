//! The `millstream` command.

use std::process::ExitCode;

/// Gives memory back to the system after a burst, and is faster across threads than the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    millstream::cli::main()
}
