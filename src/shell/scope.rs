//! The relations that a statement names, with their columns.

use crate::sql::highlight::{Kind, Lexed, lexed};
use crate::sql::name;
use crate::workspace::CompletionNames;

/// Columns that windows of time add.
const WINDOW: [&str; 3] = ["window_end", "window_start", "window_time"];

/// A relation that a statement names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Used {
    /// What it is called there.
    pub(super) names: Vec<String>,
    /// Its columns.
    pub(super) columns: Vec<String>,
}

/// The relations of a statement, with their aliases, also behind the brackets of `TUMBLE(TABLE t, ...)`.
pub(super) fn used(text: &str, names: &CompletionNames) -> Vec<Used> {
    let parts: Vec<Lexed> = lexed(text, names.dialect).into_iter().filter(|part| part.kind != Kind::Comment).collect();
    let words = Words { text, parts: &parts };
    let mut found = Vec::new();
    for n in 0..parts.len() {
        if n > 0 && words.word(n - 1) == "." {
            continue; // belongs to the name before
        }
        let Some((end, known)) = words.relation(n, names) else { continue };
        let mut used = Used { names: vec![name::split(known).1], columns: names.relations.get(known).cloned().unwrap_or_default() };
        let mut behind = end;
        if n > 0 && words.word(n - 1).eq_ignore_ascii_case("TABLE") && words.opens(n) {
            used.columns.extend(WINDOW.map(String::from));
            behind = words.closed(end);
        }
        let alias = if words.word(behind).eq_ignore_ascii_case("AS") { behind + 1 } else { behind };
        if parts.get(alias).is_some_and(|part| matches!(part.kind, Kind::Word | Kind::Quoted)) {
            used.names.push(words.plain(alias));
        }
        found.push(used);
    }
    found
}

/// What may stand behind `name.`: columns of a relation or its alias, relations of a database.
pub(super) fn columns_of(name: &str, text: &str, names: &CompletionNames) -> Vec<String> {
    let name = name.trim_matches('`');
    let is = |other: &str| other.eq_ignore_ascii_case(name);
    let columns = used(text, names).into_iter().find(|used| used.names.iter().any(|known| is(known))).map(|used| used.columns);
    let inside = names
        .relations
        .keys()
        .map(|known| name::split(known))
        .filter(|(database, _)| is(database.as_deref().unwrap_or(name::DEFAULT_DATABASE)));
    columns.unwrap_or_default().into_iter().chain(inside.map(|(_, last)| last)).map(|name| crate::sql::quoted(&name)).collect()
}

/// The parts of a statement.
struct Words<'t> {
    text: &'t str,
    parts: &'t [Lexed],
}

impl<'t> Words<'t> {
    fn word(&self, n: usize) -> &'t str {
        self.parts.get(n).and_then(|part| self.text.get(part.range.clone())).unwrap_or_default()
    }

    fn plain(&self, n: usize) -> String {
        self.word(n).trim_matches('`').to_string()
    }

    /// The relation whose name begins at a part, and the part behind it. One of another database is found without that, because it may be
    /// the current one.
    fn relation<'n>(&self, n: usize, names: &'n CompletionNames) -> Option<(usize, &'n str)> {
        if !matches!(self.parts.get(n)?.kind, Kind::Word | Kind::Quoted | Kind::Function) {
            return None;
        }
        let (first, second) = (self.plain(n), (self.word(n + 1) == ".").then(|| self.plain(n + 2)));
        let known = |database: Option<&str>, last: &str| {
            names.relations.keys().find(|known| {
                let (of, is) = name::split(known);
                let fits = match (database, of.as_deref()) {
                    (None, _) => true,
                    (Some(database), of) => of.unwrap_or(name::DEFAULT_DATABASE).eq_ignore_ascii_case(database),
                };
                fits && is.eq_ignore_ascii_case(last)
            })
        };
        if let Some(found) = second.as_deref().and_then(|second| known(Some(&first), second)) {
            return Some((n + 3, found));
        }
        let found = known(Some(name::DEFAULT_DATABASE), &first).or_else(|| known(None, &first))?;
        Some((n + 1, found))
    }

    /// Whether a window function's bracket stands before `TABLE name`.
    fn opens(&self, n: usize) -> bool {
        n.checked_sub(2).is_some_and(|before| self.word(before) == "(")
            && n.checked_sub(3).is_some_and(|before| !self.word(before).eq_ignore_ascii_case("EXISTS"))
    }

    /// The part behind the brackets that are open at a part.
    fn closed(&self, from: usize) -> usize {
        let (mut depth, mut end) = (0_i32, from);
        for n in from..self.parts.len() {
            match self.word(n) {
                "(" => depth += 1,
                ")" => depth -= 1,
                _ if depth < 0 => break,
                _ => {}
            }
            end = n + 1;
        }
        end
    }
}
