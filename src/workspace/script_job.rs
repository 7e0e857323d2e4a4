//! The parts of the job of a script, which are planned together when all of it has been read: what they are made of has to stay until then.

use std::collections::BTreeMap;

use crate::catalog::{Key, Space};
use crate::common::{Error, Result};
use crate::sql::ast::{Parsed, Statement};

use super::connection::Connection;

/// INSERTs and materialized views in the order in which they stand.
#[derive(Debug, Default)]
pub struct ScriptJob {
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    parsed: Parsed,
    /// Tables, views and functions, with the texts that declared them when the part was read.
    made_of: BTreeMap<Key, String>,
    /// The view that it is, if it is one, and the text that declares that.
    view: Option<(Key, String)>,
}

impl ScriptJob {
    /// Takes in an INSERT, or a materialized view that was declared.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn add(&mut self, connection: &Connection, parsed: Parsed) -> Result<()> {
        let (made_of, view) = connection.with_catalog(|catalog| {
            let view = match &parsed.statement {
                Statement::CreateView(view) => {
                    let key = (Space::Relations, catalog.canonical(&view.name)?);
                    catalog.text_of(&key).map(|text| (key.clone(), text.to_string()))
                }
                _ => None,
            };
            Ok((catalog.made_of(&parsed), view))
        })?;
        let again = view.is_some() && self.parts.iter().any(|part| part.view == view);
        if !again {
            self.parts.push(Part { parsed, made_of, view });
        }
        Ok(())
    }

    /// Takes in what a statement of a script would do that is not carried out.
    ///
    /// # Errors
    /// As [`Self::keep_up`].
    pub fn follow(&mut self, connection: &Connection, parsed: &Parsed) -> Result<()> {
        self.keep_up(connection, parsed)?;
        match &parsed.statement {
            Statement::Insert(insert) if !connection.writes_at_once(insert)? => self.add(connection, parsed.clone()),
            Statement::CreateView(view) if view.materialized => self.add(connection, parsed.clone()),
            _ => Ok(()),
        }
    }

    /// Leaves out the views that are gone or were replaced since they were read.
    ///
    /// # Errors
    /// When `changed`, the statement that was carried out last, has changed what a part is made of.
    pub fn keep_up(&mut self, connection: &Connection, changed: &Parsed) -> Result<()> {
        use Statement::{Alter, CreateFunction, CreateTable, CreateView, Drop, Use};
        if !matches!(&changed.statement, Alter(_) | CreateFunction(_) | CreateTable(_) | CreateView(_) | Drop(_) | Use(_)) {
            return Ok(());
        }
        connection.with_catalog(|catalog| {
            self.parts.retain(|part| part.view.as_ref().is_none_or(|(key, text)| catalog.text_of(key) == Some(text)));
            for part in &self.parts {
                let now = catalog.made_of(&part.parsed);
                let gone = |(key, text): &(&Key, &String)| catalog.text_of(key) != Some(text.as_str());
                // A name may also stand for something else now.
                let other = |(key, text): &(&Key, &String)| now.get(*key) != Some(*text);
                let Some(((_, name), _)) = part.made_of.iter().find(gone).or_else(|| part.made_of.iter().find(other)) else { continue };
                let what = if part.view.is_some() { "the materialized view" } else { "the INSERT" };
                let error =
                    Error::sql(format!("{what} in line {} uses `{name}`, and is planned with the whole script", part.parsed.pos.line));
                return Err(changed.locate(match changed.statement {
                    Use(_) => error.hint(format!("write there in which database `{name}` is")),
                    _ => error.hint(format!("change or drop `{name}` before that line, or in another script")),
                }));
            }
            Ok(())
        })
    }

    /// The parts.
    pub fn into_parts(self) -> Vec<Parsed> {
        self.parts.into_iter().map(|part| part.parsed).collect()
    }
}
