//! DROP, which refuses to remove an object that another one uses.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::common::{Error, Result};
use crate::sql::ast::{Drop, DropKind};
use crate::sql::name::{self, DEFAULT_DATABASE};

use super::entry::{Entry, Key, Space};
use super::layers::Catalog;
use super::names;

impl Catalog {
    /// Executes a DROP; returns false if the object did not exist and the statement has IF EXISTS.
    ///
    /// # Errors
    /// When there is no such object, when another one uses it, or when it is in a shared folder.
    pub fn drop(&mut self, drop: &Drop) -> Result<bool> {
        if drop.kind == DropKind::Database {
            return self.drop_database(drop);
        }
        let store = Arc::clone(&self.store);
        let mut change = self.change(&store)?;
        let what = drop.kind.what();
        let space = if drop.kind == DropKind::Function { Space::Functions } else { Space::Relations };
        let found = match self.find_from(&self.current, space, &drop.name) {
            // Its database does not exist either.
            Err(_) if drop.if_exists && name::split(&drop.name).0.is_some_and(|d| self.database(&d).is_err()) => None,
            found => found?,
        };
        let Some(entry) = found else {
            return if drop.if_exists { Ok(false) } else { Err(self.unknown(what, &drop.name)) };
        };
        let name = entry.name();
        if entry.what() != what {
            let right = format!("write DROP {}", entry.what().to_uppercase());
            return Err(Error::sql(format!("`{name}` is a {}, not a {what}", entry.what())).hint(right));
        }
        let key = entry.key();
        // The object that a temporary one has hidden becomes visible.
        let replaced = self.temporary.contains_key(&key) && self.lasting(&key).is_some();
        if !replaced {
            self.refuse_users(&format!("{what} `{name}`"), &BTreeSet::from([key.clone()]))?;
        }
        if self.temporary.remove(&key).is_some() {
            return Ok(true);
        }
        self.refuse_shared(&key)?;
        change.remove(&key)?;
        self.done(change);
        Ok(true)
    }

    /// Checks whether [`Self::drop`] would refuse an existing object.
    ///
    /// # Errors
    /// When another object uses it, or when it is in a shared folder.
    pub fn refuse_drop(&self, drop: &Drop) -> Result<()> {
        let Some(entry) = self.find(&drop.name)? else { return Ok(()) };
        let key = entry.key();
        self.refuse_users(&format!("{} `{}`", drop.kind.what(), entry.name()), &BTreeSet::from([key.clone()]))?;
        self.refuse_shared(&key)
    }

    /// Refuses to remove objects that others need.
    pub(super) fn refuse_users(&self, what: &str, keys: &BTreeSet<Key>) -> Result<()> {
        let users = self.users(keys);
        if users.is_empty() {
            return Ok(());
        }
        let shown: Vec<String> = users.iter().map(Entry::shown).collect();
        let first = users.iter().take(1).map(|u| format!("DROP {} {}", u.what().to_uppercase(), name::sql(u.name()))).collect::<String>();
        let these = if users.len() == 1 { format!("drop that first: {first}") } else { format!("drop those first: {first} ...") };
        Err(Error::sql(format!("{what} is used by {}", shown.join(", "))).hint(these))
    }

    /// Refuses to change an object of a shared folder.
    pub(super) fn refuse_shared(&self, key: &Key) -> Result<()> {
        match self.declarations.shared.get(key) {
            Some(entry) => {
                let error =
                    Error::sql(format!("`{}` is declared in the shared catalog ({}), which is only read", key.1, entry.created_by()));
                Err(error.hint("change that file"))
            }
            None => Ok(()),
        }
    }

    fn drop_database(&mut self, drop: &Drop) -> Result<bool> {
        let store = Arc::clone(&self.store);
        let mut change = self.change(&store)?;
        let Ok(database) = self.database(&drop.name) else {
            return if drop.if_exists { Ok(false) } else { self.database(&drop.name).map(|_| false) };
        };
        if database == DEFAULT_DATABASE || database == self.current {
            let why =
                if database == DEFAULT_DATABASE { "every session begins in it" } else { "it is in use: write USE default_database first" };
            return Err(Error::sql(format!("database `{database}` cannot be dropped: {why}")));
        }
        let within: BTreeSet<Key> = self.keys().into_iter().filter(|(_, name)| names::database(name) == database).cloned().collect();
        if !within.is_empty() && !drop.cascade {
            let shown: Vec<String> = within.iter().filter_map(|key| self.exact(key)).map(Entry::shown).collect();
            return Err(Error::sql(format!("database `{database}` is not empty: it holds {}", shown.join(", ")))
                .hint("drop those first, or write DROP DATABASE ... CASCADE"));
        }
        within.iter().try_for_each(|key| self.refuse_shared(key))?;
        self.refuse_users(&format!("database `{database}`"), &within)?;
        change.remove_database(&database)?;
        self.done(change);
        self.temporary.retain(|key, _| !within.contains(key));
        Ok(true)
    }
}
