//! `millstream` without a subcommand: the shell, or a script that runs as in the shell.

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

use crate::common::units::counted;
use crate::common::{Error, Result};
use crate::shell::{LogBuffer, Session, Setup, interact};
use crate::sql::Variables;
use crate::sql::ast::Source;

use super::args::{Common, ShellArgs};
use super::scripts::Script;
use super::setup;

/// The last line of a banner.
pub(super) const KEYS: &str = "Statements end with `;`. \\? lists commands, \\h statements, Ctrl-D quits.";

/// Executes the scripts of the flags or stdin, or else runs an interactive shell.
pub(super) async fn shell(common: &Common, args: ShellArgs, notes: LogBuffer) -> Result<()> {
    let scripts = scripts(&args)?;
    // `\cd` must not move the folders that were named at the start.
    let named = common.data.display().to_string();
    let common = &absolute(common)?;
    let setup = Setup {
        connection: setup::connection(common)?,
        variables: Variables::parse(&common.variables)?,
        format: args.format,
        history: history(),
        init: config("init.sql").filter(|_| !args.no_init),
        about: about(common),
        begin: Vec::new(),
        notes,
    };
    if scripts.is_empty() {
        setup.connection.check_options_known()?;
        let known = counted(setup.connection.names()?.relations.len() as u64, "table");
        let banner = format!("millstream {}: {known} in {}\n{KEYS}", env!("CARGO_PKG_VERSION"), named);
        return interact(setup, &banner).await;
    }
    let mut session = Session::new(setup, false)?;
    session.scripts(&scripts).await?;
    session.connection.check_options_used()
}

/// Returns the scripts to execute; `None` for an interactive shell.
fn scripts(args: &ShellArgs) -> Result<Vec<Source>> {
    let stdin = || {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(|e| Error::usage("cannot read stdin").with_source(e))?;
        Ok::<_, Error>(Source::new("<stdin>", text))
    };
    let mut scripts = Vec::new();
    for script in &args.scripts.0 {
        match script {
            Script::Text(sql) => scripts.push(Source::new("<sql>", sql.as_str())),
            Script::File(file) if file.as_os_str() == "-" => scripts.push(stdin()?),
            Script::File(file) => scripts.extend(setup::sources(std::slice::from_ref(file))?),
        }
    }
    if scripts.is_empty() && !std::io::stdin().is_terminal() {
        scripts.push(stdin()?);
    }
    Ok(scripts)
}

/// Returns the flags with absolute paths.
fn absolute(common: &Common) -> Result<Common> {
    let whole = |path: &Path| std::path::absolute(path).map_err(|e| Error::usage(format!("there is no {}", path.display())).with_source(e));
    let (data, catalog) = (whole(&common.data)?, common.catalog.as_deref().map(whole).transpose()?);
    let checkpoints = match &common.checkpoints {
        Some(folder) if !folder.contains("://") => Some(whole(Path::new(folder))?.to_string_lossy().into_owned()),
        other => other.clone(),
    };
    Ok(Common { data, catalog, checkpoints, ..common.clone() })
}

/// The text of `\conninfo`.
fn about(common: &Common) -> String {
    let kafka = if common.embedded { "topics in the data folder (--embedded)" } else { "the brokers that they name" };
    let shared = common.catalog.as_ref().map_or_else(String::new, |path| format!(" and {}", path.display()));
    format!(
        "millstream {}\ndata folder: {}\ncatalog: {}{shared}\nKafka tables: {kafka}\n",
        env!("CARGO_PKG_VERSION"),
        common.data.display(),
        common.data.join("catalog").display()
    )
}

/// The file of the input history: one per user, not per folder.
pub(super) fn history() -> Option<PathBuf> {
    own("XDG_STATE_HOME", ".local/state", "history")
}

/// A file of the user's configuration.
fn config(file: &str) -> Option<PathBuf> {
    own("XDG_CONFIG_HOME", ".config", file)
}

/// A file of the user: in the folder that a variable names, else in one below HOME.
fn own(variable: &str, below: &str, file: &str) -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = folder(variable).or_else(|| folder("HOME").map(|home| home.join(below)))?;
    Some(folder.join("millstream").join(file))
}
