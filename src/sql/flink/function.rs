//! Parses CREATE FUNCTION with a SQL expression.

use sqlparser::tokenizer::Token;

use crate::common::Result;
use crate::sql::ast::{CreateFunction, Parameter, SqlType};
use crate::sql::cursor::Cursor;
use crate::sql::dialect::Dialect;
use crate::sql::types;

use super::columns::Words;

/// Parses the rest after FUNCTION: `[IF NOT EXISTS] f(x INT) [RETURNS INT] [LANGUAGE SQL] AS expr | RETURN expr`.
pub(super) fn function(cursor: &mut Cursor<'_>, words: Words) -> Result<CreateFunction> {
    const USAGE: &str = "write CREATE FUNCTION f(x INT, y STRING) RETURNS STRING AS CONCAT(CAST(x AS STRING), y)";
    let if_not_exists = cursor.take(&["IF", "NOT", "EXISTS"]);
    let name = cursor.object_name("the name of a function")?;
    if cursor.sees(&["AS"]) && matches!(cursor.peek_nth(1).token, Token::SingleQuotedString(_)) {
        cursor.next();
        let error = cursor.error("functions of classes and scripts are not supported: there is no JVM and no Python here");
        return Err(error.hint(USAGE));
    }
    if cursor.peek().token != Token::LParen {
        return Err(cursor.expected("`(` and the parameters").hint(USAGE));
    }
    let parameters = parameters(cursor)?;
    let returns = if cursor.take(&["RETURNS"]) || cursor.take(&["RETURN", "TYPE"]) { Some(sql_type(cursor)?) } else { None };
    if cursor.take(&["LANGUAGE"]) && !cursor.take(&["SQL"]) {
        return Err(cursor.error("only functions of SQL expressions are supported").hint(USAGE));
    }
    if !cursor.take(&["AS"]) && !cursor.take(&["RETURN"]) {
        return Err(cursor.expected("AS or RETURN and an expression").hint(USAGE));
    }
    let body = Box::new(cursor.expr()?);
    let Words { or_replace, temporary } = words;
    Ok(CreateFunction { name, or_replace, temporary, if_not_exists, parameters, returns, body, dialect: Dialect::FLINK })
}

fn parameters(cursor: &mut Cursor<'_>) -> Result<Vec<Parameter>> {
    let mut parameters: Vec<Parameter> = Vec::new();
    if cursor.peek().token == Token::LParen && cursor.peek_nth(1).token == Token::RParen {
        cursor.next();
        cursor.next();
        return Ok(parameters);
    }
    cursor.list(|cursor| {
        let at = cursor.pos();
        let name = cursor.name("the name of a parameter")?;
        if parameters.iter().any(|p| p.name == name) {
            return Err(cursor.text.error(at, format!("parameter `{name}` is given twice")));
        }
        parameters.push(Parameter { name, sql_type: sql_type(cursor)? });
        Ok(())
    })?;
    Ok(parameters)
}

fn sql_type(cursor: &mut Cursor<'_>) -> Result<SqlType> {
    let from = cursor.peek().span.start;
    let data_type = types::data_type(cursor)?;
    Ok(SqlType { data_type, text: cursor.text_since(from) })
}
