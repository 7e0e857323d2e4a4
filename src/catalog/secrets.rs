//! Options as they may be shown: without passwords.

use crate::common::secret::{MASK, is_secret};
use crate::sql::ast::Options;

/// All options in order, secret values as `****`. A reference such as `${env:PASSWORD}` tells nothing and is shown.
pub fn masked(options: &Options) -> Vec<(String, String)> {
    options.iter().map(|(key, value)| (key.to_string(), mask(key, value))).collect()
}

fn mask(key: &str, value: &str) -> String {
    let reference = value.starts_with("${") && value.find('}') == Some(value.len() - 1) && !value.contains(":-");
    if !reference && is_secret(key) {
        return MASK.to_string();
    }
    without_password(value)
}

/// `scheme://user:password@host` without its password.
fn without_password(value: &str) -> String {
    let masked = || {
        let (scheme, rest) = value.split_once("://")?;
        let authority = rest.split(['/', '?', '#']).next()?;
        let (user, host) = authority.rsplit_once('@')?;
        let (name, _) = user.split_once(':')?;
        Some(format!("{scheme}://{name}:{MASK}@{host}{}", &rest[authority.len()..]))
    };
    masked().unwrap_or_else(|| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

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
