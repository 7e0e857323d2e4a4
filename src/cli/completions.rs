//! `millstream completions SHELL`.

use std::io::Write;

use crate::common::Result;

use super::args::CompletionsArgs;

/// Prints the completion script for the shell.
pub(super) fn completions(args: &CompletionsArgs, command: &mut clap::Command) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, command, "millstream", &mut script);
    Ok(std::io::stdout().write_all(&script)?)
}
