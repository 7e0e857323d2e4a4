//! `millstream check FILE...`: what files would do, and everything that is wrong with them.

use std::time::Duration;

use crate::common::units::counted;
use crate::common::{Error, ErrorKind, Result, Subject, secret};
use crate::sql::ast::{Parsed, Statement};
use crate::sql::{Variables, parse_each};
use crate::workspace::check::{Fact, Kind};
use crate::workspace::{Connection, ScriptJob};

use crate::shell::render::Format;

use super::args::{CheckArgs, Common};
use super::setup;

/// How long a server may take to answer before it counts as unreachable.
const PATIENCE: Duration = Duration::from_secs(10);

/// The result so far.
#[derive(Default)]
struct CheckReport {
    statements: u64,
    errors: u64,
    /// The kind of the first error, which gives the exit code.
    first: Option<ErrorKind>,
    /// Names with invalid declarations: statements that use them cannot be checked.
    undeclared: Vec<String>,
}

/// Prints for each statement what it would do, on stdout, and what is wrong, on stderr.
pub(super) async fn check(common: &Common, args: CheckArgs) -> Result<()> {
    let variables = Variables::parse(&common.variables)?;
    let sources = setup::sources(&args.files)?;
    let connection = setup::passing_connection(common, args.connect)?;
    let mut found = CheckReport::default();
    let (mut tables, mut job, mut dialect) = (Vec::new(), ScriptJob::default(), setup::dialect(common)?);
    for source in &sources {
        let (statements, errors) = parse_each(source, &variables, dialect);
        dialect = dialect.after(statements.iter().map(|parsed| &parsed.statement))?;
        found.statements += (statements.len() + errors.len()) as u64;
        let mut errors = errors.into_iter().peekable();
        for parsed in statements {
            while let Some(error) = errors.next_if(|e| e.place().is_some_and(|place| place.line < parsed.pos.line)) {
                found.wrong(None, error);
            }
            let checked = connection.check(&parsed).await;
            let checked = checked.and_then(|facts| job.follow(&connection, &parsed).map(|()| facts));
            match (&checked, &parsed.statement) {
                (Ok(_), Statement::CreateTable(table)) => tables.push(table.name.clone()),
                (Err(_), Statement::CreateTable(table)) => found.undeclared.push(table.name.clone()),
                (Err(_), Statement::CreateView(view)) => found.undeclared.push(view.name.clone()),
                _ => {}
            }
            match checked {
                Ok(facts) => show(&parsed, &facts),
                Err(error) => found.wrong(Some(&parsed), parsed.locate(error)),
            }
        }
        errors.for_each(|error| found.wrong(None, error));
    }
    if let Err(error) = connection.check_options_used() {
        found.wrong(None, error);
    }
    if args.connect {
        for table in tables {
            println!("{table}");
            if let Err(error) = reach(&connection, &table).await {
                found.wrong(None, error);
            }
        }
    }
    let statements = counted(found.statements, "statement");
    match found.first {
        None => {
            eprintln!("{statements}, nothing wrong");
            Ok(())
        }
        Some(kind) => Err(Error::new(kind, format!("{} in {statements}", counted(found.errors, "error")))),
    }
}

impl CheckReport {
    fn wrong(&mut self, parsed: Option<&Parsed>, error: Error) {
        let missing = self.undeclared.iter().find(|name| error.subjects().contains(&Subject::MissingTable((*name).clone())));
        if let (Some(missing), Some(parsed)) = (missing, parsed) {
            return show(parsed, &[Fact { kind: Kind::Note, text: format!("not checked: it needs `{missing}`, which is wrong") }]);
        }
        self.first.get_or_insert(error.kind());
        self.errors += 1;
        eprintln!("error: {error}");
    }
}

/// Returns the position of a statement's options: a hint, or WITH or OPTIONS followed by a parenthesis.
fn options_of(text: &str) -> Option<usize> {
    let upper = text.to_ascii_uppercase();
    let opens = |word: &str| {
        upper.match_indices(word).map(|(at, _)| at).find(|at| {
            let apart = upper[..*at].chars().next_back().is_none_or(|c| !c.is_alphanumeric() && c != '_');
            let behind = upper[at + word.len()..].trim_start();
            apart && (behind.starts_with('(') || behind.starts_with("/*") || behind.starts_with("--"))
        })
    };
    [upper.find("/*+"), opens("WITH"), opens("OPTIONS")].into_iter().flatten().min()
}

/// Prints the place and the beginning of a statement, and its check result.
fn show(parsed: &Parsed, facts: &[Fact]) {
    const WIDTH: usize = 80;
    let text = secret::shown(&parsed.text).split_whitespace().collect::<Vec<_>>().join(" ");
    // Any option value may be a secret, even under a key that does not look like one: options are left out.
    let options = options_of(&text);
    let text = match (&parsed.statement, options) {
        (Statement::Set(setting), _) => format!("SET '{}'", setting.key),
        (_, Some(end)) => text.get(..end).unwrap_or_default().trim_end().to_string(),
        (_, None) => text,
    };
    let text = match text.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{} ...", &text[..end]),
        None => text,
    };
    println!("{}:{}: {text}", secret::shown(&parsed.source.name), parsed.pos.line);
    for fact in facts {
        println!("    {:<10} {}", fact.kind.name(), secret::shown(&fact.text));
    }
}

/// Reads a row of a table.
async fn reach(connection: &Connection, table: &str) -> Result<()> {
    let asked = tokio::time::timeout(PATIENCE, connection.sample(table)).await;
    let seconds = PATIENCE.as_secs();
    match asked.map_err(|_| Error::unavailable(format!("table `{table}`: no answer for {seconds} s")))?? {
        Some((schema, row)) if row.num_rows() > 0 => setup::print(schema, row, Some(Format::Ndjson)).await,
        Some(_) => {
            println!("    reached, and empty");
            Ok(())
        }
        None => {
            println!("    only written to: nothing to read");
            Ok(())
        }
    }
}
