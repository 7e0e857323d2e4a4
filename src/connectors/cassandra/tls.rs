//! TLS of the connections to Cassandra.

use openssl::error::ErrorStack;
use openssl::ssl::{SslConnector, SslConnectorBuilder, SslFiletype, SslMethod, SslVerifyMode};
use scylla::client::session::OpenSsl010Config;

use crate::common::{Error, Result};
use crate::connectors::TableSpec;

/// `X509_V_ERR_HOSTNAME_MISMATCH` and `X509_V_ERR_IP_ADDRESS_MISMATCH` of OpenSSL.
const OTHER_NAME: [i32; 2] = [62, 64];

/// The files that a connection with TLS needs, and what it checks.
///
/// The certificate of a node is always checked with the certificate authorities.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct TlsOptions {
    /// `ssl.ca`; `None`: the system's certificate authorities.
    ca: Option<String>,
    /// `ssl.cert` and `ssl.key`.
    own: Option<(String, String)>,
    /// `ssl.verify-hostname`.
    verify_hostname: bool,
}

impl TlsOptions {
    /// The options of a table; `None` without `ssl`.
    ///
    /// # Errors
    /// When one of them needs another.
    pub(super) fn read(spec: &TableSpec) -> Result<Option<Self>> {
        let on = |key: &str| spec.option(key).is_some_and(|text| text.eq_ignore_ascii_case("true"));
        if !on("ssl") {
            let given = ["ssl.ca", "ssl.cert", "ssl.key", "ssl.verify-hostname"].into_iter().find(|key| spec.option(key).is_some());
            return match given {
                Some(key) => Err(Error::option(key, "has no effect without TLS").hint("add 'ssl' = 'true'")),
                None => Ok(None),
            };
        }
        let file = |key: &str| spec.option(key).map(ToString::to_string);
        let own = match (file("ssl.cert"), file("ssl.key")) {
            (Some(cert), Some(key)) => Some((cert, key)),
            (None, None) => None,
            (Some(_), None) => return Err(Error::option("ssl.key", "is missing").hint("`ssl.cert` needs its key")),
            (None, Some(_)) => return Err(Error::option("ssl.cert", "is missing").hint("`ssl.key` is the key of a certificate")),
        };
        let verify_hostname = spec.option("ssl.verify-hostname").is_none() || on("ssl.verify-hostname");
        Ok(Some(Self { ca: file("ssl.ca"), own, verify_hostname }))
    }

    /// What the driver needs.
    ///
    /// # Errors
    /// When a file is missing, or not what it should be.
    pub(super) fn context(&self) -> Result<OpenSsl010Config> {
        Ok(OpenSsl010Config::new(self.builder()?))
    }

    fn builder(&self) -> Result<SslConnectorBuilder> {
        let mut builder = SslConnector::builder(SslMethod::tls_client()).map_err(|_| Error::internal("OpenSSL cannot be initialised"))?;
        if let Some(ca) = &self.ca {
            load(&mut builder, "ssl.ca", ca, |builder| builder.set_ca_file(ca))?;
        }
        if let Some((cert, key)) = &self.own {
            load(&mut builder, "ssl.cert", cert, |builder| builder.set_certificate_chain_file(cert))?;
            load(&mut builder, "ssl.key", key, |builder| builder.set_private_key_file(key, SslFiletype::PEM))?;
            load(&mut builder, "ssl.key", key, |builder| builder.check_private_key())?;
        }
        if !self.verify_hostname {
            // The name is checked last, so all else has been found right.
            builder.set_verify_callback(SslVerifyMode::PEER, |right, chain| right || OTHER_NAME.contains(&chain.error().as_raw()));
        }
        Ok(builder)
    }
}

/// Takes a file over; a file that cannot be read is told apart from one with other content.
fn load(
    builder: &mut SslConnectorBuilder,
    option: &str,
    path: &str,
    set: impl FnOnce(&mut SslConnectorBuilder) -> std::result::Result<(), ErrorStack>,
) -> Result<()> {
    if let Err(error) = std::fs::File::open(path) {
        return Err(Error::option(option, format!("'{path}' cannot be read: {}", error.kind())));
    }
    let what = if option == "ssl.key" { "the key of `ssl.cert` in PEM" } else { "certificates in PEM" };
    set(builder).map_err(|_| Error::option(option, format!("'{path}' does not hold {what}")))
}

#[cfg(test)]
#[path = "tls_tests.rs"]
mod tests;
