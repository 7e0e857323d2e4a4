//! Options after a table's name, for one query.
//!
//! sqlparser has no field for them. So they are the last part of the name: ``t.`OPTIONS('k' = 'v')` ``; the resolver removes it
//! ([`of_name`]). A grammar adds it ([`part_of_name`]).

use sqlparser::ast::{Ident, ObjectName, ObjectNamePart};
use sqlparser::tokenizer::{Token, Word};

use crate::common::Result;

use super::ast::{Options, Source};
use super::cursor::{Cursor, OPTIONS_PART, is_options_part};
use super::dialect::Dialect;
use super::text::Text;
use super::tokens::tokens_of;

/// Options as the last part of a name.
pub(super) fn part_of_name(options: &Options) -> Token {
    let pairs: Vec<String> = options.iter().map(|(k, v)| format!("{} = {}", super::literal(k), super::literal(v))).collect();
    let value = format!("{OPTIONS_PART}{})", pairs.join(", "));
    Token::Word(Word { value, quote_style: Some('`'), keyword: sqlparser::keywords::Keyword::NoKeyword })
}

/// Parses the options after a name, if there are some.
pub(super) fn take(cursor: &mut Cursor<'_>) -> Result<Options> {
    if cursor.peek().token != Token::Period || !is_options_part(&cursor.peek_nth(1).token) {
        return Ok(Options::default());
    }
    cursor.next();
    let at = cursor.pos();
    match cursor.next().token {
        Token::Word(Word { value, .. }) => {
            options(&value).map(Options::without_places).map_err(|error| cursor.text.place(at, error.without_location()))
        }
        _ => Ok(Options::default()),
    }
}

/// The pairs of such a part.
///
/// # Errors
/// When it is not valid.
fn options(folded: &str) -> Result<Options> {
    let source = Source::new("<hint>", folded);
    let text = Text::new(&source);
    let mut cursor = Cursor::new(&text, tokens_of(&text)?, Dialect::default());
    cursor.expect(&["OPTIONS"])?;
    cursor.options()
}

/// Removes the options from a name in a query, and returns them.
///
/// # Errors
/// When they cannot be parsed.
pub fn of_name(name: &mut ObjectName) -> Result<Options> {
    match name.0.last() {
        Some(ObjectNamePart::Identifier(Ident { value, quote_style: Some('`'), .. }))
            if value.starts_with(OPTIONS_PART) && value.ends_with(')') =>
        {
            let found = options(value)?;
            name.0.pop();
            Ok(found.without_places())
        }
        _ => Ok(Options::default()),
    }
}
