//! Turns a declaration assembled from parts into a complete statement.

use crate::common::{Error, Result};
use crate::sql::ast::{CreateTable, Parsed, Source, Statement};
use crate::sql::{Variables, parse_with};

/// Returns the CREATE TABLE of an assembled table, with a text of its own. Its place is that of `parsed`.
///
/// # Errors
/// When the parts contradict each other: a watermark on a missing column, a duplicate column.
pub fn assemble(table: CreateTable, parsed: &Parsed) -> Result<Parsed> {
    let dialect = table.dialect;
    let text = dialect.table_text(&table);
    let again =
        parse_with(&Source::new("<assembled>", text.as_str()), &Variables::default(), dialect).map_err(Error::without_location)?.pop();
    let Some(Statement::CreateTable(read)) = again.map(|again| again.statement) else {
        return Err(Error::internal(format!("a table was put together to something else: {text}")));
    };
    let CreateTable { or_replace, if_not_exists, .. } = table;
    let statement = Statement::CreateTable(CreateTable { or_replace, if_not_exists, ..read }.without_places());
    Ok(Parsed { statement, text, source: parsed.source.clone(), pos: parsed.pos, set: None, dialect })
}
