//! What is coloured as a keyword, of the words that a dialect lists. Those that are names of columns, too, are keywords only where they
//! can be nothing else (see `Role`).

use std::collections::HashMap;

/// When a word is a keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Always.
    Always,
    /// Behind one of these words; `*`: in a declaration, where a name cannot begin.
    Behind(&'static [&'static str]),
    /// Before one of these words.
    Before(&'static [&'static str]),
    /// Before a bracket.
    Call,
    /// Where a type stands.
    Type,
}

/// The words of a dialect, by what they mean.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lists {
    /// Phrases that begin a statement, in the order of the alphabet.
    pub(super) begins: &'static [&'static str],
    /// Phrases inside of a statement, in the order of the alphabet.
    pub(super) inside: &'static [&'static str],
    /// What completion offers behind SHOW.
    pub(super) shown: &'static [&'static str],
    /// Words that are keywords but not worth offering.
    pub(super) more: &'static [&'static str],
    /// Words that are keywords only behind one of these; `*`: in a declaration, where a name cannot begin.
    pub(super) behind: &'static [(&'static str, &'static [&'static str])],
    /// Words that are keywords only before one of these; `0` is any number.
    pub(super) before: &'static [(&'static str, &'static [&'static str])],
    /// Units of time, which are keywords behind the text of an interval.
    pub(super) units: &'static [&'static str],
    /// Words that are keywords only before an opening bracket.
    pub(super) calls: &'static [&'static str],
    /// Words that are names of types, and often of columns.
    pub(super) types: &'static [&'static str],
    /// Keywords that are functions, too, if a bracket follows.
    pub(super) both: &'static [&'static str],
    /// Behind these a name is declared or written to, whatever bracket follows.
    pub(super) named: &'static [&'static str],
}

/// The words of a dialect, ready to be asked.
#[derive(Debug)]
pub(super) struct Keywords {
    pub(super) begins: &'static [&'static str],
    pub(super) inside: &'static [&'static str],
    pub(super) shown: &'static [&'static str],
    both: &'static [&'static str],
    named: &'static [&'static str],
    roles: HashMap<&'static str, Role>,
}

/// What stands around a word.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Around<'a> {
    /// The word or symbol before it, in upper case; empty where the text begins.
    pub(super) before: &'a str,
    /// An opening bracket stands behind it, with nothing between.
    pub(super) called: bool,
    /// The word behind it, or `0` for a number.
    pub(super) after: &'a str,
    /// A text follows: `DATE '2024-05-01'`.
    pub(super) text: bool,
    /// In a statement that declares.
    pub(super) declares: bool,
    /// A name stands before it.
    pub(super) named: bool,
    /// Directly in the brackets of a CAST.
    pub(super) cast: bool,
}

/// What an unquoted word is.
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
        // The later ones say more.
        let roles = always.chain(types).chain(behind).chain(before).chain(units).chain(calls).collect();
        Self { begins, inside, shown, both, named, roles }
    }

    /// What an unquoted word is where it stands.
    pub(super) fn word(&self, word: &str, around: Around<'_>) -> Word {
        if around.before == "." {
            return if around.called { Word::Function } else { Word::Name };
        }
        let upper = word.to_ascii_uppercase();
        // A column's properties stand behind its name, its type, or each other.
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
