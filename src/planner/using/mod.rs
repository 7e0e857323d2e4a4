//! `JOIN ... USING (k)` and `NATURAL JOIN` as `JOIN ... ON`.
//!
//! DataFusion takes a bare `k` for the column of the left side, which is NULL where RIGHT and FULL joins have a row of the right side
//! alone; after a second USING it is ambiguous. So the SQL tree is rewritten before it is planned:
//!
//! | as written | becomes |
//! |---|---|
//! | `FROM a JOIN b USING (k)` | `FROM a JOIN b ON a.k = b.k` |
//! | `k` | `a.k` of an inner or a left join, `b.k` of a right one, `COALESCE(a.k, b.k)` of a full one |
//! | `*` | `k`, the other columns of `a`, those of `b` |
//!
//! The columns of a table are found by planning `SELECT * FROM` it.

mod from;
mod names;

use std::sync::Arc;

use arrow::datatypes::Field;
use datafusion::common::TableReference;
use datafusion::execution::SessionState;
use futures::FutureExt;
use futures::future::BoxFuture;
use sqlparser::ast::helpers::attached_token::AttachedToken;
use sqlparser::ast::{
    Cte, ExceptSelectItem, ExcludeSelectItem, Expr, Ident, ObjectName, Query, Select, SelectItem, SetExpr, TableWithJoins, VisitMut,
    WildcardAdditionalOptions, With,
};

use crate::common::Result;
use crate::sql::ast_builder;
use crate::sql::rewrites::duplicates;

use super::planned_query::planned;
use super::provider::Tables;

use names::{JoinKeys, Shown, put_back, take_out};

/// Rewrites all such joins in a query.
///
/// # Errors
/// When a key of USING is not a column of both sides, with line and column.
pub(super) async fn joins_on(query: &mut Query, state: &SessionState, tables: &dyn Tables) -> Result<()> {
    if !from::written(query) {
        return Ok(());
    }
    Rewriter { state, tables }.query(query, &Around::default(), &JoinKeys::default()).await
}

struct Rewriter<'a> {
    state: &'a SessionState,
    tables: &'a dyn Tables,
}

/// The WITH definitions of the enclosing queries.
#[derive(Debug, Clone, Default)]
struct Around {
    ctes: Vec<Cte>,
    recursive: bool,
}

impl Around {
    fn add(&mut self, cte: Cte) {
        self.ctes.retain(|other| other.alias.name.value != cte.alias.name.value);
        self.ctes.push(cte);
    }
}

impl Rewriter<'_> {
    fn query<'f>(&'f self, query: &'f mut Query, around: &'f Around, outer: &'f JoinKeys) -> BoxFuture<'f, Result<()>> {
        async move {
            let mut around = around.clone();
            if let Some(with) = &mut query.with {
                self.with(with, &mut around).await?;
            }
            let names = self.body(&mut query.body, &around, outer).await?;
            if let Some(order) = &mut query.order_by {
                self.within(order, &around, &names).await?;
            }
            Ok(())
        }
        .boxed()
    }

    async fn with(&self, with: &mut With, around: &mut Around) -> Result<()> {
        around.recursive |= with.recursive;
        for cte in &mut with.cte_tables {
            let body = cte.query.body.as_mut();
            if let (true, SetExpr::SetOperation { left, .. }) = (with.recursive, body) {
                // The recursive table while its first part is evaluated.
                self.body(left, around, &JoinKeys::default()).await?;
                let first = Query { body: left.clone(), ..ast_builder::query(SetExpr::Query(cte.query.clone())) };
                around.add(Cte { query: Box::new(first), ..cte.clone() });
            }
            self.query(&mut cte.query, around, &JoinKeys::default()).await?;
            around.add(cte.clone());
        }
        Ok(())
    }

    /// Returns what bare names refer to in the ORDER BY that follows.
    fn body<'f>(&'f self, body: &'f mut SetExpr, around: &'f Around, outer: &'f JoinKeys) -> BoxFuture<'f, Result<JoinKeys>> {
        async move {
            match body {
                SetExpr::Select(select) => return self.select(select, around, outer).await,
                SetExpr::Query(query) => self.query(query, around, outer).await?,
                SetExpr::SetOperation { left, right, .. } => {
                    self.body(left, around, outer).await?;
                    self.body(right, around, outer).await?;
                }
                SetExpr::Values(values) => self.within(values, around, outer).await?,
                _ => {}
            }
            Ok(JoinKeys::default())
        }
        .boxed()
    }

    async fn select(&self, select: &mut Select, around: &Around, outer: &JoinKeys) -> Result<JoinKeys> {
        let mut from = std::mem::take(&mut select.from);
        let using = from.iter().any(from::uses);
        let mut shown = Some(Vec::new());
        for tables in &mut from {
            let columns = self.tables(tables, using, around).await?;
            shown = shown.zip(columns).map(|(before, these)| [before, these].concat());
        }
        let mut names = JoinKeys::default();
        if let Some(shown) = shown.as_ref().filter(|_| using) {
            names = JoinKeys::new(shown);
            star(select, shown);
        }
        if outer.named_in(select) {
            let own = match shown.filter(|_| using) {
                Some(shown) => Some(shown),
                None if from.is_empty() => Some(Vec::new()),
                None => self.columns(from.clone(), around).await,
            };
            // Without these columns, the table of a column is unknown.
            names = own.map_or(names.clone(), |own| names.within(outer, &own));
        }
        for item in &mut select.projection {
            named(item, &names);
        }
        self.within(select, around, &names).await?;
        select.from = from;
        let outputs: Vec<String> = select.projection.iter().filter_map(duplicates::name).collect();
        Ok(names.without(&outputs))
    }

    /// Rewrites the queries in a tree, and replaces names of keys by their expressions.
    async fn within(&self, tree: &mut (impl VisitMut + Send), around: &Around, names: &JoinKeys) -> Result<()> {
        let mut queries = take_out(tree);
        names.put_in(tree);
        let mut result = Ok(());
        for query in &mut queries {
            result = result.and(self.query(query, around, names).await);
        }
        put_back(tree, queries);
        result
    }

    /// The columns of FROM; `None` if it does not plan, which the plan of the whole query will report.
    async fn columns(&self, from: Vec<TableWithJoins>, around: &Around) -> Option<Vec<Shown>> {
        let mut query = ast_builder::query(SetExpr::Select(Box::new(ast_builder::select_all(from))));
        if !around.ctes.is_empty() {
            let with_token = AttachedToken::empty();
            query.with = Some(With { with_token, recursive: around.recursive, cte_tables: around.ctes.clone() });
        }
        let plan = planned(self.state, self.tables, query).await.ok()?;
        let column = |(table, field): (Option<&TableReference>, &Arc<Field>)| {
            Shown::column(table.map(|table| table.to_vec()).unwrap_or_default(), field.name())
        };
        Some(plan.schema().iter().map(column).collect())
    }
}

/// Expands `*` to its columns.
fn star(select: &mut Select, shown: &[Shown]) {
    let items = std::mem::take(&mut select.projection);
    select.projection = items
        .into_iter()
        .flat_map(|item| match item {
            SelectItem::Wildcard(options) => columns(&options, shown),
            item => vec![item],
        })
        .collect();
}

fn columns(options: &WildcardAdditionalOptions, shown: &[Shown]) -> Vec<SelectItem> {
    let last = |name: &ObjectName| name.0.last().and_then(|part| part.as_ident()).cloned();
    let mut left_out: Vec<Ident> = match &options.opt_exclude {
        Some(ExcludeSelectItem::Single(name)) => last(name).into_iter().collect(),
        Some(ExcludeSelectItem::Multiple(names)) => names.iter().filter_map(last).collect(),
        None => Vec::new(),
    };
    if let Some(ExceptSelectItem { first_element, additional_elements }) = &options.opt_except {
        left_out.extend([first_element].into_iter().chain(additional_elements).cloned());
    }
    let replaced = |name: &str| {
        let items = options.opt_replace.iter().flat_map(|replace| &replace.items);
        items.filter(|item| item.column_name.value == name).map(|item| item.expr.clone()).next()
    };
    let shown = shown.iter().filter(|column| !left_out.iter().any(|name| name.value == column.name));
    shown
        .map(|column| match (replaced(&column.name), column.of.as_slice()) {
            (None, [one]) => SelectItem::UnnamedExpr(one.clone()),
            (expr, _) => {
                let alias = Ident::with_quote('`', &column.name);
                SelectItem::ExprWithAlias { expr: expr.unwrap_or_else(|| column.expr()), alias }
            }
        })
        .collect()
}

/// Keeps the name of a column of SELECT when keys are replaced in it.
fn named(item: &mut SelectItem, names: &JoinKeys) {
    let SelectItem::UnnamedExpr(expr) = item else { return };
    if !names.named_in(expr) {
        return;
    }
    let alias = match expr {
        Expr::Identifier(name) => names.find(name).map(|key| key.name.clone()),
        _ => None,
    };
    let alias = Ident::with_quote('`', alias.unwrap_or_else(|| expr.to_string()));
    *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
}
