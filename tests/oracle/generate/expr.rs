//! Generates random expressions of a given type.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use super::sql::{Sql, sql};

/// How DECIMALs near their limit are declared.
pub const WIDE: &str = "DECIMAL(38, 2)";

/// The type of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    Int,
    Decimal,
    /// DECIMALs of up to 38 digits: never added, because sums may overflow.
    Wide,
    /// Sums of quarters: exact in any order, so they can be compared and grouped by.
    Float,
    /// The last digits depend on the order of rows: only for output.
    Inexact,
    Text,
    Bool,
    Time,
    Date,
}

impl Type {
    /// Types that have an order and can be keys.
    pub const KEYS: [Self; 8] = [Self::Int, Self::Text, Self::Bool, Self::Decimal, Self::Wide, Self::Time, Self::Date, Self::Float];

    /// The SQL type of a column.
    pub fn ddl(self) -> &'static str {
        match self {
            Self::Int => "BIGINT",
            Self::Decimal => "DECIMAL(30, 2)",
            Self::Wide => WIDE,
            Self::Float | Self::Inexact => "DOUBLE",
            Self::Text => "STRING",
            Self::Bool => "BOOLEAN",
            Self::Time => "TIMESTAMP(6)",
            Self::Date => "DATE",
        }
    }
}

/// A column: its name in expressions, and its type.
#[derive(Debug, Clone)]
pub struct Col {
    pub name: String,
    pub ty: Type,
}

/// Returns the columns of these types.
pub fn of(cols: &[Col], types: &[Type]) -> Vec<Col> {
    cols.iter().filter(|c| types.contains(&c.ty)).cloned().collect()
}

/// Generates a value of a type over columns; `depth` limits the nesting.
pub fn value(r: &mut StdRng, cols: &[Col], ty: Type, depth: u32) -> Sql {
    let own = of(cols, &[ty]);
    let simple = match own.choose(r) {
        Some(col) if r.random_bool(0.9) => Sql::from(&col.name),
        _ => literal(r, ty),
    };
    if depth == 0 || r.random_bool(0.45) {
        return simple;
    }
    let d = depth - 1;
    let full = match (ty, r.random_range(0..6)) {
        (_, 0) => sql![
            "CASE WHEN ",
            condition(r, cols, d),
            " THEN ",
            value(r, cols, ty, d),
            Sql::maybe(sql![" ELSE ", value(r, cols, ty, d)]),
            " END"
        ],
        (_, 1) => sql!["COALESCE(", value(r, cols, ty, d), ", ", value(r, cols, ty, d), ")"],
        (Type::Float, 2) => sql!["CASE WHEN ", condition(r, cols, d), " THEN CAST('NaN' AS DOUBLE) ELSE ", value(r, cols, ty, d), " END"],
        (Type::Text, 2) => sql!["UPPER(", value(r, cols, ty, d), ")"],
        (_, 2) => sql!["NULLIF(", value(r, cols, ty, d), ", ", value(r, cols, ty, d), ")"],
        (Type::Int | Type::Decimal | Type::Float, 3) => {
            sql!["(", value(r, cols, ty, d), [" + ", " - "].choose(r).copied().unwrap_or(" + "), value(r, cols, ty, d), ")"]
        }
        (Type::Wide, 3 | 4) => {
            let sign = [" + ", " - ", " * ", " / NULLIF(", " % NULLIF("].choose(r).copied().unwrap_or(" + ");
            let end = if sign.ends_with('(') { ", 0)" } else { "" };
            let by = if r.random_bool(0.5) { Type::Wide } else { Type::Decimal };
            let other = value(r, cols, by, 0);
            sql!["TRY_CAST((", value(r, cols, ty, d), sign, other, format!("{end}) AS {WIDE})")]
        }
        (Type::Wide, _) => sql!["CAST(", value(r, cols, Type::Decimal, d), format!(" AS {WIDE})")],
        (Type::Int, _) if r.random_bool(0.1) => {
            let unsigned = ["UInt8", "UInt16", "UInt32", "UInt64"].choose(r).copied().unwrap_or("UInt32");
            sql!["ARROW_CAST(ABS(", value(r, cols, ty, 0), format!(" % 100), '{unsigned}')")]
        }
        (Type::Int, 4) => sql![value(r, cols, ty, 0), format!(" % {}", r.random_range(2..5))],
        (Type::Int, _) if r.random_bool(0.2) => sql!["CAST(", value(r, cols, Type::Decimal, 0), " AS INT)"],
        (Type::Int, _) if r.random_bool(0.2) => sql!["TRY_CAST(", value(r, cols, Type::Text, d), " AS INT)"],
        (Type::Int, _) if r.random_bool(0.3) => sql!["CHAR_LENGTH(", value(r, cols, Type::Text, d), ")"],
        (Type::Int, _) if r.random_bool(0.3) => sql!["EXTRACT(SECOND FROM ", value(r, cols, Type::Time, d), ")"],
        (Type::Int, _) => sql!["(", value(r, cols, ty, 0), format!(" * {}", r.random_range(2..4)), ")"],
        (Type::Float, _) if r.random_bool(0.5) => sql!["CAST(", value(r, cols, Type::Int, d), " AS DOUBLE)"],
        (Type::Float, _) => sql!["(", value(r, cols, ty, 0), " * 0.5)"],
        (Type::Decimal, _) => sql!["CAST(", value(r, cols, Type::Int, 0), " AS DECIMAL(10, 2))"],
        (Type::Text, 3) => sql!["CAST(", value(r, cols, Type::Int, d), " AS STRING)"],
        (Type::Text, 4) => sql!["SUBSTRING(", value(r, cols, ty, d), ", 1, 1)"],
        (Type::Text, _) => sql!["(", value(r, cols, ty, d), " || ", value(r, cols, ty, d), ")"],
        (Type::Bool, _) => sql!["(", condition(r, cols, d), ")"],
        (Type::Time, 3) => {
            let to = ["TIMESTAMP(0)", "TIMESTAMP(3)", "DATE"].choose(r).copied().unwrap_or("DATE");
            sql!["CAST(CAST(", value(r, cols, ty, d), format!(" AS {to}) AS TIMESTAMP(6))")]
        }
        (Type::Time, 4) => {
            let way = ["FLOOR(", "CEIL("].choose(r).copied().unwrap_or("FLOOR(");
            sql![way, value(r, cols, ty, d), [" TO SECOND)", " TO MINUTE)"].choose(r).copied().unwrap_or(" TO SECOND)")]
        }
        (Type::Time, _) => sql!["(", value(r, cols, ty, d), format!(" + INTERVAL '{}' SECOND)", r.random_range(1..4))],
        (Type::Date, _) => sql!["CAST(", value(r, cols, Type::Time, d), " AS DATE)"],
        (Type::Inexact, _) => return simple,
    };
    full.or(simple)
}

fn literal(r: &mut StdRng, ty: Type) -> Sql {
    match ty {
        Type::Int => r.random_range(-2..4).to_string(),
        Type::Decimal => format!("CAST({} AS DECIMAL(10, 2))", r.random_range(-2..4)),
        Type::Wide => format!("CAST({} AS {WIDE})", r.random_range(-2..4)),
        Type::Float | Type::Inexact => format!("CAST({} AS DOUBLE)", f64::from(r.random_range(-4..8)) / 4.0),
        Type::Text => format!("'{}'", ["a", "b", "", "zz"].choose(r).copied().unwrap_or("a")),
        Type::Bool => ["TRUE", "FALSE"].choose(r).copied().unwrap_or("TRUE").into(),
        Type::Time => format!("TIMESTAMP '2024-05-01 12:00:0{}'", r.random_range(0..8)),
        Type::Date => format!("DATE '2024-05-0{}'", r.random_range(1..4)),
    }
    .into()
}

/// Generates a value of a column that is never NULL, for keys of joins: an outer join's NULLs would give another key.
pub fn filled(r: &mut StdRng, col: &Col) -> Sql {
    let simple = Sql::from(&col.name);
    match r.random_range(0..2) {
        0 => sql!["COALESCE(", &simple, ", ", literal(r, col.ty), ")"],
        _ => sql!["CASE WHEN ", &simple, " IS NULL THEN ", literal(r, col.ty), " ELSE ", &simple, " END"],
    }
    .or(simple)
}

/// Generates a condition that is true, false or NULL.
pub fn condition(r: &mut StdRng, cols: &[Col], depth: u32) -> Sql {
    let usable = of(cols, &Type::KEYS);
    let Some(col) = usable.choose(r).cloned() else { return "TRUE".into() };
    let d = depth.saturating_sub(1);
    let comparison = ["=", "<>", "<", "<=", ">", ">="].choose(r).copied().unwrap_or("=");
    let simple = sql![&col.name, " IS NOT NULL"];
    let full = match r.random_range(0..10) {
        0 => return simple,
        1 => return sql![&col.name, " IS NULL"],
        2 if depth > 0 => {
            let both = [" AND ", " OR "].choose(r).copied().unwrap_or(" AND ");
            let left = condition(r, cols, d);
            sql!["(", &left, both, condition(r, cols, d), ")"].or(left)
        }
        3 if depth > 0 => sql!["NOT (", condition(r, cols, d), ")"],
        4 => sql![&col.name, " IN (", literal(r, col.ty), ", ", literal(r, col.ty), ")"],
        5 => sql!["(", &col.name, " IS NOT DISTINCT FROM ", value(r, cols, col.ty, d), ")"],
        6 if col.ty == Type::Bool => sql![&col.name, " IS NOT TRUE"],
        6 if col.ty == Type::Text => sql![&col.name, " LIKE 'a%'"],
        6 => sql!["(", &col.name, " BETWEEN ", literal(r, col.ty), " AND ", value(r, cols, col.ty, d), ")"],
        _ => sql![value(r, cols, col.ty, d), format!(" {comparison} "), value(r, cols, col.ty, d)],
    };
    full.or(simple)
}

/// Generates an aggregate function over columns, and the type of its result.
pub fn aggregate(r: &mut StdRng, cols: &[Col]) -> (Sql, Type) {
    let any = of(cols, &Type::KEYS);
    let numbers = of(cols, &[Type::Int, Type::Decimal, Type::Float]);
    let count = (sql!["COUNT(*)"], Type::Int);
    let pick = r.random_range(0..12);
    let number = numbers.choose(r).map(|c| (value(r, cols, c.ty, 1), c.ty));
    let key = any.choose(r).map(|c| (value(r, cols, c.ty, 1), c.ty));
    let (call, ty) = match (pick, key, number) {
        (0, _, _) | (_, None, _) => count,
        (1, Some((v, _)), _) => (sql!["COUNT(", v, ")"], Type::Int),
        (2, Some((v, _)), _) => (sql!["COUNT(DISTINCT ", v, ")"], Type::Int),
        (3 | 4, Some((v, ty)), _) if ty != Type::Bool => (sql!["MIN(", v, ")"], ty),
        (5, Some((v, ty)), _) if ty != Type::Bool => (sql!["MAX(", v, ")"], ty),
        (6, _, Some((v, _))) => (sql!["AVG(", v, ")"], Type::Inexact),
        (7, _, Some((v, ty @ (Type::Int | Type::Decimal)))) => (sql!["SUM(DISTINCT ", v, ")"], ty),
        (7, _, Some((v, _))) => {
            let name = ["STDDEV(", "VAR_POP(", "MEDIAN("].choose(r).copied().unwrap_or("STDDEV(");
            (sql![name, "CAST(", v, " AS DOUBLE))"], Type::Inexact)
        }
        (8, _, _) => {
            let name = ["BOOL_AND(", "BOOL_OR("].choose(r).copied().unwrap_or("BOOL_OR(");
            (sql![name, condition(r, cols, 1), ")"], Type::Bool)
        }
        (_, _, Some((v, ty))) => (sql!["SUM(", v, ")"], ty),
        _ => count,
    };
    if r.random_bool(0.3) {
        return (sql![call, sql![" FILTER (WHERE ", condition(r, cols, 1), ")"].maybe()], ty);
    }
    (call, ty)
}

/// Generates a condition on the clock, which is long after the tests' rows: it is always true, or never.
pub fn clock(r: &mut StdRng, time: &str) -> Sql {
    let span = format!("INTERVAL '{}' MINUTE", r.random_range(1..20));
    let now = ["now()", "CURRENT_TIMESTAMP", "LOCALTIMESTAMP"].choose(r).copied().unwrap_or("now()");
    match r.random_range(0..4) {
        0 => format!("{time} > {now} - {span}"),
        1 => format!("{time} BETWEEN {now} - INTERVAL '3650' DAY AND {now}"),
        2 => format!("CAST({time} AS DATE) < CURRENT_DATE"),
        _ => format!("{time} + {span} <= {now}"),
    }
    .into()
}
