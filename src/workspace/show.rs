//! What SHOW and DESCRIBE answer, with Flink's names of columns.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;

use crate::catalog::{Catalog, Entry};
use crate::common::{Error, Result, secret};
use crate::planner::{Mode, Session};
use crate::sql::ast::{Column, ColumnKind, CreateTable, DropKind, Pattern, Show, ShowWhat};
use crate::sql::name::{DEFAULT_CATALOG, split};
use crate::sql::types::display;
use crate::sql::{quoted, render, select_all};

use super::connection::Connection;

/// Rows to print.
pub type ShownRows = (SchemaRef, RecordBatch);

impl Connection {
    /// Answers SHOW.
    ///
    /// # Errors
    /// When something is named that is not there.
    pub async fn show(&self, show: &Show) -> Result<ShownRows> {
        match &show.what {
            ShowWhat::Columns => {
                let (_, all) = self.describe(show.from.as_deref().unwrap_or_default()).await?;
                return liked(&all, show.like.as_ref());
            }
            ShowWhat::Settings => {
                let inner = self.tables.lock();
                let (keys, values) = inner.overrides.settings().unzip();
                return texts(vec![("key", keys), ("value", values)]);
            }
            ShowWhat::Jobs => return self.jobs(|name| likes(show.like.as_ref(), name)).await,
            _ => {}
        }
        let (column, names) = match &show.what {
            ShowWhat::Tables => ("table name", self.relations(show, |_| true)?),
            ShowWhat::Views => ("view name", self.relations(show, |e| matches!(e, Entry::View(_)))?),
            ShowWhat::MaterializedViews => {
                ("materialized view name", self.relations(show, |e| matches!(e, Entry::View(v) if v.definition.materialized))?)
            }
            ShowWhat::Databases => ("database name", self.with_catalog(|c| Ok(c.databases().map(str::to_string).collect()))?),
            ShowWhat::Catalogs => ("catalog name", vec![DEFAULT_CATALOG.to_string()]),
            ShowWhat::CurrentCatalog => ("current catalog name", vec![DEFAULT_CATALOG.to_string()]),
            ShowWhat::CurrentDatabase => ("current database name", vec![self.with_catalog(|c| Ok(c.current().to_string()))?]),
            ShowWhat::Functions { user } => ("function name", self.functions(show, *user)?),
            ShowWhat::Create(kind, name) => ("result", vec![self.with_catalog(|c| created(c, *kind, name))?]),
            ShowWhat::Columns | ShowWhat::Settings | ShowWhat::Jobs => return Err(Error::internal("SHOW was answered before")),
        };
        texts(vec![(column, names.into_iter().filter(|name| likes(show.like.as_ref(), name)).collect())])
    }

    /// The catalog as it was at the beginning of the statement.
    pub(super) fn with_catalog<T>(&self, of: impl FnOnce(&Catalog) -> Result<T>) -> Result<T> {
        of(&self.tables.lock().catalog)
    }

    /// Names of the database that is asked for, without it.
    fn relations(&self, show: &Show, wanted: impl Fn(&Entry) -> bool) -> Result<Vec<String>> {
        self.with_catalog(|catalog| {
            let database = database(catalog, show)?;
            let relations = catalog.entries().into_iter().filter(|e| !matches!(e, Entry::Function(_)) && e.database() == database);
            Ok(relations.filter(|e| wanted(e)).map(|e| split(e.name()).1).collect())
        })
    }

    fn functions(&self, show: &Show, user: bool) -> Result<Vec<String>> {
        let own = self.with_catalog(|catalog| {
            let database = database(catalog, show)?;
            let functions = catalog.entries().into_iter().filter(|e| matches!(e, Entry::Function(_)) && e.database() == database);
            Ok(functions.map(|e| split(e.name()).1).collect::<BTreeSet<String>>())
        })?;
        let built_in = if user { Vec::new() } else { self.session(Mode::Batch)?.functions(self.dialect()?)? };
        Ok(own.into_iter().chain(built_in).collect::<BTreeSet<String>>().into_iter().collect())
    }

    /// Answers DESCRIBE.
    ///
    /// # Errors
    /// When there is no such table or view, or its query does not plan.
    pub async fn describe(&self, name: &str) -> Result<ShownRows> {
        let entry = self.with_catalog(|catalog| catalog.get(name))?;
        let session = self.session(Mode::Batch)?;
        let rows = match &entry {
            // Undeclared columns are inferred.
            Entry::Table(table) if table.definition.columns.is_empty() => of_table(&self.source(name).await?.definition, &session).await?,
            Entry::Table(table) => of_table(&table.definition, &session).await?,
            _ => {
                let schema = session.schema(&select_all(entry.name())).await?;
                let row = |field: &Arc<Field>| Described {
                    name: field.name().clone(),
                    sql_type: display(field.data_type()),
                    null: field.is_nullable(),
                    ..Described::default()
                };
                schema.fields().iter().map(row).collect()
            }
        };
        described(&rows)
    }
}

impl Connection {
    /// The statement that declared a table or view, as SHOW CREATE answers it.
    ///
    /// # Errors
    /// When no table has that name.
    pub fn declaration(&self, name: &str) -> Result<String> {
        self.with_catalog(|catalog| Ok(secret::shown(catalog.get(name)?.text())))
    }
}

fn database(catalog: &Catalog, show: &Show) -> Result<String> {
    show.from.as_deref().map_or_else(|| Ok(catalog.current().to_string()), |name| catalog.database(name))
}

/// The text of a declaration, without what is secret in it.
fn created(catalog: &Catalog, kind: DropKind, name: &str) -> Result<String> {
    let entry = match kind {
        DropKind::Function => {
            let space = crate::catalog::Space::Functions;
            catalog.find_from(catalog.current(), space, name)?.ok_or_else(|| catalog.unknown("function", name))?
        }
        _ => catalog.get(name)?,
    };
    let fits = entry.what() == kind.what() || (kind == DropKind::View && entry.what() == DropKind::MaterializedView.what());
    if !fits {
        return Err(Error::sql(format!("`{}` is a {}, not a {}", entry.name(), entry.what(), kind.what()))
            .hint(format!("write SHOW CREATE {}", entry.what().to_uppercase())));
    }
    Ok(secret::shown(entry.text()))
}

/// One line of DESCRIBE.
#[derive(Debug, Default)]
struct Described {
    name: String,
    sql_type: String,
    null: bool,
    key: Option<String>,
    extras: Option<String>,
    watermark: Option<String>,
    comment: Option<String>,
}

async fn of_table(table: &CreateTable, session: &Session) -> Result<Vec<Described>> {
    // Only a computed column's type has to be found out.
    let computed = table.columns.iter().any(|c| matches!(c.kind, ColumnKind::Computed(_)));
    let schema = if computed { Some(session.schema(&select_all(&table.name)).await?) } else { None };
    let key: Vec<String> = table.primary_key.iter().map(|name| quoted(name)).collect();
    let row = |column: &Column| {
        let found = schema.as_ref().and_then(|schema| schema.field_with_name(&column.name).ok());
        let mut sql_type = match (&column.data_type, found) {
            (Some(data_type), _) => display(data_type),
            (None, Some(field)) => display(field.data_type()),
            (None, None) => String::new(),
        };
        let watermark = table.watermark.as_ref().filter(|w| w.column == column.name).map(|w| w.text.clone());
        if watermark.is_some() {
            sql_type += " *ROWTIME*";
        } else if matches!(&column.kind, ColumnKind::Computed(_)) && column.text.eq_ignore_ascii_case("PROCTIME()") {
            sql_type += " *PROCTIME*";
        }
        Described {
            name: column.name.clone(),
            sql_type,
            null: found.map_or(column.nullable, Field::is_nullable),
            key: table.primary_key.contains(&column.name).then(|| format!("PRI({})", key.join(", "))),
            extras: Some(render::metadata(column)).filter(|extras| !extras.is_empty()),
            watermark,
            comment: column.comment.clone(),
        }
    };
    Ok(table.columns.iter().map(row).collect())
}

fn described(rows: &[Described]) -> Result<ShownRows> {
    let text = |of: &dyn Fn(&Described) -> Option<String>| -> ArrayRef {
        Arc::new(rows.iter().map(|row| of(row).map(|text| secret::shown(&text))).collect::<StringArray>())
    };
    let mut columns: Vec<(&str, ArrayRef)> = vec![
        ("name", text(&|r| Some(r.name.clone()))),
        ("type", text(&|r| Some(r.sql_type.clone()))),
        ("null", Arc::new(rows.iter().map(|r| Some(r.null)).collect::<BooleanArray>())),
        ("key", text(&|r| r.key.clone())),
        ("extras", text(&|r| r.extras.clone())),
        ("watermark", text(&|r| r.watermark.clone())),
    ];
    // As in Flink, comments have a column if there are any.
    if rows.iter().any(|r| r.comment.is_some()) {
        columns.push(("comment", text(&|r| r.comment.clone())));
    }
    batch(columns)
}

fn texts(columns: Vec<(&str, Vec<String>)>) -> Result<ShownRows> {
    let array = |values: Vec<String>| -> ArrayRef { Arc::new(StringArray::from(values)) };
    batch(columns.into_iter().map(|(name, values)| (name, array(values))).collect())
}

pub(super) fn batch(columns: Vec<(&str, ArrayRef)>) -> Result<ShownRows> {
    let field = |(name, array): &(&str, ArrayRef)| Field::new(*name, array.data_type().clone(), *array.data_type() != DataType::Boolean);
    let schema: SchemaRef = Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()));
    let rows = RecordBatch::try_new(Arc::clone(&schema), columns.into_iter().map(|(_, array)| array).collect())?;
    Ok((schema, rows))
}

/// The rows whose first column is like a pattern.
fn liked(rows: &RecordBatch, like: Option<&Pattern>) -> Result<ShownRows> {
    let names = rows.column(0).as_any().downcast_ref::<StringArray>().ok_or_else(|| Error::internal("a name that is no text"))?;
    let keep: BooleanArray = names.iter().map(|name| Some(likes(like, name.unwrap_or_default()))).collect();
    Ok((rows.schema(), arrow::compute::filter_record_batch(rows, &keep)?))
}

/// Whether a name is like a pattern: `%` for any text, `_` for one character.
fn likes(like: Option<&Pattern>, name: &str) -> bool {
    let Some(Pattern { pattern, not, any_case }) = like else { return true };
    let fold = |text: &str| if *any_case { text.to_lowercase() } else { text.to_string() };
    let (pattern, name) = (signs(&fold(pattern)), fold(name));
    // Which prefixes of the pattern match the name so far.
    let mut row: Vec<bool> = Vec::with_capacity(pattern.len() + 1);
    row.push(true);
    for (i, p) in pattern.iter().enumerate() {
        row.push(row[i] && *p == Sign::Any);
    }
    for c in name.chars() {
        let mut next = vec![false];
        for (i, p) in pattern.iter().enumerate() {
            next.push(match p {
                Sign::Any => next[i] || row[i + 1],
                Sign::One => row[i],
                Sign::Exactly(p) => row[i] && *p == c,
            });
        }
        row = next;
    }
    row.last().copied().unwrap_or(false) != *not
}

/// What a character of a pattern stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Any,
    One,
    Exactly(char),
}

/// A pattern read; a backslash before a character means it as it is.
fn signs(pattern: &str) -> Vec<Sign> {
    let mut chars = pattern.chars();
    let sign = |c| match c {
        '%' => Sign::Any,
        '_' => Sign::One,
        c => Sign::Exactly(c),
    };
    std::iter::from_fn(|| {
        let first = chars.next()?;
        Some(if first == '\\' { Sign::Exactly(chars.next().unwrap_or(first)) } else { sign(first) })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, name, like) in [
            ("a%", "abc", true),
            ("a%", "b", false),
            ("%c", "abc", true),
            ("a_c", "abc", true),
            ("a_c", "ac", false),
            ("%", "", true),
            ("", "a", false),
            ("A%", "abc", false),
            ("%\\_c", "a_c", true),
            ("%\\_c", "abc", false),
            ("a\\%", "a%", true),
            ("a\\", "a\\", true),
        ] {
            let pattern = |not, any_case| Pattern { pattern: pattern.to_string(), not, any_case };
            assert_eq!(likes(Some(&pattern(false, false)), name), like);
            assert_eq!(likes(Some(&pattern(true, false)), name), !like);
        }
        assert!(likes(Some(&Pattern { pattern: "A%".to_string(), not: false, any_case: true }), "abc"));
    }
}
