//! Flink's expressions and queries for sqlparser: its generic dialect without the forms that would be accepted and then ignored, and with
//! Flink's own.
//!
//! sqlparser has no Flink dialect. [`Dialect::parse_prefix`] parses the expressions that sqlparser cannot:
//! - `TABLE name` and `TABLE (query)` as a function's argument become the sub-query `(SELECT * FROM name)`, in which
//!   DataFusion finds the table's name; `PARTITION BY` after it is kept in `distribute_by`;
//! - `MAP[k1, v1, ...]` becomes a map literal;
//! - JSON functions with keywords between their arguments: `json_calls.rs`. `infix.rs` parses conditions.

use std::any::TypeId;

use sqlparser::ast;
use sqlparser::dialect::{Dialect, GenericDialect, Precedence};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, Word};

use crate::sql::ast_builder;
use crate::sql::tokens::SharedTokens;
use crate::sql::work_limit::take_step;

use super::infix;
use super::rewrites::json_calls;

/// Flink's expressions and queries.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct FlinkExpressions;

impl Dialect for FlinkExpressions {
    /// sqlparser asks for the generic dialect by type where it has no flag (UNNEST, for one).
    fn dialect(&self) -> TypeId {
        TypeId::of::<GenericDialect>()
    }

    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        SharedTokens.is_delimited_identifier_start(ch)
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        SharedTokens.is_identifier_start(ch)
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        SharedTokens.is_identifier_part(ch)
    }

    fn supports_unicode_string_literal(&self) -> bool {
        SharedTokens.supports_unicode_string_literal()
    }

    fn supports_string_escape_constant(&self) -> bool {
        SharedTokens.supports_string_escape_constant()
    }

    fn supports_filter_during_aggregation(&self) -> bool {
        true
    }

    fn supports_window_clause_named_window_reference(&self) -> bool {
        true
    }

    fn supports_window_function_null_treatment_arg(&self) -> bool {
        true
    }

    fn supports_group_by_expr(&self) -> bool {
        true
    }

    fn supports_match_recognize(&self) -> bool {
        true
    }

    fn supports_dictionary_syntax(&self) -> bool {
        true
    }

    fn support_map_literal_syntax(&self) -> bool {
        true
    }

    fn supports_struct_literal(&self) -> bool {
        true
    }

    fn supports_array_typedef_with_brackets(&self) -> bool {
        true
    }

    fn supports_select_wildcard_except(&self) -> bool {
        true
    }

    fn supports_select_wildcard_exclude(&self) -> bool {
        true
    }

    fn supports_select_wildcard_replace(&self) -> bool {
        true
    }

    fn allow_extract_custom(&self) -> bool {
        true
    }

    fn allow_extract_single_quotes(&self) -> bool {
        true
    }

    fn supports_parens_around_table_factor(&self) -> bool {
        true
    }

    fn supports_values_as_table_factor(&self) -> bool {
        true
    }

    /// `FOR SYSTEM_TIME AS OF`.
    fn supports_table_versioning(&self) -> bool {
        true
    }

    fn supports_bitwise_shift_operators(&self) -> bool {
        true
    }

    /// These cannot be names, so sqlparser need not try again to parse them as one.
    fn is_reserved_for_identifier(&self, keyword: Keyword) -> bool {
        use Keyword::{ARRAY, CASE, CAST, EXISTS, INTERVAL, NOT, SAFE_CAST, STRUCT, TRIM, TRY_CAST};
        matches!(keyword, ARRAY | CASE | CAST | EXISTS | INTERVAL | NOT | SAFE_CAST | STRUCT | TRIM | TRY_CAST)
    }

    fn parse_prefix(&self, parser: &mut Parser) -> Option<Result<ast::Expr, ParserError>> {
        if !take_step() {
            return Some(Err(ParserError::RecursionLimitExceeded));
        }
        let [first, second] = parser.peek_tokens_ref();
        match (&first.token, &second.token) {
            // sqlparser does not count the depth of these.
            (
                Token::Word(Word { keyword: Keyword::INTERVAL, quote_style: None, .. }),
                Token::Word(Word { keyword: Keyword::INTERVAL, quote_style: None, .. }),
            ) => Some(parser.expected("a value", second.clone())),
            (Token::Word(Word { keyword: Keyword::TABLE, quote_style: None, .. }), Token::Word(_) | Token::LParen) => {
                Some(table_argument(parser))
            }
            (Token::Word(Word { keyword: Keyword::MAP, quote_style: None, .. }), Token::LBracket) if is_map_literal(parser) => {
                Some(map_literal(parser))
            }
            (Token::Word(Word { keyword: Keyword::CAST | Keyword::TRY_CAST, quote_style: None, .. }), Token::LParen) => Some(cast(parser)),
            _ => json_calls::call(parser),
        }
    }

    /// Flink's (Calcite's) precedence; for operators that Flink does not have, sqlparser's.
    fn prec_value(&self, precedence: Precedence) -> u8 {
        match precedence {
            Precedence::Period => 100,
            Precedence::DoubleColon => 50,
            Precedence::AtTz => 41,
            Precedence::MulDivModOp => 40,
            Precedence::PlusMinus => 30,
            Precedence::PgOther => 28,
            Precedence::Xor => 27,
            Precedence::Ampersand => 26,
            Precedence::Caret => 25,
            Precedence::Pipe | Precedence::Colon => 24,
            Precedence::Between | Precedence::Like => 22,
            Precedence::Eq => 20,
            Precedence::Is => 17,
            Precedence::UnaryNot => 15,
            Precedence::And => 10,
            Precedence::Or => 5,
        }
    }

    /// `IS DISTINCT FROM` is a comparison, unlike the other tests with IS.
    fn get_next_precedence(&self, parser: &Parser) -> Option<Result<u8, ParserError>> {
        infix::is_distinct(parser).then(|| Ok(self.prec_value(Precedence::Eq)))
    }

    fn parse_infix(&self, parser: &mut Parser, expr: &ast::Expr, precedence: u8) -> Option<Result<ast::Expr, ParserError>> {
        infix::condition(parser, expr, precedence)
    }
}

/// `TABLE name [PARTITION BY columns]` or `TABLE (query) [PARTITION BY columns]`.
fn table_argument(parser: &mut Parser) -> Result<ast::Expr, ParserError> {
    parser.expect_keyword_is(Keyword::TABLE)?;
    let relation = if parser.consume_token(&Token::LParen) {
        let subquery = parser.parse_query()?;
        parser.expect_token(&Token::RParen)?;
        ast::TableFactor::Derived { lateral: false, subquery, alias: None, sample: None }
    } else {
        ast_builder::table(parser.parse_object_name(false)?).relation
    };
    let partition_by = if parser.parse_keywords(&[Keyword::PARTITION, Keyword::BY]) {
        // Additional arguments follow after a comma, so several columns are in parentheses.
        if parser.consume_token(&Token::LParen) {
            let columns = parser.parse_comma_separated(Parser::parse_expr)?;
            parser.expect_token(&Token::RParen)?;
            columns
        } else {
            vec![parser.parse_expr()?]
        }
    } else {
        Vec::new()
    };
    let relation = match relation {
        ast::TableFactor::Derived { subquery, .. } if partition_by.is_empty() => return Ok(ast::Expr::Subquery(subquery)),
        relation => ast::TableWithJoins { relation, joins: Vec::new() },
    };
    let select = ast::Select { distribute_by: partition_by, ..ast_builder::select_all(vec![relation]) };
    Ok(ast::Expr::Subquery(Box::new(ast_builder::query(ast::SetExpr::Select(Box::new(select))))))
}

/// `CAST(expr AS type)`. A type that sqlparser does not know is kept as text, which the planner parses as in CREATE TABLE.
fn cast(parser: &mut Parser) -> Result<ast::Expr, ParserError> {
    let kind =
        if parser.next_token().token.to_string().eq_ignore_ascii_case("CAST") { ast::CastKind::Cast } else { ast::CastKind::TryCast };
    parser.expect_token(&Token::LParen)?;
    let expr = Box::new(parser.parse_expr()?);
    parser.expect_keyword_is(Keyword::AS)?;
    let (mut text, mut depth, mut own) = (String::new(), 0_usize, false);
    for n in 0.. {
        match &parser.peek_nth_token_ref(n).token {
            Token::EOF => break,
            Token::RParen if depth == 0 => break,
            Token::LParen => depth += 1,
            Token::RParen => depth -= 1,
            Token::Word(word) => {
                own |= ["ROW", "ARRAY", "MAP", "BYTES", "VARBINARY", "BINARY", "LOCAL"]
                    .iter()
                    .any(|name| word.value.eq_ignore_ascii_case(name));
            }
            _ => {}
        }
        text.push_str(&parser.peek_nth_token_ref(n).token.to_string());
        text.push(' ');
    }
    let data_type = if own {
        while parser.peek_token_ref().token != Token::EOF && (depth > 0 || parser.peek_token_ref().token != Token::RParen) {
            match parser.next_token().token {
                Token::LParen => depth += 1,
                Token::RParen => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        ast::DataType::Custom(ast::ObjectName::from(vec![ast::Ident::new(text.trim())]), Vec::new())
    } else {
        parser.parse_data_type()?
    };
    parser.expect_token(&Token::RParen)?;
    Ok(ast::Expr::Cast { kind, expr, data_type, array: false, format: None })
}

/// Flink's `MAP[k1, v1, ...]`.
fn map_literal(parser: &mut Parser) -> Result<ast::Expr, ParserError> {
    parser.expect_keyword_is(Keyword::MAP)?;
    parser.expect_token(&Token::LBracket)?;
    let items = parser.parse_comma_separated0(Parser::parse_expr, Token::RBracket)?;
    parser.expect_token(&Token::RBracket)?;
    if items.len() % 2 != 0 {
        return Err(ParserError::ParserError("MAP[...] needs a value for every key".to_string()));
    }
    let mut items = items.into_iter();
    let mut entries = Vec::new();
    while let (Some(key), Some(value)) = (items.next(), items.next()) {
        entries.push(ast::MapEntry { key: Box::new(key), value: Box::new(value) });
    }
    Ok(ast::Expr::Map(ast::Map { entries }))
}

/// Whether `MAP[` begins a list; a single value is the subscript of a column named map. Looks ahead instead of trying, because trying twice
/// at every nesting level takes exponential time.
fn is_map_literal(parser: &Parser) -> bool {
    let (mut n, mut depth, mut empty) = (0, 0_usize, true);
    loop {
        match parser.peek_nth_token_no_skip(n).token {
            Token::EOF => return false,
            Token::LBracket | Token::LParen | Token::LBrace => depth += 1,
            Token::RBracket if depth == 1 => return empty,
            Token::RBracket | Token::RParen | Token::RBrace => depth = depth.saturating_sub(1),
            Token::Comma if depth == 1 => return true,
            Token::Whitespace(_) => {}
            _ => empty = depth == 0,
        }
        empty &= depth < 2;
        n += 1;
    }
}
