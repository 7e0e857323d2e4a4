//! Builds parts of sqlparser's syntax trees.

use sqlparser::ast;
use sqlparser::ast::helpers::attached_token::AttachedToken;

/// `SELECT * FROM ...`.
pub(crate) fn select_all(from: Vec<ast::TableWithJoins>) -> ast::Select {
    ast::Select {
        select_token: AttachedToken::empty(),
        optimizer_hints: Vec::new(),
        distinct: None,
        select_modifiers: None,
        top: None,
        top_before_distinct: false,
        projection: vec![ast::SelectItem::Wildcard(ast::WildcardAdditionalOptions::default())],
        exclude: None,
        into: None,
        from,
        lateral_views: Vec::new(),
        prewhere: None,
        selection: None,
        connect_by: Vec::new(),
        group_by: ast::GroupByExpr::Expressions(Vec::new(), Vec::new()),
        cluster_by: Vec::new(),
        distribute_by: Vec::new(),
        sort_by: Vec::new(),
        having: None,
        named_window: Vec::new(),
        qualify: None,
        window_before_qualify: false,
        value_table_mode: None,
        flavor: ast::SelectFlavor::Standard,
    }
}

/// A name in FROM.
pub(crate) fn table(name: ast::ObjectName) -> ast::TableWithJoins {
    let relation = ast::TableFactor::Table {
        name,
        alias: None,
        args: None,
        with_hints: Vec::new(),
        version: None,
        with_ordinality: false,
        partitions: Vec::new(),
        json_path: None,
        sample: None,
        index_hints: Vec::new(),
    };
    ast::TableWithJoins { relation, joins: Vec::new() }
}

/// A query that consists of a body only.
pub(crate) fn query(body: ast::SetExpr) -> ast::Query {
    ast::Query {
        with: None,
        body: Box::new(body),
        order_by: None,
        limit_clause: None,
        fetch: None,
        locks: Vec::new(),
        for_clause: None,
        settings: None,
        format_clause: None,
        pipe_operators: Vec::new(),
    }
}

/// `name(args)`.
pub(crate) fn call(name: &str, args: impl IntoIterator<Item = ast::Expr>) -> ast::Expr {
    let args = args.into_iter().map(|arg| ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(arg))).collect();
    let list = ast::FunctionArgumentList { duplicate_treatment: None, args, clauses: Vec::new() };
    ast::Expr::Function(ast::Function {
        name: ast::ObjectName::from(vec![ast::Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: ast::FunctionArguments::None,
        args: ast::FunctionArguments::List(list),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

/// A string literal.
pub(crate) fn text(value: impl Into<String>) -> ast::Expr {
    ast::Expr::Value(ast::Value::SingleQuotedString(value.into()).into())
}

/// A number literal.
pub(crate) fn number(value: u64) -> ast::Expr {
    ast::Expr::Value(ast::Value::Number(value.to_string(), false).into())
}
