//! Decides which words are highlighted as keywords. Those that are also common names of columns are keywords only where they cannot be a
//! name (see `Role`).

use std::collections::HashMap;

/// When a word is a keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Always.
    Always,
    /// After one of these words; `*`: in a declaration, where a name cannot begin.
    Behind(&'static [&'static str]),
    /// Before one of these words.
    Before(&'static [&'static str]),
    /// Before a parenthesis.
    Call,
    /// Where a type is expected.
    Type,
}

/// The words of a dialect, by their role.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lists {
    /// Phrases that begin a statement, in alphabetical order.
    pub(super) begins: &'static [&'static str],
    /// Phrases inside a statement, in alphabetical order.
    pub(super) inside: &'static [&'static str],
    /// Completions after SHOW.
    pub(super) shown: &'static [&'static str],
    /// Words that are keywords but not worth offering.
    pub(super) more: &'static [&'static str],
    /// Words that are keywords only after one of these; `*`: in a declaration, where a name cannot begin.
    pub(super) behind: &'static [(&'static str, &'static [&'static str])],
    /// Words that are keywords only before one of these; `0` is any number.
    pub(super) before: &'static [(&'static str, &'static [&'static str])],
    /// Units of time, which are keywords after the text of an interval.
    pub(super) units: &'static [&'static str],
    /// Words that are keywords only before an opening parenthesis.
    pub(super) calls: &'static [&'static str],
    /// Words that are names of types, and often of columns.
    pub(super) types: &'static [&'static str],
    /// Keywords that are also functions, if a parenthesis follows.
    pub(super) both: &'static [&'static str],
    /// After these words a name is declared or written to, even if a parenthesis follows.
    pub(super) named: &'static [&'static str],
}

/// The words of a dialect, indexed for lookup.
#[derive(Debug)]
pub(super) struct Keywords {
    pub(super) begins: &'static [&'static str],
    pub(super) inside: &'static [&'static str],
    pub(super) shown: &'static [&'static str],
    both: &'static [&'static str],
    named: &'static [&'static str],
    roles: HashMap<&'static str, Role>,
}

/// The surroundings of a word.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Around<'a> {
    /// The word or symbol before it, in upper case; empty at the start of the text.
    pub(super) before: &'a str,
    /// Whether an opening parenthesis follows directly.
    pub(super) called: bool,
    /// The word after it, or `0` for a number.
    pub(super) after: &'a str,
    /// Whether a string follows: `DATE '2024-05-01'`.
    pub(super) text: bool,
    /// Whether the statement is a declaration.
    pub(super) declares: bool,
    /// Whether a name precedes it.
    pub(super) named: bool,
    /// Whether it is directly inside the parentheses of a CAST.
    pub(super) cast: bool,
}

/// The kind of an unquoted word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    Keyword,
    Function,
    Name,
}

impl Keywords {
    pub(super) fn new(lists: &Lists) -> Self {
        let Lists { begins, inside, shown, more, behind, before, units, calls, types, both, named } = *lists;
        let phrases = begins.iter().chain(inside).flat_map(|phrase| phrase.split(' ')).filter(|word| *word != "(");
        let always = phrases.chain(more.iter().copied()).map(|word| (word, Role::Always));
        let behind = behind.iter().map(|(word, words)| (*word, Role::Behind(words)));
        let units = units.iter().map(|word| (*word, Role::Behind(&["'"])));
        let before = before.iter().map(|(word, words)| (*word, Role::Before(words)));
        let calls = calls.iter().map(|word| (*word, Role::Call));
        let types = types.iter().map(|word| (*word, Role::Type));
        // Later roles override earlier ones.
        let roles = always.chain(types).chain(behind).chain(before).chain(units).chain(calls).collect();
        Self { begins, inside, shown, both, named, roles }
    }

    /// The kind of an unquoted word in its surroundings.
    pub(super) fn word(&self, word: &str, around: Around<'_>) -> Word {
        if around.before == "." {
            return if around.called { Word::Function } else { Word::Name };
        }
        let upper = word.to_ascii_uppercase();
        // A column's properties follow its name, its type, or each other.
        let word_before = around.before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, ')' | '\'' | '`' | '_'));
        let inside = around.declares && word_before && !matches!(around.before, "AS" | "FOR" | "BY" | "TO" | "COLUMN" | "RENAME" | "TABLE");
        let keyword = match self.roles.get(upper.as_str()) {
            None => false,
            Some(Role::Always) => !(around.called && self.both.contains(&upper.as_str())),
            Some(Role::Behind(words)) => words.iter().any(|word| *word == around.before || (*word == "*" && inside)),
            Some(Role::Before(words)) => words.iter().any(|word| word.eq_ignore_ascii_case(around.after)),
            Some(Role::Call) => around.called,
            Some(Role::Type) => {
                around.text
                    || (around.declares && around.named)
                    || matches!(around.before, "<" | "::" | "RETURNS")
                    || (around.cast && around.before == "AS")
            }
        };
        match keyword {
            true => Word::Keyword,
            false if around.called && !self.named.contains(&around.before) => Word::Function,
            false => Word::Name,
        }
    }
}
