//! Certificates that are accepted, and those that are not.

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{SslAcceptor, SslMethod};
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509Name};

use super::*;
use crate::connectors::cassandra::config::CassandraTable;
use crate::sql::ast::Options;

/// A certificate of its own authority, for an IP address.
fn certificate(ip: &str) -> (X509, PKey<Private>) {
    let key = PKey::from_ec_key(EcKey::generate(&EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap()).unwrap()).unwrap();
    let mut name = X509Name::builder().unwrap();
    name.append_entry_by_text("CN", ip).unwrap();
    let name = name.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(&BigNum::from_u32(1).unwrap().to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(2).unwrap()).unwrap();
    builder.append_extension(BasicConstraints::new().ca().build().unwrap()).unwrap();
    let names = SubjectAlternativeName::new().ip(ip).build(&builder.x509v3_context(None, None)).unwrap();
    builder.append_extension(names).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    (builder.build(), key)
}

fn written(folder: &Path, name: &str, pem: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, pem).unwrap();
    path
}

/// A table without columns.
fn table(pairs: &[(&str, &str)]) -> TableSpec {
    let mut options = Options::default();
    pairs.iter().for_each(|(key, value)| options.set(key, value));
    let (name, connector) = ("t".to_string(), "cassandra".to_string());
    TableSpec { name, connector, columns: Vec::new(), primary_key: Vec::new(), partitioned_by: Vec::new(), options }
}

/// The options of a table with these of TLS.
fn options(more: &[(&str, &str)]) -> Result<Option<TlsOptions>> {
    TlsOptions::read(&table(more))
}

#[test]
fn a_certificate_needs_its_authority_and_the_address() {
    let folder = tempfile::tempdir().unwrap();
    let (here, there) = (certificate("127.0.0.1"), certificate("127.0.0.2"));
    let [ca_here, ca_there] =
        [("here", &here), ("there", &there)].map(|(name, (pem, _))| written(folder.path(), name, &pem.to_pem().unwrap()));
    for (server, ca, verify, accepted) in [
        (&here, &ca_here, true, true),
        (&here, &ca_there, true, false),
        (&here, &ca_there, false, false),
        (&there, &ca_there, true, false),
        (&there, &ca_there, false, true),
    ] {
        let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
        acceptor.set_certificate(&server.0).unwrap();
        acceptor.set_private_key(&server.1).unwrap();
        let (acceptor, listener) = (acceptor.build(), TcpListener::bind("127.0.0.1:0").unwrap());
        let address = listener.local_addr().unwrap();
        let serving = std::thread::spawn(move || drop(acceptor.accept(listener.accept().unwrap().0)));
        let ca = ca.display().to_string();
        let verify_hostname = verify.to_string();
        let tls = options(&[("ssl", "true"), ("ssl.ca", &ca), ("ssl.verify-hostname", &verify_hostname)]).unwrap().unwrap();
        let connector = tls.builder().unwrap().build();
        let mut connection = connector.configure().unwrap().verify_hostname(false).into_ssl("127.0.0.1").unwrap();
        // As the driver does.
        connection.param_mut().set_ip(address.ip()).unwrap();
        let connected = connection.connect(std::net::TcpStream::connect(address).unwrap()).is_ok();
        serving.join().unwrap();
        assert_eq!(connected, accepted, "{ca} {verify}");
    }
}

#[test]
fn files_that_are_missing_or_wrong_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (certificate("127.0.0.1"), certificate("127.0.0.1"));
    let cert = written(folder.path(), "cert", &one.0.to_pem().unwrap()).display().to_string();
    let key = written(folder.path(), "key", &one.1.private_key_to_pem_pkcs8().unwrap()).display().to_string();
    let others = written(folder.path(), "others", &other.1.private_key_to_pem_pkcs8().unwrap()).display().to_string();
    let text = written(folder.path(), "text", b"hello").display().to_string();
    let context = |more: &[(&str, &str)]| {
        let tls = options(&[&[("ssl", "true")], more].concat()).unwrap().unwrap();
        tls.context().map(drop).map_err(|e| e.message().to_string())
    };
    assert_eq!(context(&[("ssl.cert", &cert), ("ssl.key", &key)]), Ok(()));
    for (more, says) in [
        (vec![("ssl.ca", "/nowhere")], "option `ssl.ca`: '/nowhere' cannot be read"),
        (vec![("ssl.ca", text.as_str())], "does not hold certificates in PEM"),
        (vec![("ssl.cert", &cert), ("ssl.key", &text)], "does not hold the key of `ssl.cert`"),
        (vec![("ssl.cert", &cert), ("ssl.key", &others)], "does not hold the key of `ssl.cert`"),
    ] {
        let message = context(&more).unwrap_err();
        assert!(message.replace("option `ssl.ca` ", "option `ssl.ca`: ").contains(says), "{message}");
    }
}

#[test]
fn options_that_need_another_one_say_so() {
    assert_eq!(options(&[("ssl", "false")]).unwrap(), None);
    for (more, says) in [
        (&[("ssl.ca", "x")][..], "`ssl.ca` has no effect without TLS"),
        (&[("ssl", "true"), ("ssl.cert", "x")], "`ssl.key` is missing"),
        (&[("ssl", "true"), ("ssl.key", "x")], "`ssl.cert` is missing"),
    ] {
        let error = options(more).unwrap_err();
        assert!(error.message().contains(says), "{error}");
    }
    let spec = table(&[("contact-points", "h"), ("keyspace", "k"), ("table", "t"), ("ssl", "true")]);
    assert!(CassandraTable::read(spec.into()).unwrap().login.tls.is_some());
}
