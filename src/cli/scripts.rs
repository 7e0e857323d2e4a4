//! `-c` and `-f`, in the order of the command line, as in psql.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches, value_parser};

/// One `-c` or `-f`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Script {
    /// Statements or meta commands.
    Text(String),
    /// A file, a folder of .sql files, or `-` for stdin.
    File(PathBuf),
}

/// All scripts, in order. Clap groups values by flag, so the order comes from their positions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Scripts(pub(super) Vec<Script>);

const TEXT: &str = "command";
const FILE: &str = "file";

impl Args for Scripts {
    fn augment_args(command: Command) -> Command {
        let text = Arg::new(TEXT).short('c').long(TEXT).value_name("SQL").help("Carry out statements or meta commands, and end");
        let file = Arg::new(FILE).short('f').long(FILE).value_name("FILE").help("Carry out a file, and end (`-` is stdin)");
        command.arg(text.action(ArgAction::Append)).arg(file.action(ArgAction::Append).value_parser(value_parser!(PathBuf)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Scripts {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let places = |id| matches.indices_of(id).into_iter().flatten();
        let texts = matches.get_many::<String>(TEXT).into_iter().flatten().cloned().map(Script::Text);
        let files = matches.get_many::<PathBuf>(FILE).into_iter().flatten().cloned().map(Script::File);
        let mut all: Vec<(usize, Script)> = places(TEXT).zip(texts).chain(places(FILE).zip(files)).collect();
        all.sort_by_key(|(place, _)| *place);
        Ok(Self(all.into_iter().map(|(_, script)| script).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_come_as_they_stand() {
        let command = Scripts::augment_args(Command::new("millstream"));
        let matches = command.get_matches_from(["millstream", "-f", "a.sql", "-cSELECT 1", "--file=-", "--command", "\\dt"]);
        let (text, file) = (|text: &str| Script::Text(text.into()), |path: &str| Script::File(path.into()));
        assert_eq!(Scripts::from_arg_matches(&matches).unwrap().0, [file("a.sql"), text("SELECT 1"), file("-"), text("\\dt")]);
    }
}
