//! SQL with colours, for the line that is typed.

use crate::sql::Dialect;
use crate::sql::highlight::{Kind, Lexed, lexed};

use super::split::{Piece, pieces};

/// A longer text is shown as it is: colours have to be there before the next key is pressed.
pub(super) const LONGEST: usize = 64 << 10;

/// SQL with a colour for each kind of word; with `cursor`, the byte where it stands, the bracket there and the one that belongs to it
/// stand out.
pub(super) fn coloured(text: &str, cursor: Option<usize>, dialect: Dialect) -> String {
    if text.len() > LONGEST {
        return text.to_string();
    }
    let (mut out, mut at) = (String::with_capacity(text.len() * 2), 0);
    for piece in pieces(text) {
        // What is no SQL stays as it is.
        let Piece::Sql(range) = piece else { continue };
        let Some(sql) = text.get(range.clone()) else { continue };
        let parts = lexed(sql, dialect);
        let pair = cursor.and_then(|cursor| cursor.checked_sub(range.start)).and_then(|cursor| pair(sql, &parts, cursor));
        for (n, part) in parts.iter().enumerate() {
            let paired = pair.is_some_and(|(one, other)| n == one || n == other);
            let colour = if paired { "\x1b[1;4m" } else { colour(part.kind) };
            let word = sql.get(part.range.clone()).unwrap_or_default();
            if !colour.is_empty() {
                let start = range.start + part.range.start;
                out.push_str(text.get(at..start).unwrap_or_default());
                out.push_str(&format!("{colour}{word}\x1b[0m"));
                at = start + word.len();
            }
        }
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

fn colour(kind: Kind) -> &'static str {
    match kind {
        Kind::Keyword => "\x1b[1;34m",
        Kind::Function => "\x1b[35m",
        Kind::Text | Kind::Open => "\x1b[32m",
        Kind::Number => "\x1b[36m",
        Kind::Comment => "\x1b[90m",
        Kind::Quoted => "\x1b[33m",
        Kind::Word | Kind::Symbol => "",
    }
}

/// The bracket under the cursor, or before it, and the one that belongs to it.
fn pair(sql: &str, parts: &[Lexed], cursor: usize) -> Option<(usize, usize)> {
    let symbol = |part: &Lexed| sql.get(part.range.clone()).filter(|_| part.kind == Kind::Symbol);
    let other =
        |bracket: &str| Some(["()", "[]", "{}"].into_iter().find(|pair| pair.contains(bracket))?.trim_matches(bracket.chars().next()?));
    let at = |place: usize| parts.iter().position(|part| part.range.start == place && symbol(part).and_then(other).is_some());
    let one = at(cursor).or_else(|| at(cursor.checked_sub(1)?))?;
    let bracket = symbol(parts.get(one)?)?;
    let other = other(bracket)?;
    let mut depth = 0_usize;
    let mut meets = |n: &usize| {
        match parts.get(*n).and_then(symbol) {
            Some(symbol) if symbol == bracket => depth += 1,
            Some(symbol) if symbol == other => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0
    };
    let found = if matches!(bracket, "(" | "[" | "{") { (one..parts.len()).find(&mut meets) } else { (0..=one).rev().find(&mut meets) };
    found.map(|found| (one, found))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        regex::Regex::new("\x1b\\[[0-9;]*m").unwrap().replace_all(text, "").into_owned()
    }

    #[test]
    fn colours_take_nothing_away() {
        for text in ["SELECT 'a', count(1) FROM `t` -- end\nWHERE x = 'open", "SELECT 1 \\gx it's", "\\echo it's\nSELECT status;", ""] {
            for cursor in std::iter::once(None).chain((0..=text.len()).map(Some)) {
                assert_eq!(plain(&coloured(text, cursor, Dialect::FLINK)), text);
            }
        }
    }

    #[test]
    fn each_kind_has_its_colour() {
        for (text, expected) in [
            ("SELECT 'a'", "\x1b[1;34mSELECT\x1b[0m \x1b[32m'a'\x1b[0m"),
            ("sum(status)", "\x1b[35msum\x1b[0m(status)"),
            ("\\d SELECT", "\\d SELECT"),
            ("1 \\g SELECT", "\x1b[36m1\x1b[0m \\g SELECT"),
        ] {
            assert_eq!(coloured(text, None, Dialect::FLINK), expected);
        }
        let long = "SELECT ".repeat(LONGEST / 7 + 1);
        assert_eq!(coloured(&long, None, Dialect::FLINK), long);
    }

    #[test]
    fn brackets_find_each_other() {
        let text = "(a, [b], ')', (c))";
        let cases = [(0, "0 17"), (1, "0 17"), (18, "0 17"), (14, "14 16"), (16, "14 16"), (17, "0 17"), (4, "4 6"), (10, ""), (2, "")];
        for (cursor, shown) in cases {
            let marked = coloured(text, Some(cursor), Dialect::FLINK);
            let marks: Vec<String> = marked.match_indices("\x1b[1;4m").map(|(at, _)| plain(&marked[..at]).len().to_string()).collect();
            assert_eq!(marks.join(" "), shown, "{cursor}");
        }
    }
}
