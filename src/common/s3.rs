//! Opens buckets of S3 and of compatible servers, with options or the AWS environment. No other module opens them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::{ClientOptions, ObjectStore, RetryConfig};

use super::{Error, OptionSpec, Result};

/// Every option of a bucket, for errors, completion and documentation.
pub const OPTIONS: [OptionSpec; 7] = [
    OptionSpec::text("s3.endpoint", "the server, as http://host:port; default: AWS, or AWS_ENDPOINT_URL"),
    OptionSpec::text("s3.region", "the region; default: AWS_REGION, or us-east-1"),
    OptionSpec::text("s3.access-key", "the id of the key; default: the AWS environment"),
    OptionSpec::text("s3.secret-key", "the secret of the key; default: the AWS environment"),
    OptionSpec::text("s3.session-token", "the token of a temporary key; default: the AWS environment"),
    OptionSpec::flag("s3.path-style-access", "the bucket stands in the path instead of the host name; default: true with an endpoint"),
    OptionSpec::flag("s3.anonymous", "requests are not signed, for public buckets; default: false"),
];

/// How long a request is retried before the server counts as unreachable.
const RETRY: Duration = Duration::from_secs(20);

/// How to access a bucket. Missing options come from the AWS environment.
///
/// It is never shown: it contains secrets.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Access {
    endpoint: Option<String>,
    region: Option<String>,
    access_key: Option<String>,
    secret_key: Option<String>,
    session_token: Option<String>,
    path_style: Option<bool>,
    anonymous: bool,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access").field("endpoint", &self.endpoint).field("region", &self.region).finish_non_exhaustive()
    }
}

impl Access {
    /// Reads the options named in [`OPTIONS`].
    ///
    /// # Errors
    /// When they contradict each other, or a URL is invalid.
    pub fn read<'a>(option: impl Fn(&str) -> Option<&'a str>) -> Result<Self> {
        let text = |key: &str| option(key).map(str::trim).filter(|v| !v.is_empty()).map(ToString::to_string);
        let flag = |key: &str| option(key).map(|v| v.trim().eq_ignore_ascii_case("true"));
        let access = Self {
            endpoint: text("s3.endpoint"),
            region: text("s3.region"),
            access_key: text("s3.access-key"),
            secret_key: text("s3.secret-key"),
            session_token: text("s3.session-token"),
            path_style: flag("s3.path-style-access"),
            anonymous: flag("s3.anonymous").unwrap_or(false),
        };
        if let Some(endpoint) = &access.endpoint
            && !endpoint.starts_with("http://")
            && !endpoint.starts_with("https://")
        {
            return Err(Error::option("s3.endpoint", format!("cannot be '{endpoint}'")).hint("give a URL: http://host:port"));
        }
        if access.access_key.is_some() != access.secret_key.is_some() {
            let (given, missing) =
                if access.access_key.is_some() { ("s3.access-key", "s3.secret-key") } else { ("s3.secret-key", "s3.access-key") };
            return Err(Error::option(given, format!("needs `{missing}`")).hint("give both, or neither for the AWS environment"));
        }
        if access.anonymous && access.access_key.is_some() {
            return Err(Error::option("s3.anonymous", "contradicts `s3.access-key`").hint("give one of them"));
        }
        Ok(access)
    }

    fn build(&self, bucket: &str) -> object_store::Result<object_store::aws::AmazonS3> {
        let environment = AmazonS3Builder::from_env();
        let mut builder = environment.clone();
        if let (Some(id), Some(secret)) = (&self.access_key, &self.secret_key) {
            // The environment's token must not be used: it belongs to the environment's key.
            builder = AmazonS3Builder::new().with_access_key_id(id).with_secret_access_key(secret);
            for key in [AmazonS3ConfigKey::Endpoint, AmazonS3ConfigKey::Region] {
                if let Some(value) = environment.get_config_value(&key) {
                    builder = builder.with_config(key, value);
                }
            }
            if let Some(token) = &self.session_token {
                builder = builder.with_token(token);
            }
        }
        builder = builder.with_bucket_name(bucket);
        if let Some(endpoint) = &self.endpoint {
            builder = builder.with_endpoint(endpoint.trim_end_matches('/'));
        }
        if let Some(region) = &self.region {
            builder = builder.with_region(region);
        }
        let endpoint = builder.get_config_value(&AmazonS3ConfigKey::Endpoint);
        let plain = endpoint.as_ref().is_some_and(|e| e.starts_with("http://"));
        if let Some(path_style) = self.path_style.or(endpoint.map(|_| true)) {
            builder = builder.with_virtual_hosted_style_request(!path_style);
        }
        if self.anonymous {
            builder = builder.with_skip_signature(true);
        }
        let retry = RetryConfig { max_retries: 5, retry_timeout: RETRY, ..RetryConfig::default() };
        let client = ClientOptions::new().with_allow_http(plain).with_connect_timeout(Duration::from_secs(5));
        builder.with_client_options(client).with_retry(retry).build()
    }
}

/// The open buckets, by name and access, with their connections. All tables and checkpoints of a process share it.
#[derive(Debug, Default)]
pub struct Buckets(Mutex<HashMap<(String, Access), Arc<Bucket>>>);

impl Buckets {
    /// Opens the bucket of that name; the same bucket and access return the same store with the same connections.
    ///
    /// # Errors
    /// When the store cannot be created with these options. Does not connect.
    pub fn open(&self, bucket: &str, access: &Access) -> Result<Arc<Bucket>> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (bucket.to_string(), access.clone());
        if let Some(found) = open.get(&key) {
            return Ok(Arc::clone(found));
        }
        let store =
            access.build(bucket).map_err(|e| Error::sql(format!("s3://{bucket} cannot be used with these options")).with_source(e))?;
        let made = Arc::new(Bucket { name: bucket.to_string(), number: open.len(), store: Arc::new(store) });
        open.insert(key, Arc::clone(&made));
        Ok(made)
    }
}

/// An open bucket.
#[derive(Debug)]
pub struct Bucket {
    name: String,
    /// Unique among the [`Buckets`]: one bucket with two keys has two entries.
    number: usize,
    /// The store; its paths are keys.
    pub store: Arc<dyn ObjectStore>,
}

impl Bucket {
    /// A name that is unique among the [`Buckets`] and contains no secret.
    pub fn unique(&self) -> String {
        format!("s3-{}://{}", self.number, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(options: &[(&str, &'static str)]) -> Result<Access> {
        Access::read(|key| options.iter().find(|(k, _)| *k == key).map(|(_, v)| *v))
    }

    #[test]
    fn wrong_options() {
        for (options, message) in [
            (&[("s3.endpoint", "localhost:9000")][..], "option `s3.endpoint` cannot be 'localhost:9000'"),
            (&[("s3.access-key", "a")], "option `s3.access-key` needs `s3.secret-key`"),
            (&[("s3.secret-key", "hunter2")], "option `s3.secret-key` needs `s3.access-key`"),
            (
                &[("s3.anonymous", "true"), ("s3.access-key", "a"), ("s3.secret-key", "b")],
                "option `s3.anonymous` contradicts `s3.access-key`",
            ),
        ] {
            assert_eq!(access(options).unwrap_err().message(), message);
        }
    }

    #[test]
    fn one_bucket_with_two_keys_is_two_stores_and_neither_is_shown() {
        let with = |secret| access(&[("s3.access-key", "id"), ("s3.secret-key", secret), ("s3.endpoint", "http://127.0.0.1:1")]).unwrap();
        let (one, two) = (with("hunter2"), with("hunter3"));
        let buckets = Buckets::default();
        let names = [&one, &one, &two].map(|a| buckets.open("b", a).unwrap().unique());
        assert_eq!(names[0], names[1]);
        assert_ne!(names[0], names[2]);
        assert!(!format!("{one:?} {names:?}").contains("hunter"));
    }
}
