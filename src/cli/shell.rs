//! `millstream` without a subcommand: the shell, or a script that is carried out as in it.

use std::io::{IsTerminal, Read};
use std::path::PathBuf;

use crate::common::units::counted;
use crate::common::{Error, Result};
use crate::shell::{Notes, Session, Setup, interact};
use crate::sql::Variables;
use crate::sql::ast::Source;
use crate::state;

use super::args::{Common, ShellArgs};
use super::setup;

/// The last line of a banner.
pub(super) const KEYS: &str = "Statements end with `;`. \\? lists commands, \\h statements, Ctrl-D quits.";

/// Carries out what the flags or stdin say; asks a person if there is one.
pub(super) async fn shell(common: &Common, args: ShellArgs, notes: Notes) -> Result<()> {
    let scripts = scripts(&args)?;
    let setup = Setup {
        workspace: setup::workspace(common)?,
        checkpoints: (state::open(&common.data.join("jobs").to_string_lossy())?, false),
        memory: setup::memory(common),
        variables: Variables::parse(&common.variables)?,
        format: args.format,
        history: history(),
        begin: Vec::new(),
        notes,
    };
    if scripts.is_empty() {
        let known = counted(setup.workspace.names()?.relations.len() as u64, "table");
        let banner = format!("millstream {}: {known} in {}\n{KEYS}", env!("CARGO_PKG_VERSION"), common.data.display());
        return interact(setup, &banner).await;
    }
    let mut session = Session::new(setup, false)?;
    for script in scripts {
        session.script(&script).await?;
    }
    session.workspace.check_options_used()
}

/// What is to be carried out; nothing if a person is to be asked.
fn scripts(args: &ShellArgs) -> Result<Vec<Source>> {
    let stdin = || {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(|e| Error::usage("cannot read stdin").because(e))?;
        Ok::<_, Error>(Source::new("<stdin>", text))
    };
    let mut scripts = Vec::new();
    for file in &args.files {
        if file.as_os_str() == "-" { scripts.push(stdin()?) } else { scripts.extend(setup::sources(std::slice::from_ref(file))?) }
    }
    scripts.extend(args.commands.iter().map(|sql| Source::new("<sql>", sql.as_str())));
    if scripts.is_empty() && !std::io::stdin().is_terminal() {
        scripts.push(stdin()?);
    }
    Ok(scripts)
}

/// Where inputs are remembered: a file of the person, not of the folder.
pub(super) fn history() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let state = folder("XDG_STATE_HOME").or_else(|| folder("HOME").map(|home| home.join(".local/state")))?;
    Some(state.join("millstream").join("history"))
}
