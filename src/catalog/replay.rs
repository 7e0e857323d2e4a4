//! Repeats the statements of a detached catalog on the catalog that is written.

use crate::common::Result;
use crate::sql::ast::{Parsed, Statement};

use super::layers::Catalog;

impl Catalog {
    /// Repeats a statement that a [detached](Catalog::detached) catalog over the same declarations has executed; only the catalog changes.
    /// Skips statements that do not change the catalog.
    ///
    /// # Errors
    /// When another process has declared something meanwhile, or a file cannot be written.
    pub fn replay(&mut self, parsed: &Parsed) -> Result<()> {
        let replayed = match &parsed.statement {
            Statement::CreateTable(_) => self.complete(parsed).and_then(|whole| self.create(&whole)).map(drop),
            Statement::CreateView(_) | Statement::CreateDatabase(_) | Statement::CreateFunction(_) => self.create(parsed).map(drop),
            Statement::Alter(alter) => match self.altered(alter, parsed) {
                Ok(Some(after)) => self.alter(alter, &after),
                other => other.map(drop),
            },
            Statement::Drop(drop) => self.drop(drop).map(|_| ()),
            Statement::Use(database) => self.use_database(database),
            _ => Ok(()),
        };
        replayed.map_err(|e| parsed.locate(e))
    }
}
