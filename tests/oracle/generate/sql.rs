//! SQL text with alternatives that are simpler.

use std::fmt;

/// A fragment of SQL. The generator marks what can be omitted or replaced; so the shrinker needs no grammar: it tries every simpler text,
/// and those that no longer plan are not failures of the same kind.
#[derive(Debug, Clone)]
pub enum Sql {
    Text(String),
    Seq(Vec<Sql>),
    /// Can be omitted.
    Maybe(Box<Sql>),
    /// Items with a separator; all but one can be omitted.
    List(Vec<Sql>, &'static str),
    /// The first, or as a simpler alternative the second.
    Or(Box<Sql>, Box<Sql>),
}

/// Concatenates fragments.
macro_rules! sql {
    ($($piece:expr),* $(,)?) => { $crate::generate::sql::Sql::Seq(vec![$($crate::generate::sql::Sql::from($piece)),*]) };
}
pub(crate) use sql;

impl Sql {
    pub fn maybe(self) -> Self {
        Self::Maybe(Box::new(self))
    }

    pub fn or(self, simpler: impl Into<Self>) -> Self {
        Self::Or(Box::new(self), Box::new(simpler.into()))
    }

    /// Returns all texts that are one step simpler, the biggest steps first.
    pub fn simpler(&self) -> Vec<Self> {
        let inside = |items: &[Self], build: &dyn Fn(Vec<Self>) -> Self| {
            let mut all = Vec::new();
            for (i, item) in items.iter().enumerate() {
                for simpler in item.simpler() {
                    let mut items = items.to_vec();
                    items[i] = simpler;
                    all.push(build(items));
                }
            }
            all
        };
        match self {
            Self::Text(_) => Vec::new(),
            Self::Seq(items) => inside(items, &Self::Seq),
            Self::Maybe(item) => {
                let mut all = vec![Self::Seq(Vec::new())];
                all.extend(item.simpler().into_iter().map(Self::maybe));
                all
            }
            Self::List(items, between) => {
                let mut all = Vec::new();
                for i in (0..items.len()).filter(|_| items.len() > 1) {
                    let mut fewer = items.clone();
                    fewer.remove(i);
                    all.push(Self::List(fewer, between));
                }
                all.extend(inside(items, &|items| Self::List(items, between)));
                all
            }
            Self::Or(full, simple) => {
                let mut all = vec![simple.as_ref().clone()];
                all.extend(full.simpler().into_iter().map(|full| full.or(simple.as_ref().clone())));
                all
            }
        }
    }
}

impl fmt::Display for Sql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Seq(items) => items.iter().try_for_each(|item| item.fmt(f)),
            Self::Maybe(item) => item.fmt(f),
            Self::List(items, between) => items.iter().enumerate().try_for_each(|(i, item)| {
                f.write_str(if i == 0 { "" } else { between })?;
                item.fmt(f)
            }),
            Self::Or(full, _) => full.fmt(f),
        }
    }
}

impl From<&str> for Sql {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Sql {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&String> for Sql {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<&Sql> for Sql {
    fn from(sql: &Sql) -> Self {
        sql.clone()
    }
}
