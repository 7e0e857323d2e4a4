//! Which option keys have secret values.

/// Parts of such keys, without separators of words.
const PARTS: [&str; 17] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "saslconfig",
    "jaasconfig",
    "accesskey",
    "apikey",
    "privatekey",
    "credential",
    "userinfo",
    "keystorekey",
    "keypem",
    "oauthbearerconfig",
    "signature",
    "encryptionkey",
];

/// Whether the value of an option of that name is secret.
pub fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    // Options that generate a column of that name are not secret.
    if key.starts_with("fields.") {
        return false;
    }
    let plain: String = key.chars().filter(|c| !".-_".contains(*c)).collect();
    // A misspelt key is quoted in an error before anything else, so its value must be masked as well.
    let misspelt = |word: &str| word == "pwd" || strsim::damerau_levenshtein(word, "password") <= 2;
    PARTS.iter().any(|part| plain.contains(part)) || key.split(['.', '-', '_']).any(misspelt)
}

#[cfg(test)]
mod tests {
    use super::is_secret;

    #[test]
    fn keys_that_hold_secrets() {
        for key in [
            "password",
            "properties.ssl.key.Password",
            "x.pasword",
            "s3.secret-access-key",
            "AWSAccessKeyId",
            "ssl.key.pem",
            "properties.sasl.jaas.config",
            "basic-auth.credentials-source",
            "basic.auth.user.info",
            "sasl.oauthbearer.config",
            "X-Amz-Signature",
        ] {
            assert!(is_secret(key), "{key}");
        }
        for key in ["topic", "key.fields", "sasl.mechanism", "ssl.keystore.location", "fields.token.kind", "word", "s3.region", "path"] {
            assert!(!is_secret(key), "{key}");
        }
    }
}
