//! Cases of `cases/*.sql`: `expression => answer`, or `expression => error: a part of the message`. Each is evaluated twice: as a constant,
//! and with its literals as columns of several rows.

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::error::Result as DfResult;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::{FunctionRegistry, SessionState};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use proptest::prelude::*;
use sqlparser::ast::{Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Query, VisitMut, VisitorMut};

use crate::common::Result;
use crate::planner::logical::statement;
use crate::planner::{DeclaredTable, Mode, Relation, Session, Tables};
use crate::sql::ast::{Source, Statement};

use crate::common::java_parse::Style;
use crate::common::java_time::Pattern;

#[derive(Debug)]
struct Nothing;

#[async_trait::async_trait]
impl Tables for Nothing {
    async fn relation(&self, _: &str) -> Result<Option<Relation>> {
        Ok(None)
    }

    async fn open(&self, name: &str) -> Result<Arc<DeclaredTable>> {
        Err(crate::common::Error::internal(format!("there is no table `{name}`")))
    }

    fn columns(&self, _: &str) -> Vec<String> {
        Vec::new()
    }

    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Returns its argument as a column, so that the optimizer cannot fold it.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Opaque(Signature);

impl ScalarUDFImpl for Opaque {
    fn name(&self) -> &'static str {
        "opaque"
    }

    fn signature(&self) -> &Signature {
        &self.0
    }

    fn return_type(&self, args: &[DataType]) -> DfResult<DataType> {
        Ok(args[0].clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        Ok(ColumnarValue::Array(args.args[0].to_array(args.number_rows)?))
    }
}

/// Wraps literals in calls of `opaque`; units and the like stay literals, as they must be.
struct Hide;

impl VisitorMut for Hide {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        const BY_UNIT: [&str; 5] = ["extract", "timestampdiff", "timestampadd", "floor_time", "ceil_time"];
        let Expr::Function(Function { name, args: FunctionArguments::List(list), .. }) = expr else { return ControlFlow::Continue(()) };
        let skip = usize::from(BY_UNIT.contains(&name.to_string().to_lowercase().as_str()));
        for arg in list.args.iter_mut().skip(skip) {
            if let FunctionArg::Unnamed(FunctionArgExpr::Expr(arg)) = arg
                && matches!(arg, Expr::Value(_) | Expr::TypedString(_) | Expr::Cast { .. } | Expr::UnaryOp { .. })
            {
                let (_, mut call) = query("SELECT opaque(0)");
                let Expr::Function(Function { args: FunctionArguments::List(list), .. }) = &mut call else { panic!("no call") };
                list.args[0] = FunctionArg::Unnamed(FunctionArgExpr::Expr(arg.clone()));
                *arg = call;
            }
        }
        ControlFlow::Continue(())
    }
}

/// A query, and its first column.
fn query(sql: &str) -> (Query, Expr) {
    try_query(sql).unwrap_or_else(|e| panic!("{e}"))
}

fn try_query(sql: &str) -> Result<(Query, Expr)> {
    let mut parsed = crate::sql::parse(&Source::new("case", sql))?;
    let Statement::Query(query) = parsed.remove(0).statement else { panic!("{sql} is no query") };
    let sqlparser::ast::SetExpr::Select(select) = query.query.body.as_ref() else { panic!("{sql} is no SELECT") };
    let sqlparser::ast::SelectItem::UnnamedExpr(expr) = &select.projection[0] else { panic!("{sql} has an alias") };
    Ok((*query.query.clone(), expr.clone()))
}

async fn answers(state: &SessionState, query: &Query) -> Result<Vec<String>> {
    let plan =
        state.create_physical_plan(&statement(state, &Nothing, crate::sql::ast::Query::new(query.clone()), Mode::Batch).await?).await?;
    let batches = datafusion::physical_plan::collect(plan, state.task_ctx()).await?;
    let columns: Vec<ArrayRef> = batches.iter().map(|b| Arc::clone(b.column(0))).collect();
    Ok(columns.iter().flat_map(show).collect())
}

fn show(column: &ArrayRef) -> Vec<String> {
    let options = FormatOptions::default().with_null("NULL").with_timestamp_format(Some("%Y-%m-%d %H:%M:%S%.3f"));
    let options = options.with_timestamp_tz_format(Some("%Y-%m-%d %H:%M:%S%.3fZ"));
    let shown = ArrayFormatter::try_new(column, &options).unwrap();
    (0..column.len()).map(|i| format!("{} {}", shown.value(i), crate::sql::types::display(column.data_type()))).collect()
}

pub(super) fn state() -> SessionState {
    let session = Session::new(Arc::new(Nothing), Mode::Batch, Arc::new(RuntimeEnv::default()), Arc::default()).unwrap();
    let mut state = session.state();
    let opaque = ScalarUDF::new_from_impl(Opaque(Signature::any(1, Volatility::Volatile)));
    state.register_udf(Arc::new(opaque)).unwrap();
    state
}

#[tokio::test]
async fn cases() {
    let state = state();
    let mut wrong = Vec::new();
    let mut count = 0;
    for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/planner/functions/cases")).unwrap() {
        let (file, text) = (file.as_ref().unwrap().path(), std::fs::read_to_string(file.unwrap().path()).unwrap());
        let file = file.file_stem().unwrap().to_string_lossy();
        for (n, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with("--") {
                continue;
            }
            count += 1;
            let (expr, expected) = line.split_once(" => ").unwrap_or_else(|| panic!("{file}:{}: {line}", n + 1));
            let from = " FROM (VALUES (1), (2), (3)) AS t (i)";
            for (how, from, rows) in [("constant", "", 1), ("column", from, 3)] {
                let answer = match try_query(&format!("SELECT {expr}{from}")) {
                    Ok((mut query, _)) => {
                        if rows > 1 {
                            _ = query.visit(&mut Hide);
                        }
                        answers(&state, &query).await
                    }
                    Err(error) => Err(error),
                };
                let right = match (&answer, expected.strip_prefix("error: ")) {
                    (Ok(answers), None) => {
                        answers.len() == rows
                            && answers.iter().all(|a| a == expected || a.rsplit_once(' ').is_some_and(|(a, _)| a == expected))
                    }
                    (Err(error), Some(part)) => error.to_string().contains(part),
                    _ => false,
                };
                if !right {
                    let shown = answer.map_or_else(|e| format!("error: {e}"), |a| format!("{a:?}"));
                    wrong.push(format!("{file}.sql:{}, {how}: {expr}\n   expected {expected}\n   answered {shown}", n + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {count} cases:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn aggregates() {
    let state = state();
    let rows = "(VALUES (1, 'a'), (2, 'b'), (2, NULL), (3, 'a')) AS t (n, s)";
    for (expr, expected) in [
        ("LISTAGG(s)", "a,b,a STRING"),
        ("LISTAGG(s, '; ')", "a; b; a STRING"),
        ("CHAR_LENGTH(LISTAGG(DISTINCT s))", "3 BIGINT"),
        ("LISTAGG(s) FILTER (WHERE n > 9)", "NULL STRING"),
        ("COUNT(*) FILTER (WHERE n > 1)", "3 BIGINT"),
        ("COUNT(DISTINCT n) FILTER (WHERE n > 1)", "2 BIGINT"),
        ("FIRST_VALUE(n)", "1 BIGINT"),
        ("LAST_VALUE(s)", "a STRING"),
        ("AVG(n)", "2 BIGINT"),
        ("AVG(CAST(n AS TINYINT))", "2 TINYINT"),
        ("AVG(n * -1)", "-2 BIGINT"),
        ("AVG(DISTINCT n + 1)", "3 BIGINT"),
        ("AVG(CAST(n AS DECIMAL(10, 2)))", "2.000000 DECIMAL(14, 6)"),
        ("AVG(CAST(n + 1 AS DECIMAL(38, 0)) / 3)", "1.0000000000 DECIMAL(38, 10)"),
        ("AVG(DISTINCT CAST(n AS DECIMAL(4, 0)))", "2.0000 DECIMAL(8, 4)"),
        ("AVG(n) FILTER (WHERE n > 9)", "NULL BIGINT"),
        ("AVG(n + 0.5E0)", "2.5 DOUBLE"),
        ("SUM(AVG(n)) OVER ()", "2 BIGINT"),
        ("COLLECT(s)", "[a, b, a] ARRAY<STRING>"),
        ("COLLECT(s) FILTER (WHERE n > 1)", "[b, a] ARRAY<STRING>"),
        ("JSON_ARRAYAGG(s)", "[\"a\",\"b\",\"a\"] STRING"),
        ("JSON_ARRAYAGG(s NULL ON NULL)", "[\"a\",\"b\",null,\"a\"] STRING"),
        ("JSON_ARRAYAGG(n) FILTER (WHERE n > 9)", "[] STRING"),
        ("JSON_OBJECTAGG(KEY n VALUE s)", "{\"1\":\"a\",\"2\":\"b\",\"2\":null,\"3\":\"a\"} STRING"),
        ("JSON_OBJECTAGG(n VALUE s ABSENT ON NULL)", "{\"1\":\"a\",\"2\":\"b\",\"3\":\"a\"} STRING"),
        ("JSON_OBJECT('all' VALUE JSON_ARRAYAGG(n))", "{\"all\":[1,2,2,3]} STRING"),
        ("PERCENTILE(n, 0.5)", "2.0 DOUBLE"),
        ("VARIANCE(n) = VAR_SAMP(n)", "true BOOLEAN"),
        ("STDDEV_POP(n) < STDDEV_SAMP(n)", "true BOOLEAN"),
        ("ARRAY_AGG(n)", "[1, 2, 2, 3] ARRAY<BIGINT>"),
        ("SUM(CASE WHEN HOUR(TIMESTAMP '2024-05-01 12:00:00') >= 8 THEN n ELSE 0 END)", "8 BIGINT"),
    ] {
        let (query, _) = query(&format!("SELECT {expr} FROM {rows}"));
        let answers = answers(&state, &query).await.unwrap_or_else(|e| panic!("{expr}: {e}"));
        assert_eq!(answers, [expected], "{expr}");
    }
}

/// Neither a wrong number nor the error text of a library.
#[tokio::test]
async fn sums_beyond_their_type_are_errors_that_name_them() {
    let state = state();
    let rows = "(VALUES (9223372036854775807, '99999999999999999999999999999999999999'), (1, '1')) AS t (n, s)";
    let wide = "CAST(s AS DECIMAL(38, 0))";
    for (expr, expected) in [
        ("SUM(n)".to_string(), "`sum(t.n)` is beyond BIGINT"),
        ("SUM(DISTINCT n)".to_string(), "is beyond BIGINT"),
        ("SUM(n) FILTER (WHERE n > 0)".to_string(), "is beyond BIGINT"),
        ("SUM(n) OVER ()".to_string(), "is beyond BIGINT"),
        ("SUM(n) OVER (ORDER BY n ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)".to_string(), "is beyond BIGINT"),
        (format!("SUM({wide})"), "has more digits than DECIMAL(38, 0) holds"),
        (format!("SUM({wide}) OVER ()"), "has more digits than DECIMAL(38, 0) holds"),
        (format!("AVG({wide})"), "has more digits than DECIMAL(38, 0) holds"),
        (format!("AVG(DISTINCT {wide})"), "has more digits than DECIMAL(38, 0) holds"),
    ] {
        for group in ["", " GROUP BY s = ''"] {
            if expr.contains("OVER") && !group.is_empty() {
                continue;
            }
            let (query, _) = query(&format!("SELECT {expr} FROM {rows}{group}"));
            let error = answers(&state, &query).await.expect_err(&expr).to_string();
            assert!(error.contains(expected), "{expr}: {error}");
            assert!(!error.contains("rrow") && !error.contains("Execution"), "{expr}: {error}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_time_is_read_as_it_was_written(millis in -62_135_596_800_000_i64..253_402_300_800_000) {
        let time = chrono::DateTime::from_timestamp_millis(millis).unwrap().naive_utc();
        for pattern in ["yyyy-MM-dd HH:mm:ss.SSS", "yyyyMMddHHmmssSSS", "d MMMM yyyy h:m:s.SSS a", "yyyy-DDD A", "EEE MMM dd HH:mm:ss.SSS X yyyy"] {
            let pattern = Pattern::parse(pattern).unwrap();
            for style in [Style::Formatter, Style::Simple] {
                prop_assert_eq!(pattern.read(&pattern.format(time), style), Some(time), "{:?}", pattern);
            }
        }
    }

    #[test]
    fn any_pattern_and_text_are_read_or_refused(pattern in "[yMdHhmsSaEDwXxZzQqGeckKAnV\\[\\]'\\-: ]{0,12}", text in "[0-9A-Za-zä:+\\- ]{0,20}", millis: i64) {
        let Ok(pattern) = Pattern::parse(&pattern) else { return Ok(()) };
        let time = chrono::DateTime::from_timestamp_millis(millis).unwrap_or_default().naive_utc();
        let written = pattern.format(time);
        for text in [&text, &written] {
            let _ = pattern.read(text, Style::Formatter);
            let _ = pattern.read(text, Style::Simple);
        }
    }
}
