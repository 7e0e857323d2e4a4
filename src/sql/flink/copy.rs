//! Parses `COPY (query) TO 'file' (FORMAT csv, HEADER)`.

use sqlparser::ast::{ObjectName, SetExpr};
use sqlparser::tokenizer::{Token, Word};

use crate::common::Result;

use crate::sql::ast::{Copy, Emit, Query};
use crate::sql::ast_builder;
use crate::sql::cursor::Cursor;

use super::query;

/// `COPY (query) | table TO 'file' [STORED AS format] [PARTITIONED BY (column, ...)] [[WITH | OPTIONS] (option [=] value, ...)]`,
/// which includes the forms of DuckDB, PostgreSQL and DataFusion.
pub(super) fn copy(cursor: &mut Cursor<'_>) -> Result<Copy> {
    cursor.expect(&["COPY"])?;
    let query = if cursor.peek().token == Token::LParen {
        let at = cursor.pos();
        let query = query::query(cursor)?;
        if query.emit != Emit::Default {
            let error = cursor.text.error(at, "COPY writes a result that ends; EMIT asks for one that goes on");
            return Err(error.hint("INSERT INTO a table on files goes on"));
        }
        query
    } else {
        let table = cursor.object_name("a query in parentheses, or the name of a table")?;
        let select =
            ast_builder::select_all(vec![ast_builder::table(ObjectName::from(vec![sqlparser::ast::Ident::with_quote('`', table)]))]);
        Query::new(ast_builder::query(SetExpr::Select(Box::new(select))))
    };
    if cursor.sees(&["FROM"]) {
        return Err(cursor.error("COPY ... FROM is not supported").hint("INSERT INTO table SELECT * FROM 'file'"));
    }
    cursor.expect(&["TO"])?;
    let path = cursor.string("a file: 'data.parquet'")?;
    let mut copy = Copy { query, path, options: Vec::new(), partitioned_by: Vec::new() };
    loop {
        if cursor.take(&["STORED", "AS"]) {
            let format = cursor.name("a format")?;
            copy.options.push(("format".to_string(), format.to_ascii_lowercase()));
        } else if cursor.take(&["PARTITIONED", "BY"]) || cursor.take(&["PARTITION_BY"]) {
            copy.partitioned_by = names(cursor)?;
        } else if cursor.take(&["WITH"]) || cursor.take(&["OPTIONS"]) || cursor.peek().token == Token::LParen {
            options(cursor, &mut copy)?;
        } else {
            return Ok(copy);
        }
    }
}

/// `(option [=] value, ...)`; an option without a value is true.
fn options(cursor: &mut Cursor<'_>, copy: &mut Copy) -> Result<()> {
    cursor.list(|cursor| {
        let at = cursor.pos();
        let key = match &cursor.peek().token {
            Token::SingleQuotedString(_) => cursor.string("an option")?,
            _ => cursor.name("an option, such as FORMAT")?,
        };
        let key = key.to_ascii_lowercase();
        cursor.take_symbol(&Token::Eq);
        if ["partition_by", "partitioned_by"].contains(&key.as_str()) {
            copy.partitioned_by = names(cursor)?;
            return Ok(());
        }
        if copy.options.iter().any(|(k, _)| *k == key) {
            return Err(cursor.text.error(at, format!("option `{key}` is given twice")));
        }
        let value = value(cursor)?;
        copy.options.push((key, value));
        Ok(())
    })
}

fn value(cursor: &mut Cursor<'_>) -> Result<String> {
    match cursor.peek().token.clone() {
        Token::Comma | Token::RParen => Ok("true".to_string()),
        Token::SingleQuotedString(_) => cursor.string("a value"),
        Token::Word(Word { value, .. }) | Token::Number(value, _) => {
            cursor.next();
            Ok(value)
        }
        _ => Err(cursor.expected("a value")),
    }
}

/// `(column, ...)`, or one column.
fn names(cursor: &mut Cursor<'_>) -> Result<Vec<String>> {
    if cursor.peek().token != Token::LParen {
        return Ok(vec![cursor.name("the name of a column")?]);
    }
    let mut names = Vec::new();
    cursor.list(|cursor| {
        names.push(cursor.name("the name of a column")?);
        Ok(())
    })?;
    Ok(names)
}

#[cfg(test)]
mod tests {
    use crate::sql::ast::{Source, Statement};

    #[test]
    fn all_the_ways_to_write_it() {
        let format = |f: &str| ("format".to_string(), f.to_string());
        let header = |h: &str| ("header".to_string(), h.to_string());
        for (sql, options, keys) in [
            ("COPY (SELECT 1 AS a) TO 'x.csv'", vec![], vec![]),
            ("COPY t TO 'x.csv' (HEADER, FORMAT csv)", vec![header("true"), format("csv")], vec![]),
            ("COPY t TO 'x' STORED AS PARQUET PARTITIONED BY (a, b)", vec![format("parquet")], vec!["a", "b"]),
            ("COPY t TO 'x' (FORMAT 'csv', HEADER false, PARTITION_BY (a))", vec![format("csv"), header("false")], vec!["a"]),
            ("COPY (WITH c AS (SELECT 1) SELECT * FROM c) TO 'x' WITH ('format' = 'csv')", vec![format("csv")], vec![]),
            (
                "COPY t TO 'x' STORED AS csv OPTIONS ('csv.header' 'true')",
                vec![format("csv"), ("csv.header".into(), "true".into())],
                vec![],
            ),
        ] {
            let parsed = crate::sql::parse(&Source::new("t", sql)).unwrap_or_else(|e| panic!("{sql}: {e}")).remove(0);
            let Statement::Copy(copy) = parsed.statement else { panic!("{sql}") };
            assert_eq!((copy.options, copy.partitioned_by), (options, keys.into_iter().map(String::from).collect()), "{sql}");
        }
        for (sql, message) in [
            ("COPY t FROM 'x.csv'", "COPY ... FROM is not supported"),
            ("COPY t TO x", "expected a file"),
            ("COPY (SELECT 1 EMIT CHANGES) TO 'x'", ""),
            ("COPY t TO 'x' (FORMAT csv, FORMAT json)", "given twice"),
            ("COPY t TO 'x' (FORMAT csv", "expected `,` or `)`"),
        ] {
            let error = crate::sql::parse(&Source::new("t", sql)).unwrap_err();
            assert!(error.message().contains(message), "{sql}: {error}");
        }
    }
}
