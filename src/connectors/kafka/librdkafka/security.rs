//! Translates Java's settings of SASL and TLS to librdkafka's.

use std::collections::BTreeMap;

use crate::common::{Error, Result, Subject};

/// Whether [`translate`] handles a name.
pub(super) fn concerns(key: &str) -> bool {
    key.starts_with("ssl.truststore.")
        || key.starts_with("ssl.keystore.")
        || matches!(
            key,
            "sasl.jaas.config"
                | "ssl.endpoint.identification.algorithm"
                | "sasl.login.class"
                | "sasl.login.callback.handler.class"
                | "sasl.client.callback.handler.class"
        )
}

/// Whether the value of a name must not be shown.
pub(super) fn is_secret(name: &str) -> bool {
    ["password", "secret", ".key.pem", "sasl.oauthbearer.config", "assertion.private.key"].iter().any(|part| name.contains(part))
}

/// Translates those settings of `given` that [`concerns`] names.
///
/// # Errors
/// `Sql` for what librdkafka does not support: JKS stores, login modules other than user and password.
pub(super) fn translate(given: &BTreeMap<&str, &str>) -> Result<Vec<(String, String)>> {
    let mut out: Vec<(String, String)> = Vec::new();
    let mut set = |name: &str, value: &str| out.push((name.to_string(), value.to_string()));
    if let Some(jaas) = given.get("sasl.jaas.config") {
        let (user, password) = jaas_login(jaas)?;
        set("sasl.username", &user);
        set("sasl.password", &password);
        if !given.contains_key("sasl.mechanism") && !given.contains_key("sasl.mechanisms") && jaas.contains("PlainLoginModule") {
            set("sasl.mechanism", "PLAIN");
        }
    }
    for key in ["sasl.login.class", "sasl.login.callback.handler.class", "sasl.client.callback.handler.class"] {
        if given.contains_key(key) {
            return Err(Error::sql(format!("`properties.{key}` names a Java class, which Millstream cannot load"))
                .about(Subject::Option(format!("properties.{key}")))
                .hint("log in with SASL PLAIN or SCRAM (`properties.sasl.mechanism`), or with a TLS certificate"));
        }
    }
    if let Some(algorithm) = given.get("ssl.endpoint.identification.algorithm") {
        set("ssl.endpoint.identification.algorithm", if algorithm.is_empty() { "none" } else { algorithm });
    }

    if let Some(location) = given.get("ssl.truststore.location") {
        if store_type(given, "truststore", location)? == Store::Pkcs12 {
            return Err(Error::sql("`properties.ssl.truststore.location` is a PKCS#12 store, which librdkafka reads for keys only").about(Subject::Option("properties.ssl.truststore.location".into()))
                .hint("write its certificates to a PEM file (`openssl pkcs12 -in store.p12 -nokeys -out ca.pem`) and set 'properties.ssl.truststore.type' = 'PEM'"));
        }
        set("ssl.ca.location", location);
    }
    if let Some(pem) = given.get("ssl.truststore.certificates") {
        set("ssl.ca.pem", pem);
    }
    if let Some(location) = given.get("ssl.keystore.location") {
        match store_type(given, "keystore", location)? {
            Store::Pem => {
                set("ssl.certificate.location", location);
                set("ssl.key.location", location);
            }
            Store::Pkcs12 => {
                set("ssl.keystore.location", location);
                if let Some(password) = given.get("ssl.keystore.password") {
                    set("ssl.keystore.password", password);
                }
            }
        }
    }
    if let Some(pem) = given.get("ssl.keystore.certificate.chain") {
        set("ssl.certificate.pem", pem);
    }
    if let Some(pem) = given.get("ssl.keystore.key") {
        set("ssl.key.pem", pem);
    }
    Ok(out)
}

#[derive(Debug, PartialEq, Eq)]
enum Store {
    Pem,
    Pkcs12,
}

/// The type of a store: as declared, else by the name of its file; Java's default is JKS.
fn store_type(given: &BTreeMap<&str, &str>, which: &str, location: &str) -> Result<Store> {
    let declared = given.get(format!("ssl.{which}.type").as_str()).map(|t| t.to_ascii_uppercase());
    let ends = |all: &[&str]| all.iter().any(|end| location.to_ascii_lowercase().ends_with(end));
    match declared.as_deref() {
        Some("PEM") => Ok(Store::Pem),
        Some("PKCS12") => Ok(Store::Pkcs12),
        None if ends(&[".pem", ".crt", ".cert", ".cer"]) => Ok(Store::Pem),
        None if ends(&[".p12", ".pfx", ".pkcs12"]) => Ok(Store::Pkcs12),
        _ => Err(Error::sql(format!("`properties.ssl.{which}.location` is a JKS store, which only Java can read"))
            .about(Subject::Option(format!("properties.ssl.{which}.location")))
            .hint(format!(
                "convert it to PEM (`keytool -importkeystore -srckeystore store.jks -destkeystore store.p12 -deststoretype PKCS12`, then \
             `openssl pkcs12 -in store.p12 -nodes -out store.pem`) and set 'properties.ssl.{which}.type' = 'PEM' with the new file"
            ))),
    }
}

/// User and password of a `sasl.jaas.config`.
fn jaas_login(jaas: &str) -> Result<(String, String)> {
    // Never quote the text: it holds the password.
    let error = |message: &str| {
        Error::sql(format!("`properties.sasl.jaas.config` {message}")).about(Subject::Option("properties.sasl.jaas.config".into())).hint(
            "write `org.apache.kafka.common.security.plain.PlainLoginModule required username=\"...\" password=\"...\";` \
             (or scram.ScramLoginModule), or set 'properties.sasl.username' and 'properties.sasl.password'",
        )
    };
    let module = jaas.split_whitespace().next().unwrap_or_default();
    if !module.ends_with("PlainLoginModule") && !module.ends_with("ScramLoginModule") {
        return Err(error("names a login module other than PlainLoginModule and ScramLoginModule"));
    }
    match (jaas_value(jaas, "username"), jaas_value(jaas, "password")) {
        (Some(user), Some(password)) => Ok((user, password)),
        _ => Err(error("has no username and password")),
    }
}

/// The value of `key=` in a JAAS entry: quoted with `"` or `'`, with backslash escapes, or bare.
fn jaas_value(jaas: &str, key: &str) -> Option<String> {
    let mut from = 0;
    loop {
        let at = from + jaas[from..].find(key)?;
        from = at + key.len();
        let starts = jaas[..at].chars().next_back().is_none_or(|c| c.is_whitespace() || c == ';');
        let Some(rest) = jaas[from..].trim_start().strip_prefix('=').filter(|_| starts) else { continue };
        let mut rest = rest.trim_start().chars();
        let mut value = String::new();
        match rest.next()? {
            quote @ ('"' | '\'') => loop {
                match rest.next()? {
                    '\\' => value.push(rest.next()?),
                    c if c == quote => return Some(value),
                    c => value.push(c),
                }
            },
            first => {
                value.push(first);
                value.extend(rest.take_while(|c| !c.is_whitespace() && *c != ';'));
                return Some(value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(given: &[(&str, &str)]) -> Result<Vec<(String, String)>> {
        translate(&given.iter().copied().collect())
    }

    fn value<'a>(all: &'a [(String, String)], name: &str) -> Option<&'a str> {
        all.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    #[test]
    fn jaas_becomes_user_and_password() {
        let jaas = r#"org.apache.kafka.common.security.scram.ScramLoginModule required username="ann" password="a\"b;c d";"#;
        let out = run(&[("sasl.jaas.config", jaas), ("sasl.mechanism", "SCRAM-SHA-512")]).unwrap();
        assert_eq!(value(&out, "sasl.username"), Some("ann"));
        assert_eq!(value(&out, "sasl.password"), Some("a\"b;c d"));
        let out = run(&[("sasl.jaas.config", "x.PlainLoginModule required serviceusername=z username = bob password='p w' ;")]).unwrap();
        assert_eq!(value(&out, "sasl.username"), Some("bob"));
        assert_eq!(value(&out, "sasl.password"), Some("p w"));
        assert_eq!(value(&out, "sasl.mechanism"), Some("PLAIN"));
    }

    #[test]
    fn other_logins_are_refused_without_showing_secrets() {
        for jaas in [
            "com.sun.security.auth.module.Krb5LoginModule required keyTab=\"/s3cret\";",
            "x.PlainLoginModule required password=\"s3cret\";",
        ] {
            let error = run(&[("sasl.jaas.config", jaas)]).unwrap_err().to_string();
            assert!(!error.contains("s3cret") && error.contains("hint"), "{error}");
        }
        assert!(run(&[("sasl.client.callback.handler.class", "software.amazon.msk.auth.iam.IAMClientCallbackHandler")]).is_err());
    }

    #[test]
    fn pem_and_pkcs12_are_taken_and_jks_asks_for_pem() {
        let out =
            run(&[("ssl.truststore.location", "ca.pem"), ("ssl.keystore.location", "k.p12"), ("ssl.keystore.password", "x")]).unwrap();
        assert_eq!(value(&out, "ssl.ca.location"), Some("ca.pem"));
        assert_eq!(value(&out, "ssl.keystore.location"), Some("k.p12"));
        let out = run(&[("ssl.keystore.location", "both"), ("ssl.keystore.type", "PEM")]).unwrap();
        assert_eq!(value(&out, "ssl.key.location"), Some("both"));
        for (key, file) in [("ssl.truststore.location", "t.jks"), ("ssl.keystore.location", "client.keystore")] {
            assert!(run(&[(key, file)]).unwrap_err().to_string().contains("PEM"));
        }
        assert!(run(&[("ssl.truststore.location", "t.pem"), ("ssl.truststore.type", "JKS")]).is_err());
        assert_eq!(
            value(&run(&[("ssl.endpoint.identification.algorithm", "")]).unwrap(), "ssl.endpoint.identification.algorithm"),
            Some("none")
        );
    }
}
