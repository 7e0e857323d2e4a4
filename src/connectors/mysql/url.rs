//! Parses the address of a server: `mysql://user@host:3306/database?ssl-mode=REQUIRED`, and the URLs of JDBC drivers.

use std::collections::BTreeMap;
use std::fmt;

use url::Url;

use crate::common::{Error, Result, suggest};

/// The parameters of a `mysql://` URL, and what JDBC drivers call them.
const PARAMETERS: [(&str, &str); 4] =
    [("ssl-mode", "sslmode"), ("ssl-ca", "serversslcert"), ("ssl-cert", "clientcertificate"), ("ssl-key", "clientkey")];

/// Values of `ssl-mode`.
const MODES: [&str; 5] = ["DISABLED", "PREFERRED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY"];

/// A parsed URL.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) database: Option<String>,
    pub(super) username: Option<String>,
    pub(super) password: Option<String>,
    /// `ssl-*`, by their names in a `mysql://` URL.
    pub(super) tls: BTreeMap<&'static str, String>,
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Parses the value of `url`.
///
/// # Errors
/// Says what is wrong with the URL, without quoting it: it may contain a password.
pub(super) fn parse(text: &str) -> Result<Place> {
    let (plain, jdbc) = match text.trim().strip_prefix("jdbc:") {
        Some(rest) => (rest, true),
        None => (text.trim(), false),
    };
    let wrong = |says: &str| Error::option("url", says).hint("write mysql://host:3306/database, or jdbc:mysql://host:3306/database");
    if !["mysql://", "mariadb://"].iter().any(|scheme| plain.starts_with(scheme)) {
        return Err(wrong("is none of a MySQL or MariaDB server"));
    }
    let url = Url::parse(plain).map_err(|_| wrong("cannot be read"))?;
    let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| wrong("names no host"))?;
    let mut place = Place {
        host: host.trim_matches(['[', ']']).to_string(),
        port: url.port().unwrap_or(3306),
        database: Some(decoded(url.path().trim_matches('/'))).filter(|name| !name.is_empty()),
        username: Some(decoded(url.username())).filter(|name| !name.is_empty()),
        password: url.password().map(decoded),
        tls: BTreeMap::new(),
    };
    for (key, value) in url.query_pairs() {
        let key = key.to_ascii_lowercase();
        match key.as_str() {
            "user" | "username" => place.username = Some(value.into_owned()),
            "password" => place.password = Some(value.into_owned()),
            "usessl" if jdbc => {
                let mode = if value.eq_ignore_ascii_case("true") { "REQUIRED" } else { "DISABLED" };
                place.tls.entry("ssl-mode").or_insert_with(|| mode.to_string());
            }
            _ => match PARAMETERS.iter().find(|(ours, jdbcs)| *ours == key || (jdbc && *jdbcs == key)) {
                Some((ours, _)) => drop(place.tls.insert(ours, value.into_owned())),
                // JDBC drivers have hundreds of other parameters, which are ignored.
                None if jdbc => {}
                None => {
                    let known: Vec<&str> = PARAMETERS.iter().map(|(ours, _)| *ours).collect();
                    return Err(
                        Error::option("url", format!("has a parameter `{key}` that is not known")).hint(suggest::hint(&key, &known))
                    );
                }
            },
        }
    }
    if let Some(mode) = place.tls.get_mut("ssl-mode") {
        *mode = mode.to_ascii_uppercase().replace('-', "_");
        // MariaDB's driver uses other names.
        let word = match mode.as_str() {
            "DISABLE" => "DISABLED",
            "TRUST" => "REQUIRED",
            "VERIFY_FULL" => "VERIFY_IDENTITY",
            other => MODES.iter().find(|mode| **mode == other).copied().ok_or_else(|| {
                Error::option("url", "has a parameter `ssl-mode` with a value that is not known")
                    .hint(format!("it is {}", MODES.join(", ")))
            })?,
        };
        *mode = word.to_string();
    }
    Ok(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_both_kinds() {
        let place = |text: &str| parse(text).unwrap();
        let plain = place("mysql://ann:p%40ss@db.example:3307/shop?ssl-mode=verify-ca&ssl-ca=/ca.pem");
        assert_eq!((plain.host.as_str(), plain.port, plain.database.as_deref()), ("db.example", 3307, Some("shop")));
        assert_eq!((plain.username.as_deref(), plain.password.as_deref()), (Some("ann"), Some("p@ss")));
        assert_eq!(plain.tls, BTreeMap::from([("ssl-ca", "/ca.pem".to_string()), ("ssl-mode", "VERIFY_CA".to_string())]));
        let jdbc = place("jdbc:mysql://localhost/shop?user=ann&password=x&useSSL=false&serverTimezone=UTC");
        assert_eq!((jdbc.port, jdbc.username.as_deref(), jdbc.password.as_deref()), (3306, Some("ann"), Some("x")));
        assert_eq!(jdbc.tls["ssl-mode"], "DISABLED");
        assert_eq!(place("jdbc:mariadb://[::1]:3306/a").host, "::1");
        assert_eq!(place("mysql://h").database, None);
    }

    #[test]
    fn what_is_wrong_is_said_without_what_it_holds() {
        for (text, says) in [
            ("jdbc:postgresql://h/secret", "is none of a MySQL or MariaDB server"),
            ("mysql:///secret", "names no host"),
            ("mysql://h:secret/d", "cannot be read"),
            ("mysql://h/d?sslmod=secret", "parameter `sslmod`"),
            ("mysql://h/d?ssl-mode=secret", "a value that is not known"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(says) && !error.contains("secret"), "{text}: {error}");
        }
    }
}
