//! Writes records, in transactions or (at-least-once) without.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _, ThreadedProducer};
use rdkafka::{Offset, TopicPartitionList};

use super::super::broker::{Limits, OutRecord, Producer};
use super::context::Context;
use super::{errors, native};
use crate::common::blocking::blocking;
use crate::common::{Error, Result, clock};

/// How long one step of a transaction may take before it has failed; as long as the broker keeps the transaction open.
const STEP: Duration = Duration::from_secs(60);

/// A producer; its transactional id, if it has one, is claimed already.
pub(super) struct RdKafkaProducer {
    /// `Some` until the producer is dropped.
    client: Option<Arc<Client>>,
    limits: Option<Limits>,
}

struct Client {
    producer: ThreadedProducer<Context>,
    transactional: bool,
    address: String,
}

impl RdKafkaProducer {
    /// Takes over from older producers of the same id, if it is transactional. Blocking.
    pub fn start(
        producer: ThreadedProducer<Context>,
        transactional: bool,
        limits: Option<Limits>,
        address: &str,
        timeout: Duration,
    ) -> Result<Self> {
        let client = Client { producer, transactional, address: address.to_string() };
        if transactional {
            client.producer.init_transactions(timeout).map_err(|e| client.error("transactions cannot be started", &e))?;
            client.check_given_up()?;
        }
        Ok(Self { client: Some(Arc::new(client)), limits })
    }

    async fn run<T: Send + 'static>(&self, f: impl FnOnce(&Client) -> Result<T> + Send + 'static) -> Result<T> {
        let client = self.client.clone().ok_or_else(|| Error::internal("a closed producer was used"))?;
        blocking(move || f(&client)).await
    }
}

impl Drop for RdKafkaProducer {
    fn drop(&mut self) {
        // Joins threads and closes connections, for which an async worker must not wait.
        let client = self.client.take();
        let _ = std::thread::Builder::new().name("kafka-close".into()).spawn(move || drop(client));
    }
}

impl Client {
    fn context(&self) -> &Context {
        self.producer.client().context()
    }

    fn error(&self, what: &str, error: &KafkaError) -> Error {
        // After a fatal error every call reports only that there was one; the client keeps the error itself.
        if let Some((code, text)) = self.producer.client().fatal_error() {
            return errors::of_code(what, &self.address, code, Some(text));
        }
        let unanswered = matches!(error.rdkafka_error_code(), Some(Code::OperationTimedOut));
        let reason = self.context().reason().filter(|_| unanswered);
        errors::from_client(what, &self.address, error, reason)
    }

    /// Refuses a new transaction once a transactional producer has lost a connection.
    ///
    /// Requests in flight were sent again, and the first attempt may still arrive: an end of a transaction would end the next one, an
    /// offset would replace a newer one. Brokers refuse both once a new producer of the same id has a newer epoch.
    fn check_given_up(&self) -> Result<()> {
        if !self.context().lost() {
            return Ok(());
        }
        Err(Error::unavailable(format!(
            "the connection to Kafka at {} was lost within a transaction; a new producer takes over",
            self.address
        )))
    }

    fn check_deliveries(&self) -> Result<()> {
        let Some((code, text)) = self.context().failure() else { return Ok(()) };
        if let Some((code, text)) = self.producer.client().fatal_error() {
            return Err(errors::of_code("a record cannot be written", &self.address, code, Some(text)));
        }
        let text = match self.context().reason() {
            Some(reason) if errors::is_transient(code) => format!("{text} ({reason})"),
            _ => text,
        };
        Err(errors::of_code("a record cannot be written", &self.address, code, Some(text)))
    }

    fn send(&self, topic: &str, records: &[OutRecord]) -> Result<()> {
        let deadline = clock::instant() + STEP;
        for record in records {
            let mut out = BaseRecord::<[u8], [u8]>::to(topic);
            out.partition = record.partition;
            out.timestamp = record.timestamp;
            out.key = record.key.as_deref();
            out.payload = record.value.as_deref();
            let headers = record.headers();
            if headers.len() > 0 {
                let all = OwnedHeaders::new_with_capacity(headers.len());
                out.headers = Some(headers.fold(all, |all, (key, value)| all.insert(Header { key, value })));
            }
            while let Err((error, back)) = self.producer.send(out) {
                if error.rdkafka_error_code() != Some(Code::QueueFull) || clock::instant() > deadline {
                    return Err(self.error(&format!("topic `{topic}`: a record cannot be written"), &error));
                }
                // librdkafka's buffer is full: the broker is slower than we are.
                self.check_deliveries()?;
                std::thread::sleep(Duration::from_millis(1));
                out = back;
            }
        }
        Ok(())
    }

    /// Waits until everything is acknowledged.
    fn flush(&self) -> Result<()> {
        let deadline = clock::instant() + STEP;
        while !native::flush(&self.producer, Duration::from_millis(100)) {
            self.check_deliveries()?;
            if clock::instant() > deadline {
                return Err(self.error("records are not acknowledged", &KafkaError::Flush(Code::OperationTimedOut)));
            }
        }
        self.check_deliveries()
    }
}

#[async_trait]
impl Producer for RdKafkaProducer {
    async fn begin(&mut self) -> Result<()> {
        self.run(|client| {
            client.context().clear_failure();
            if client.transactional {
                client.check_given_up()?;
                client.producer.begin_transaction().map_err(|e| client.error("a transaction cannot begin", &e))?;
            }
            Ok(())
        })
        .await
    }

    async fn send(&mut self, topic: &str, records: Vec<OutRecord>) -> Result<()> {
        let topic = topic.to_string();
        self.run(move |client| client.send(&topic, &records)).await
    }

    async fn send_offset(&mut self, group: &str, topic: &str, offset: i64, metadata: &str) -> Result<()> {
        let (group, topic, metadata) = (group.to_string(), topic.to_string(), metadata.to_string());
        self.run(move |client| {
            if !client.transactional {
                return Err(Error::internal("an offset can be committed only inside a transaction"));
            }
            // The cause is the refused record, not that the transaction can only be aborted.
            client.flush()?;
            let mut list = TopicPartitionList::with_capacity(1);
            let mut element = list.add_partition(&topic, 0);
            element.set_metadata(&metadata);
            element.set_offset(Offset::Offset(offset)).map_err(|e| client.error("an offset cannot be committed", &e))?;
            native::send_offsets(&client.producer, &group, &list, STEP).map_err(|(code, text)| {
                let what = format!("group `{group}`: an offset cannot be committed in the transaction");
                match client.producer.client().fatal_error() {
                    Some((code, text)) => errors::of_code(&what, &client.address, code, Some(text)),
                    None => errors::of_code(&what, &client.address, code, Some(text)),
                }
            })
        })
        .await
    }

    async fn commit(&mut self) -> Result<()> {
        self.run(|client| {
            client.flush()?;
            if client.transactional {
                client.producer.commit_transaction(STEP).map_err(|e| client.error("a transaction cannot be committed", &e))?;
            }
            Ok(())
        })
        .await
    }

    async fn abort(&mut self) -> Result<()> {
        self.run(|client| {
            if client.transactional {
                // An abort could overtake the request that adds the first partition: wait until the broker has answered the records, with
                // or without an error.
                let _ = client.flush();
                client.producer.abort_transaction(STEP).map_err(|e| client.error("a transaction cannot be aborted", &e))?;
            } else {
                client.producer.purge(rdkafka::producer::PurgeConfig::default().queue());
                // Requests in flight may still arrive: at-least-once rolls nothing back.
                let _ = client.flush();
            }
            client.context().clear_failure();
            Ok(())
        })
        .await
    }

    fn takes_time(&self, millis: i64) -> bool {
        // librdkafka writes the current time in place of 0, and −1 is Kafka's word for no time.
        millis != 0 && millis != -1
    }

    fn limits(&self) -> Option<Limits> {
        self.limits
    }

    fn refused_size(&self) -> bool {
        let failure = self.client.as_ref().and_then(|client| client.context().failure());
        failure.is_some_and(|(code, _)| matches!(code, Code::MessageSizeTooLarge | Code::MessageBatchTooLarge))
    }
}
