//! A dialect: how a statement is parsed and what it means.
//!
//! A session has one dialect in force (`SET 'sql.dialect' = '...'`, or Flink's key `table.sql-dialect`), Flink's by default. A statement in
//! a form that only another dialect has belongs to that one. The dialect is stored with the parsed text: in [`Parsed`](super::ast::Parsed),
//! in each query, in each declared object and in its file in the catalog. So a view is parsed and planned in its own dialect, wherever its
//! name is used.
//!
//! | a dialect decides | where |
//! |---|---|
//! | grammar: statements, sets of them, how sqlparser reads expressions, hints, variables | [`Grammar`] |
//! | the case of unquoted names | [`Grammar::folding`] |
//! | the default emission of a continuous query | [`Grammar::emission`] |
//! | words for highlighting and completion | [`Grammar::keywords`] |
//! | the text of a generated declaration | [`Grammar::table_text`] |
//! | names of types | [`Grammar::data_type`], [`Grammar::type_name`] |
//! | the implicit casts of INSERT | [`Grammar::casts_implicitly`] |
//! | the position of NULL in ORDER BY, functions, and the rules that give expressions their types and values | `planner/dialects.rs` |
//!
//! All dialects share the statements that they lower to (`ast/`), and the tokens: quotes, comments and the semicolon at a statement's
//! end (`tokens.rs`). To add a dialect, write its grammar in a folder beside `flink/`, list it in [`ALL`], and list its functions and
//! rules in the planner.

use std::fmt;

use arrow::datatypes::DataType;
use sqlparser::tokenizer::{Token, TokenWithSpan, Word};

use crate::common::{Error, Result, suggest};

use super::ast::{Emit, Setting, Source, Statement};
use super::cursor::Cursor;
use super::flink;
use super::grammar::{Folding, Grammar, Part};
use super::keywords::Keywords;
use super::text::Text;
use super::tokens::tokens_of;
use super::variables::Variables;

/// Every dialect; the first one is the default.
static ALL: &[&dyn Grammar] = &[
    &flink::Flink,
    #[cfg(test)]
    &super::test_dialect::TestDialect,
];

/// Settings that select the dialect in force: ours and Flink's.
pub const KEYS: [&str; 2] = ["sql.dialect", "table.sql-dialect"];

/// Dialects of other systems that users may ask for, with the error for each.
const REFUSED: [(&str, &str); 3] = [("hive", "is not supported"), ("ksql", "is not available yet"), ("ksqldb", "is not available yet")];

/// One of the dialects.
#[derive(Clone, Copy)]
pub struct Dialect(&'static dyn Grammar);

impl Dialect {
    /// Flink's, the default.
    pub const FLINK: Self = Self(&flink::Flink);

    /// The dialect of the tests.
    #[cfg(test)]
    pub const TEST: Self = Self(&super::test_dialect::TestDialect);

    /// A dialect by name, in any case; `default` is the default one.
    ///
    /// # Errors
    /// When no dialect has this name.
    pub fn named(name: &str) -> Result<Self> {
        let name = name.trim();
        if name.eq_ignore_ascii_case("default") {
            return Ok(Self::default());
        }
        if let Some(found) = ALL.iter().find(|grammar| grammar.name().eq_ignore_ascii_case(name)) {
            return Ok(Self(*found));
        }
        if let Some((refused, why)) = REFUSED.iter().find(|(refused, _)| refused.eq_ignore_ascii_case(name)) {
            return Err(Error::sql(format!("the dialect `{refused}` {why}")).hint("write the statements in Flink's dialect"));
        }
        let known: Vec<&str> = ["default"].into_iter().chain(ALL.iter().map(|grammar| grammar.name())).collect();
        Err(Error::sql(format!("there is no dialect `{name}`")).hint(suggest::hint(name, &known)))
    }

    /// The dialect that a setting selects, if its key is one of [`KEYS`].
    ///
    /// # Errors
    /// When there is no such dialect.
    pub fn of_setting(key: &str, value: &str) -> Result<Option<Self>> {
        match KEYS.contains(&key) {
            true => Self::named(value).map(Some).map_err(|error| error.context(format!("setting `{key}`"))),
            false => Ok(None),
        }
    }

    /// All dialects.
    pub fn all() -> impl Iterator<Item = Self> {
        ALL.iter().map(|grammar| Self(*grammar))
    }

    /// Its name, as written in SET and in the catalog.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// Its display name.
    pub fn title(self) -> &'static str {
        self.0.title()
    }

    /// Its keywords.
    pub(super) fn keywords(self) -> &'static Keywords {
        self.0.keywords()
    }

    /// Completions at the beginning of a statement.
    pub fn begins(self) -> &'static [&'static str] {
        self.keywords().begins
    }

    /// Completions inside a statement.
    pub fn inside(self) -> &'static [&'static str] {
        self.keywords().inside
    }

    /// Completions after SHOW.
    pub fn shown(self) -> &'static [&'static str] {
        self.keywords().shown
    }

    /// The dialect of a statement while this one is in force: a dialect that was chosen parses everything, the default one leaves to others
    /// the statements in their forms.
    pub(super) fn of_statement(self, tokens: &[TokenWithSpan]) -> Self {
        if self != Self::default() {
            return self;
        }
        Self::all().skip(1).find(|other| other.0.has_form(tokens)).unwrap_or(self)
    }

    /// Replaces variables by their values.
    pub(super) fn fill(self, variables: &Variables, text: &mut Text<'_>, tokens: &[TokenWithSpan]) -> Result<Vec<TokenWithSpan>> {
        self.0.fill(variables, text, tokens)
    }

    /// The role of the tokens up to a semicolon.
    pub(super) fn part(self, text: &Text<'_>, tokens: &[TokenWithSpan]) -> Part {
        self.0.part(text, tokens)
    }

    /// The beginning and the end of a set of statements, for hints.
    pub(super) fn set_forms(self) -> (&'static str, &'static str) {
        self.0.set_forms()
    }

    /// Whether a comment is a hint for its statement.
    pub(super) fn is_hint(self, comment: &str) -> bool {
        self.0.is_hint(comment)
    }

    /// Parses one statement; the tokens hold no semicolon.
    pub(super) fn statement(self, text: &Text<'_>, tokens: &[TokenWithSpan]) -> Result<Statement> {
        let mut tokens = self.0.hints(text, tokens)?;
        self.fold(&mut tokens);
        let mut cursor = Cursor::new(text, tokens, self);
        let mut statement = self.0.statement(&mut cursor)?;
        cursor.finish()?;
        statement.is_written_in(self);
        Ok(statement)
    }

    /// Converts unquoted names to the case in which they are kept.
    fn fold(self, tokens: &mut [TokenWithSpan]) {
        match self.0.folding() {
            Folding::Exact => {}
            Folding::Upper => {
                for token in tokens {
                    if let Token::Word(Word { value, quote_style: None, .. }) = &mut token.token {
                        *value = value.to_uppercase();
                    }
                }
            }
        }
    }

    /// The default emission of a continuous query.
    pub(super) fn emission(self) -> Emit {
        self.0.emission()
    }

    /// The grammar of its expressions and queries.
    pub(super) fn grammar(self) -> &'static dyn Grammar {
        self.0
    }

    /// The type of a text such as `MAP<STRING, DECIMAL(10, 2)>`.
    ///
    /// # Errors
    /// Names the error and the nearest spelling.
    pub fn data_type(self, text: &str) -> Result<DataType> {
        let source = Source::new("<type>", text);
        let text = Text::new(&source);
        let mut cursor = Cursor::new(&text, tokens_of(&text)?, self);
        let data_type = self.0.data_type(&mut cursor)?;
        cursor.finish()?;
        Ok(data_type)
    }

    /// The name of a type.
    pub fn type_name(self, data_type: &DataType) -> String {
        self.0.type_name(data_type)
    }

    /// Whether INSERT implicitly casts values of a type to that of a column.
    pub fn casts_implicitly(self, from: &DataType, to: &DataType) -> bool {
        self.0.casts_implicitly(from, to)
    }

    /// The text of a table that was assembled from others, changed, or created from a query.
    pub fn table_text(self, table: &super::ast::CreateTable) -> String {
        self.0.table_text(table)
    }

    /// The text of a view that was changed.
    pub fn view_text(self, view: &super::ast::CreateView) -> String {
        self.0.view_text(view)
    }
}

/// The dialect in force in a script: the initial one, until SET selects another; RESET restores the given one.
#[derive(Debug, Clone, Copy, Default)]
pub struct InForce {
    /// The dialect without a SET.
    given: Dialect,
    now: Dialect,
}

impl InForce {
    /// `now` is in force, and `given` after a RESET.
    pub fn new(given: Dialect, now: Dialect) -> Self {
        Self { given, now }
    }

    /// The dialect of the next statement.
    pub(super) fn dialect(self) -> Dialect {
        self.now
    }

    /// The dialect in force after these statements, which SET and RESET may change.
    ///
    /// # Errors
    /// When there is no such dialect.
    pub fn after<'s>(self, statements: impl IntoIterator<Item = &'s Statement>) -> Result<Self> {
        statements.into_iter().try_fold(self, |in_force, statement| {
            let now = match statement {
                Statement::Set(Setting { key, value }) => Dialect::of_setting(key, value)?.unwrap_or(in_force.now),
                Statement::Reset(None) => self.given,
                Statement::Reset(Some(key)) if KEYS.contains(&key.as_str()) => self.given,
                _ => in_force.now,
            };
            Ok(Self { now, ..self })
        })
    }
}

impl From<Dialect> for InForce {
    fn from(given: Dialect) -> Self {
        Self::new(given, given)
    }
}

impl Default for Dialect {
    fn default() -> Self {
        Self::FLINK
    }
}

impl PartialEq for Dialect {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Dialect {}

impl fmt::Debug for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.title())
    }
}

#[cfg(test)]
mod tests {
    use super::super::ast::{Parsed, Source};
    use super::super::{parse, parse_with};
    use super::*;

    #[test]
    fn dialects_by_name() {
        for name in ["default", "flink", " FLINK "] {
            assert_eq!(Dialect::named(name).unwrap(), Dialect::FLINK, "{name}");
        }
        for (name, message) in [
            ("hive", "the dialect `hive` is not supported"),
            ("KSQL", "the dialect `ksql` is not available yet"),
            ("flick", "there is no dialect `flick`"),
        ] {
            let error = Dialect::of_setting("sql.dialect", name).unwrap_err();
            assert_eq!(error.message(), format!("setting `sql.dialect`: {message}"));
            assert!(error.hint_text().is_some(), "{name}");
        }
        assert_eq!(Dialect::of_setting("pipeline.name", "hive").unwrap(), None);
        let names: std::collections::BTreeSet<&str> = Dialect::all().map(Dialect::name).collect();
        assert_eq!(names.len(), ALL.len(), "two dialects of one name");
    }

    fn read(text: &str) -> Vec<Parsed> {
        parse(&Source::new("a.sql", text)).unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    #[test]
    fn each_statement_has_the_dialect_of_its_form_or_the_one_in_force() {
        for (text, dialects) in [
            ("SELECT 1; KEEP v AS SELECT a FROM t; SELECT 1", "flink test flink"),
            ("SET 'sql.dialect' = 'test'; SELECT a; RESET 'sql.dialect'; SELECT a", "flink test test flink"),
            ("SET table.sql-dialect = test; SELECT a; SET 'sql.dialect' = 'default'; SELECT a", "flink test test flink"),
            ("SET 'sql.dialect' = 'test'; SELECT a; RESET; SELECT a", "flink test test flink"),
            ("SET 'pipeline.name' = 'test'; SELECT a", "flink flink"),
        ] {
            let names: Vec<&str> = read(text).iter().map(|parsed| parsed.dialect.name()).collect();
            assert_eq!(names.join(" "), dialects, "{text}");
        }
        let chosen = Dialect::named("test").unwrap();
        for reset in ["RESET", "RESET 'sql.dialect'", "RESET table.sql-dialect"] {
            let text = format!("KEEP v AS SELECT a FROM t; SET 'sql.dialect' = 'flink'; SELECT 1; {reset}; KEEP w AS SELECT a FROM t");
            let parsed = parse_with(&Source::new("a.sql", text), &Variables::default(), chosen).unwrap();
            let names: Vec<&str> = parsed.iter().map(|parsed| parsed.dialect.name()).collect();
            assert_eq!(names, ["test", "test", "flink", "flink", "test"], "{reset}");
        }
        let source = Source::new("a.sql", "BEGIN STATEMENT SET");
        assert!(parse_with(&source, &Variables::default(), chosen).is_err(), "Flink's sets are none of its forms");
        let error = parse(&Source::new("a.sql", "SELECT 1;\n  SET 'sql.dialect' = 'ksql'; CREATE STREAM s")).unwrap_err();
        assert_eq!(error.message(), "setting `sql.dialect`: the dialect `ksql` is not available yet");
        assert_eq!(error.place().map(|place| (place.line, place.column)), Some((2, 3)));
    }

    #[test]
    fn names_and_emission_follow_the_dialect() {
        let parsed = read("KEEP MATERIALIZED v AS SELECT a, `b`, t.\"c\" FROM t; CREATE MATERIALIZED VIEW v AS SELECT a FROM t");
        let views: Vec<_> = parsed
            .iter()
            .map(|parsed| match &parsed.statement {
                Statement::CreateView(view) => {
                    (view.name.as_str(), view.query.query.to_string(), view.query.emit, view.query.dialect.name())
                }
                other => panic!("{other:?}"),
            })
            .collect();
        let expected = [
            ("V", "SELECT A, `b`, T.\"c\" FROM T".to_string(), Emit::Changes, "test"),
            ("v", "SELECT a FROM t".to_string(), Emit::Default, "flink"),
        ];
        assert_eq!(views, expected);
        assert_eq!(parsed[0].text, "KEEP MATERIALIZED v AS SELECT a, `b`, t.\"c\" FROM t", "a text stays as it is written");
        let asked = "SELECT a EMIT FINAL; INSERT INTO t SELECT a EMIT FINAL; INSERT INTO t SELECT a; SELECT a";
        let emits: Vec<Emit> = read(&format!("SET 'sql.dialect' = 'test'; {asked}"))
            .into_iter()
            .filter_map(|parsed| match parsed.statement {
                Statement::Query(query) | Statement::Insert(super::super::ast::Insert { query, .. }) => Some(query.emit),
                _ => None,
            })
            .collect();
        assert_eq!(emits, [Emit::Final, Emit::Final, Emit::Changes, Emit::Default]);
    }

    #[test]
    fn words_are_coloured_by_the_dialect_of_their_statement() {
        use super::super::highlight::{Kind, last, lexed};
        let text = "KEEP keep AS SELECT group; SELECT keep GROUP";
        let keywords: Vec<&str> =
            lexed(text, Dialect::FLINK).into_iter().filter(|p| p.kind == Kind::Keyword).map(|p| &text[p.range]).collect();
        assert_eq!(keywords, ["KEEP", "keep", "SELECT", "SELECT", "GROUP"]);
        let set = "BEGIN STATEMENT SET; SELECT 1;";
        assert!(!last(set, Dialect::FLINK).ends);
        assert!(last(set, Dialect::named("test").unwrap()).ends);
    }
}
