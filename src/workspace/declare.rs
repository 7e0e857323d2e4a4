//! Statements that declare, change, drop or set something.

use std::sync::Arc;

use arrow::datatypes::DataType;

use crate::catalog::assemble;
use crate::common::blocking::blocking;
use crate::common::{Error, Result};
use crate::planner::Mode;
use crate::sql::ast::{self, Column, ColumnKind, CreateTable, Insert, Parsed, Statement};

use super::connection::Connection;
use super::schema_inference;
use super::tables::{ConnectionState, ConnectionTables};

/// A statement that declares or sets something was carried out; with a line for the person, if there is something to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack(pub Option<String>);

impl Connection {
    /// Carries out CREATE, ALTER, DROP, USE, SET and RESET; `None` for any other statement. CREATE TABLE ... AS has to go through
    /// [`Self::unfold`] before.
    ///
    /// # Errors
    /// With the statement's place.
    pub async fn declare(&self, parsed: &Parsed) -> Result<Option<Ack>> {
        if let Statement::Drop(drop) = &parsed.statement {
            self.refuse_running(drop).await.map_err(|e| parsed.locate(e))?;
        }
        let found = self.tables.found(parsed).await.map_err(|e| locate_option(parsed, &e))?;
        if !declares(&parsed.statement) {
            return Ok(None);
        }
        let (tables, statement) = (Arc::clone(&self.tables), parsed.clone());
        blocking(move || tables.declare(&statement, found)).await
    }

    /// CREATE TABLE ... AS as the two statements that it stands for; any other statement as it is.
    ///
    /// # Errors
    /// When the query does not plan, or does not go with the columns that are declared.
    pub async fn unfold(&self, parsed: &Parsed) -> Result<Vec<Parsed>> {
        let Statement::CreateTable(table) = &parsed.statement else { return Ok(vec![parsed.clone()]) };
        let Some(query) = &table.query else { return Ok(vec![parsed.clone()]) };
        let schema = self.session(Mode::Streaming)?.schema(query).await.map_err(|e| parsed.locate(e))?;
        let mut columns: Vec<Column> = Vec::new();
        for field in schema.fields() {
            let own = table.columns.iter().find(|c| c.name == *field.name());
            columns.push(match own {
                Some(own) if matches!(own.kind, ColumnKind::Physical) => own.clone(),
                Some(own) => {
                    let error = Error::sql(format!("column `{}` is not a field of the record, but the query fills it", own.name));
                    return Err(parsed.locate(error.hint("give the column of the query another name with AS")));
                }
                None if holds_interval(field.data_type()) => {
                    let error =
                        Error::sql(format!("column `{}` of the query is an INTERVAL, which no column of a table holds", field.name()));
                    return Err(parsed.locate(error.hint("CAST it to STRING, or take its length: TIMESTAMPDIFF(SECOND, a, b)")));
                }
                None => Column::physical(field.name(), field.data_type(), field.is_nullable()),
            });
        }
        // Columns that the query does not fill come first, as in Flink.
        let others = table.columns.iter().filter(|c| schema.index_of(&c.name).is_err()).cloned();
        let columns = others.chain(columns).collect();
        let whole = CreateTable { columns, query: None, ..table.clone() };
        let create = assemble(whole, parsed).map_err(|e| parsed.locate(e))?;
        let insert = Insert {
            table: table.name.clone(),
            options: ast::Options::default(),
            columns: schema.fields().iter().map(|f| f.name().clone()).collect(),
            query: query.as_ref().clone(),
            values: false,
        };
        Ok(vec![create, Parsed { statement: Statement::Insert(insert), ..parsed.clone() }])
    }
}

impl ConnectionTables {
    /// Carries out what [`Connection::declare`] does; `found` are the inferred columns of a table that declares none, for display.
    fn declare(&self, parsed: &Parsed, found: Option<String>) -> Result<Option<Ack>> {
        let mut inner = self.lock();
        let done = match &parsed.statement {
            Statement::CreateTable(table) if table.query.is_some() => Err(Error::internal("CREATE TABLE ... AS was not unfolded")),
            Statement::CreateTable(_) => self.create_table(&mut inner, parsed).map(|()| found),
            Statement::CreateView(_) | Statement::CreateDatabase(_) | Statement::CreateFunction(_) => {
                self.forget_opened(&mut inner);
                inner.catalog.create(parsed).map(|_| None)
            }
            Statement::Alter(alter) => self.alter(&mut inner, alter, parsed).map(|()| None),
            Statement::Drop(drop) => {
                self.forget_opened(&mut inner);
                inner.catalog.drop(drop).map(|_| None)
            }
            Statement::Use(database) => inner.catalog.use_database(database).map(|()| None),
            Statement::Set(setting) => {
                let connectors = &self.workspace.connectors;
                inner.overrides.set(setting, &|key| connectors.knows(key))
            }
            Statement::Reset(key) => {
                inner.overrides.reset(key.as_deref());
                Ok(None)
            }
            _ => return Ok(None),
        };
        let names = inner.catalog.names();
        inner.overrides.declare(names);
        done.map(|line| Some(Ack(line))).map_err(|e| parsed.locate(e))
    }

    fn create_table(&self, inner: &mut ConnectionState, parsed: &Parsed) -> Result<()> {
        let whole = inner.catalog.complete(parsed)?;
        self.check(inner, &whole)?;
        self.forget_opened(inner);
        inner.catalog.create(&whole).map(drop)
    }

    fn alter(&self, inner: &mut ConnectionState, alter: &ast::Alter, parsed: &Parsed) -> Result<()> {
        let Some(after) = inner.catalog.altered(alter, parsed)? else { return Ok(()) };
        self.check(inner, &after)?;
        self.forget_opened(inner);
        inner.catalog.alter(alter, &after)
    }

    /// The inferred columns of a table that declares none, for display.
    async fn found(&self, parsed: &Parsed) -> Result<Option<String>> {
        let Statement::CreateTable(table) = &parsed.statement else { return Ok(None) };
        if !table.columns.is_empty() || table.like.is_some() || table.query.is_some() {
            return Ok(None);
        }
        let spec = self.spec_of(&self.lock().overrides, table)?;
        let inferred = self.workspace.connectors.get(&spec.connector)?.infer(&spec).await?;
        Ok(Some(schema_inference::shown(&table.name, &inferred)))
    }

    /// Asks the connector whether it can do what a table asks of it.
    fn check(&self, inner: &ConnectionState, parsed: &Parsed) -> Result<()> {
        let Statement::CreateTable(table) = &parsed.statement else { return Ok(()) };
        if table.columns.is_empty() {
            return Ok(()); // They were found out.
        }
        let named = CreateTable { name: inner.catalog.canonical(&table.name)?, ..table.clone() };
        let checked = self
            .spec_of(&inner.overrides, &named)
            .and_then(|spec| schema_inference::validate(self.workspace.connectors.get(&spec.connector)?.as_ref(), &spec));
        checked.map_err(|error| locate_option(parsed, &error))
    }
}

/// Gives an error the place of the option that it names, if it names one of the statement's, else of the statement.
fn locate_option(parsed: &Parsed, error: &Error) -> Error {
    let Statement::CreateTable(table) = &parsed.statement else { return parsed.locate(error.clone()) };
    match error.option_key().map(|key| table.options.pos(key)) {
        Some(pos) if pos.line > 0 => error.clone().at(parsed.source.place(pos.line, pos.column)),
        _ => parsed.locate(error.clone()),
    }
}

fn declares(statement: &Statement) -> bool {
    use Statement::{Alter, CreateDatabase, CreateFunction, CreateTable, CreateView, Drop, Reset, Set, Use};
    matches!(
        statement,
        CreateTable(_) | CreateView(_) | CreateDatabase(_) | CreateFunction(_) | Alter(_) | Drop(_) | Use(_) | Set(_) | Reset(_)
    )
}

/// Whether there is an interval in values of a type.
fn holds_interval(data_type: &DataType) -> bool {
    match data_type {
        DataType::Interval(_) | DataType::Duration(_) => true,
        DataType::List(element) | DataType::Map(element, _) => holds_interval(element.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| holds_interval(field.data_type())),
        _ => false,
    }
}
