//! Options as they may be shown: without passwords.

use sqlparser::tokenizer::{Token, Tokenizer, Word};

use crate::common::secret::{MASK, is_secret, without_users};
use crate::sql::ast::Options;
use crate::sql::dialect::MillstreamDialect;
use crate::sql::literal;

/// A declaration's text with secret values of its options as `****`. A text that cannot be read is not shown.
pub fn masked_text(text: &str) -> String {
    let Ok(tokens) = Tokenizer::new(&MillstreamDialect, text).tokenize() else { return MASK.to_string() };
    let mut shown = String::with_capacity(text.len());
    // The key, once `'key' =` has been read.
    let (mut key, mut equals): (Option<String>, bool) = (None, false);
    for token in tokens {
        match &token {
            Token::Whitespace(_) => shown.push_str(&token.to_string()),
            Token::SingleQuotedString(value) => {
                match key.take() {
                    Some(key) => {
                        shown.push_str(&literal(&mask(&key, value)));
                        equals = false;
                        continue;
                    }
                    None => shown.push_str(&literal(&without_users(value))),
                }
                key = Some(value.clone());
                equals = false;
                continue;
            }
            // Also without `=`, as in OPTIONS ('key' 'value').
            // A value that is no plain literal, up to where it ends.
            other if equals && key.as_deref().is_some_and(is_secret) => {
                let ends = matches!(other, Token::Comma | Token::RParen | Token::SemiColon);
                shown.push_str(&if ends {
                    other.to_string()
                } else if shown.ends_with(MASK) {
                    String::new()
                } else {
                    MASK.to_string()
                });
                if ends {
                    (key, equals) = (None, false);
                }
                continue;
            }
            // Keys may be in double quotes.
            Token::DoubleQuotedString(name) | Token::Word(Word { value: name, quote_style: Some('"'), .. }) if is_secret(name) => {
                shown.push_str(&token.to_string());
                (key, equals) = (Some(name.clone()), false);
                continue;
            }
            Token::Eq if key.is_some() && !equals => {
                equals = true;
                shown.push('=');
                continue;
            }
            other => shown.push_str(&other.to_string()),
        }
        if !matches!(token, Token::Whitespace(_)) {
            key = None;
        }
    }
    shown
}

/// All options in order, secret values as `****`. A reference such as `${env:PASSWORD}` tells nothing and is shown.
pub fn masked(options: &Options) -> Vec<(String, String)> {
    options.iter().map(|(key, value)| (key.to_string(), mask(key, value))).collect()
}

/// One value as it may be shown.
pub(super) fn mask(key: &str, value: &str) -> String {
    let reference = value.starts_with("${") && value.find('}') == Some(value.len() - 1) && !value.contains(":-");
    if !reference && is_secret(key) {
        return MASK.to_string();
    }
    without_users(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_shown_without_secrets() {
        for (text, shown) in [
            (
                "CREATE TABLE t (a INT) -- it's\n WITH ('topic' = 'it''s', 'x.password'='p', 'b' =\n 'c')",
                "CREATE TABLE t (a INT) -- it's\n WITH ('topic' = 'it''s', 'x.password'='****', 'b' =\n 'c')",
            ),
            ("OPTIONS ('password' 'p', 'a' 'password', 'b' 'c')", "OPTIONS ('password' '****', 'a' 'password', 'b' 'c')"),
            ("WITH ('password' = '${env:PW}')", "WITH ('password' = '${env:PW}')"),
            ("SELECT 'password', 'x'", "SELECT 'password', 'x'"),
            ("WITH ('password' = \"hunter2\", 'b' = 'c')", "WITH ('password' = ****, 'b' = 'c')"),
            ("WITH (\"x.password\" = 'hunter2', 'b' = 'c')", "WITH (\"x.password\" = '****', 'b' = 'c')"),
            ("LOCATION 's3://me:hunter2@bucket/x'", "LOCATION 's3://me:****@bucket/x'"),
            ("'unclosed", "****"),
        ] {
            assert_eq!(masked_text(text), shown);
        }
    }

    #[test]
    fn secrets_are_masked() {
        for (key, value, shown) in [
            ("topic", "a", "a"),
            ("password", "a", "****"),
            ("properties.ssl.key.Password", "a", "****"),
            ("properties.sasl.jaas.config", "x required;", "****"),
            ("s3.secret-access-key", "a", "****"),
            ("password", "${env:PW}", "${env:PW}"),
            ("password", "${env:PW:-letmein}", "****"),
            ("password", "${env:PW}x", "****"),
            ("url", "mysql://me:pw@host:1/db?x=y", "mysql://me:****@host:1/db?x=y"),
            ("url", "jdbc:mysql://host/db", "jdbc:mysql://host/db"),
            ("path", "s3://bucket/a@b:c", "s3://bucket/a@b:c"),
        ] {
            assert_eq!(mask(key, value), shown, "{key}");
        }
    }
}
