//! Rewrites calls of JSON functions with keywords between their arguments as calls with plain arguments.
//!
//! | as Flink writes it | becomes |
//! |---|---|
//! | `JSON_VALUE(j, p RETURNING INT DEFAULT 0 ON EMPTY ERROR ON ERROR)` | `TRY_CAST(json_value(j, p, 'DEFAULT', 'ERROR', CAST(0 AS STRING), NULL) AS INT)` |
//! | `JSON_QUERY(j, p WITH WRAPPER EMPTY ARRAY ON ERROR)` | `json_query(j, p, 'UNCONDITIONAL', 'NULL', 'EMPTY ARRAY')` |
//! | `JSON_EXISTS(j, p TRUE ON ERROR)` | `json_exists(j, p, 'TRUE')` |
//! | `JSON_OBJECT(KEY 'a' VALUE x, 'b' VALUE JSON_ARRAY(y))` | `json_object('nvj', 'a', x, 'b', json_array('av', y))` |
//! | `JSON_ARRAYAGG(x)` | `'[' \|\| COALESCE(LISTAGG(JSON_STRING(x), ','), '') \|\| ']'` |
//!
//! The first argument of `json_object` and `json_array` says how NULL is treated (`n`ull or `a`bsent), then for every value whether it is a
//! plain `v`alue or `j`son already.

use sqlparser::ast::{BinaryOperator, CastKind, DataType, Expr, Function, FunctionArguments, Value};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, Word};

use crate::sql::ast_builder;
use crate::sql::ast_builder::text;

/// The functions, by their syntax.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Value,
    Query,
    Exists,
    Object,
    Array,
    ObjectAgg,
    ArrayAgg,
}

/// Parses such a call if one comes next.
pub(in crate::sql::flink) fn call(parser: &mut Parser) -> Option<Result<Expr, ParserError>> {
    let [first, second] = parser.peek_tokens_ref();
    let (Token::Word(Word { value, quote_style: None, .. }), Token::LParen) = (&first.token, &second.token) else { return None };
    let form = match value.to_ascii_uppercase().as_str() {
        "JSON_VALUE" => Form::Value,
        "JSON_QUERY" => Form::Query,
        "JSON_EXISTS" => Form::Exists,
        "JSON_OBJECT" => Form::Object,
        "JSON_ARRAY" => Form::Array,
        "JSON_OBJECTAGG" => Form::ObjectAgg,
        "JSON_ARRAYAGG" => Form::ArrayAgg,
        _ => return None,
    };
    parser.advance_token();
    parser.advance_token();
    Some(match form {
        Form::Value | Form::Query | Form::Exists => path_call(parser, form),
        Form::Object | Form::Array => built(parser, form),
        Form::ObjectAgg | Form::ArrayAgg => aggregated(parser, form),
    })
}

fn null() -> Expr {
    Expr::Value(Value::Null.into())
}

fn cast(kind: CastKind, expr: Expr, data_type: DataType) -> Expr {
    Expr::Cast { kind, expr: Box::new(expr), data_type, array: false, format: None }
}

/// Consumes a word that sqlparser may not know as a keyword.
fn word(parser: &mut Parser, word: &str) -> bool {
    let sees = matches!(&parser.peek_token_ref().token, Token::Word(w) if w.quote_style.is_none() && w.value.eq_ignore_ascii_case(word));
    if sees {
        parser.advance_token();
    }
    sees
}

/// The values for a path that finds nothing, and for an error.
#[derive(Default)]
struct Otherwise {
    behaviour: Option<&'static str>,
    value: Option<Expr>,
}

/// `(json, path [RETURNING type] [wrapper] [... ON EMPTY] [... ON ERROR])`.
fn path_call(parser: &mut Parser, form: Form) -> Result<Expr, ParserError> {
    let json = parser.parse_expr()?;
    parser.expect_token(&Token::Comma)?;
    let path = parser.parse_expr()?;
    let (mut returning, mut wrapper, mut empty, mut error) = (None, None, Otherwise::default(), Otherwise::default());
    while !parser.consume_token(&Token::RParen) {
        if form != Form::Exists && parser.parse_keyword(Keyword::RETURNING) {
            returning = Some(parser.parse_data_type()?);
        } else if form == Form::Query && parser.parse_keyword(Keyword::WITHOUT) {
            wrapper = Some("WITHOUT");
            word(parser, "ARRAY");
            expect_word(parser, "WRAPPER")?;
        } else if form == Form::Query && parser.parse_keyword(Keyword::WITH) {
            let conditional = word(parser, "CONDITIONAL");
            _ = !conditional && word(parser, "UNCONDITIONAL");
            wrapper = Some(if conditional { "CONDITIONAL" } else { "UNCONDITIONAL" });
            word(parser, "ARRAY");
            expect_word(parser, "WRAPPER")?;
        } else {
            let otherwise = otherwise(parser, form)?;
            parser.expect_keyword_is(Keyword::ON)?;
            if form != Form::Exists && word(parser, "EMPTY") {
                empty = otherwise;
            } else {
                expect_word(parser, "ERROR")?;
                error = otherwise;
            }
        }
    }
    let said = |otherwise: &Otherwise| text(otherwise.behaviour.unwrap_or("NULL"));
    let plain = empty.behaviour.is_none() && error.behaviour.is_none() && wrapper.is_none();
    let mut args = vec![json, path];
    match form {
        _ if plain => {}
        Form::Value => {
            args.extend([said(&empty), said(&error)]);
            args.extend([empty, error].map(|otherwise| otherwise.value.map_or_else(null, default)));
        }
        Form::Query => args.extend([text(wrapper.unwrap_or("WITHOUT")), said(&empty), said(&error)]),
        _ => args.push(text(error.behaviour.unwrap_or("FALSE"))),
    }
    Ok(match (form, returning) {
        (Form::Value, Some(data_type)) => cast(CastKind::TryCast, ast_builder::call("JSON_VALUE", args), data_type),
        (Form::Value, None) => ast_builder::call("JSON_VALUE", args),
        (Form::Query, Some(DataType::Array(_))) => ast_builder::call("JSON_QUERY_ARRAY", args),
        (Form::Query, _) => ast_builder::call("JSON_QUERY", args),
        _ => ast_builder::call("JSON_EXISTS", args),
    })
}

/// A default value as text; booleans are written as in JSON.
fn default(value: Expr) -> Expr {
    match &value {
        Expr::Value(literal) if matches!(literal.value, Value::Boolean(_)) => text(value.to_string().to_lowercase()),
        _ => cast(CastKind::Cast, value, DataType::String(None)),
    }
}

fn otherwise(parser: &mut Parser, form: Form) -> Result<Otherwise, ParserError> {
    let behaviour = match form {
        Form::Exists if parser.parse_keyword(Keyword::TRUE) => "TRUE",
        Form::Exists if parser.parse_keyword(Keyword::FALSE) => "FALSE",
        Form::Exists if word(parser, "UNKNOWN") => "UNKNOWN",
        Form::Value | Form::Query if parser.parse_keyword(Keyword::NULL) => "NULL",
        Form::Query if word(parser, "EMPTY") => {
            if word(parser, "OBJECT") {
                "EMPTY OBJECT"
            } else {
                expect_word(parser, "ARRAY")?;
                "EMPTY ARRAY"
            }
        }
        Form::Value if parser.parse_keyword(Keyword::DEFAULT) => {
            return Ok(Otherwise { behaviour: Some("DEFAULT"), value: Some(parser.parse_expr()?) });
        }
        _ => {
            expect_word(parser, "ERROR")?;
            "ERROR"
        }
    };
    Ok(Otherwise { behaviour: Some(behaviour), value: None })
}

fn expect_word(parser: &mut Parser, expected: &str) -> Result<(), ParserError> {
    if word(parser, expected) { Ok(()) } else { parser.expected(expected, parser.peek_token()) }
}

/// `NULL ON NULL` or `ABSENT ON NULL`: whether NULLs are omitted, if given.
fn absent(parser: &mut Parser) -> Option<bool> {
    if parser.parse_keywords(&[Keyword::ABSENT, Keyword::ON, Keyword::NULL]) {
        return Some(true);
    }
    parser.parse_keywords(&[Keyword::NULL, Keyword::ON, Keyword::NULL]).then_some(false)
}

/// `[KEY] key VALUE value`.
fn pair(parser: &mut Parser) -> Result<(Expr, Expr), ParserError> {
    let named = matches!(&parser.peek_nth_token_ref(1).token, Token::Word(w) if w.value.eq_ignore_ascii_case("VALUE"));
    if !named {
        word(parser, "KEY");
    }
    let key = parser.parse_expr()?;
    expect_word(parser, "VALUE")?;
    Ok((key, parser.parse_expr()?))
}

/// `JSON_OBJECT(...)` and `JSON_ARRAY(...)`.
fn built(parser: &mut Parser, form: Form) -> Result<Expr, ParserError> {
    let mut flags = String::new();
    let mut args = Vec::new();
    let mut leave_out = None;
    while !parser.consume_token(&Token::RParen) {
        leave_out = absent(parser);
        if leave_out.is_none() {
            if !args.is_empty() {
                parser.expect_token(&Token::Comma)?;
            }
            let value = if form == Form::Object {
                let (key, value) = pair(parser)?;
                args.push(key);
                value
            } else {
                parser.parse_expr()?
            };
            let (json, value) = raw(value);
            flags.push(if json { 'j' } else { 'v' });
            args.push(value);
        }
    }
    // The defaults of the two functions differ.
    flags.insert(0, if leave_out.unwrap_or(form == Form::Array) { 'a' } else { 'n' });
    args.insert(0, text(flags));
    Ok(ast_builder::call(if form == Form::Object { "JSON_OBJECT" } else { "JSON_ARRAY" }, args))
}

/// Whether a value is JSON already: it comes from such a function, or from `JSON(text)`.
fn raw(value: Expr) -> (bool, Expr) {
    let name = match &value {
        Expr::Function(Function { name, .. }) => name.to_string().to_ascii_uppercase(),
        // An aggregate of JSON, as rewritten here.
        Expr::Nested(inner) if matches!(inner.as_ref(), Expr::BinaryOp { op: BinaryOperator::StringConcat, right, .. } if is_close(right)) =>
        {
            return (true, value);
        }
        _ => return (false, value),
    };
    match (name.as_str(), value) {
        ("JSON", Expr::Function(Function { args: FunctionArguments::List(mut list), .. })) if list.args.len() == 1 => {
            match list.args.pop() {
                Some(sqlparser::ast::FunctionArg::Unnamed(sqlparser::ast::FunctionArgExpr::Expr(text))) => (true, text),
                _ => (false, null()),
            }
        }
        (name, value) => (matches!(name, "JSON_OBJECT" | "JSON_ARRAY"), value),
    }
}

fn is_close(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(value) if matches!(&value.value, Value::SingleQuotedString(s) if s == "]" || s == "}"))
}

/// `JSON_OBJECTAGG(...)` and `JSON_ARRAYAGG(...)`: a LISTAGG, which skips NULLs.
fn aggregated(parser: &mut Parser, form: Form) -> Result<Expr, ParserError> {
    let (key, value) = if form == Form::ObjectAgg {
        let (key, value) = pair(parser)?;
        (Some(key), value)
    } else {
        (None, parser.parse_expr()?)
    };
    let leave_out = absent(parser).unwrap_or(form == Form::ArrayAgg);
    parser.expect_token(&Token::RParen)?;
    let (json, value) = raw(value);
    let mut item = if json { value } else { ast_builder::call("JSON_STRING", [value]) };
    if !leave_out {
        item = ast_builder::call("COALESCE", [item, text("null")]);
    }
    if let Some(key) = key {
        let key = ast_builder::call("JSON_STRING", [cast(CastKind::Cast, key, DataType::String(None))]);
        item = joined(joined(key, text(":")), item);
    }
    let mut list = ast_builder::call("LISTAGG", [item, text(",")]);
    if let Expr::Function(list) = &mut list
        && parser.parse_keyword(Keyword::FILTER)
    {
        parser.expect_token(&Token::LParen)?;
        parser.expect_keyword_is(Keyword::WHERE)?;
        list.filter = Some(Box::new(parser.parse_expr()?));
        parser.expect_token(&Token::RParen)?;
    }
    let (open, close) = if form == Form::ObjectAgg { ("{", "}") } else { ("[", "]") };
    let list = ast_builder::call("COALESCE", [list, text("")]);
    Ok(Expr::Nested(Box::new(joined(joined(text(open), list), text(close)))))
}

fn joined(left: Expr, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op: BinaryOperator::StringConcat, right: Box::new(right) }
}
