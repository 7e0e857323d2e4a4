//! The configuration names of librdkafka 2.12 that a user may set, as its CONFIGURATION.md lists them.
//!
//! They serve three things besides librdkafka's own check: a hint with the nearest spelling, one name for aliases (else a default of ours
//! and the user's alias would both be set, in no order), and the clients a name applies to (librdkafka warns about a producer's setting on
//! a consumer).

/// The clients that a setting applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// Every client.
    Both,
    /// Consumers only.
    Consumer,
    /// Producers only.
    Producer,
}

use Side::{Both, Consumer, Producer};

/// Returns the name librdkafka uses for `name` (aliases resolved), and its side.
pub(super) fn find(name: &str) -> Option<(&'static str, Side)> {
    let at = NAMES.binary_search_by(|(known, ..)| (*known).cmp(name)).ok()?;
    let (known, side, alias) = NAMES[at];
    Some((if alias.is_empty() { known } else { alias }, side))
}

/// All names.
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    NAMES.iter().map(|(name, ..)| *name)
}

/// Name, side, and the name it is an alias of; sorted.
const NAMES: &[(&str, Side, &str)] = &[
    ("acks", Producer, "request.required.acks"),
    ("allow.auto.create.topics", Both, ""),
    ("api.version.fallback.ms", Both, ""),
    ("api.version.request", Both, ""),
    ("api.version.request.timeout.ms", Both, ""),
    ("auto.commit.enable", Consumer, ""),
    ("auto.commit.interval.ms", Consumer, ""),
    ("auto.offset.reset", Consumer, ""),
    ("batch.num.messages", Producer, ""),
    ("batch.size", Producer, ""),
    ("bootstrap.servers", Both, "metadata.broker.list"),
    ("broker.address.family", Both, ""),
    ("broker.address.ttl", Both, ""),
    ("broker.version.fallback", Both, ""),
    ("check.crcs", Consumer, ""),
    ("client.dns.lookup", Both, ""),
    ("client.id", Both, ""),
    ("client.rack", Both, ""),
    ("compression.codec", Producer, ""),
    ("compression.level", Producer, ""),
    ("compression.type", Producer, "compression.codec"),
    ("connections.max.idle.ms", Both, ""),
    ("consume.callback.max.messages", Consumer, ""),
    ("coordinator.query.interval.ms", Consumer, ""),
    ("debug", Both, ""),
    ("delivery.report.only.error", Producer, ""),
    ("delivery.timeout.ms", Producer, "message.timeout.ms"),
    ("enable.auto.commit", Consumer, ""),
    ("enable.auto.offset.store", Consumer, ""),
    ("enable.gapless.guarantee", Producer, ""),
    ("enable.idempotence", Producer, ""),
    ("enable.metrics.push", Both, ""),
    ("enable.partition.eof", Consumer, ""),
    ("enable.random.seed", Both, ""),
    ("enable.sasl.oauthbearer.unsecure.jwt", Both, ""),
    ("enable.ssl.certificate.verification", Both, ""),
    ("fetch.error.backoff.ms", Consumer, ""),
    ("fetch.max.bytes", Consumer, ""),
    ("fetch.message.max.bytes", Consumer, ""),
    ("fetch.min.bytes", Consumer, ""),
    ("fetch.queue.backoff.ms", Consumer, ""),
    ("fetch.wait.max.ms", Consumer, ""),
    ("group.id", Consumer, ""),
    ("group.instance.id", Consumer, ""),
    ("group.protocol", Consumer, ""),
    ("group.protocol.type", Consumer, ""),
    ("group.remote.assignor", Consumer, ""),
    ("heartbeat.interval.ms", Consumer, ""),
    ("https.ca.location", Both, ""),
    ("https.ca.pem", Both, ""),
    ("internal.termination.signal", Both, ""),
    ("isolation.level", Consumer, ""),
    ("linger.ms", Producer, "queue.buffering.max.ms"),
    ("log.connection.close", Both, ""),
    ("log.queue", Both, ""),
    ("log.thread.name", Both, ""),
    ("max.in.flight", Both, "max.in.flight.requests.per.connection"),
    ("max.in.flight.requests.per.connection", Both, ""),
    ("max.partition.fetch.bytes", Consumer, "fetch.message.max.bytes"),
    ("max.poll.interval.ms", Consumer, ""),
    ("message.copy.max.bytes", Both, ""),
    ("message.max.bytes", Both, ""),
    ("message.send.max.retries", Producer, ""),
    ("message.timeout.ms", Producer, ""),
    ("metadata.broker.list", Both, ""),
    ("metadata.max.age.ms", Both, ""),
    ("metadata.recovery.rebootstrap.trigger.ms", Both, ""),
    ("metadata.recovery.strategy", Both, ""),
    ("offset.store.method", Consumer, ""),
    ("offset.store.path", Consumer, ""),
    ("offset.store.sync.interval.ms", Consumer, ""),
    ("partition.assignment.strategy", Consumer, ""),
    ("partitioner", Producer, ""),
    ("produce.offset.report", Producer, ""),
    ("queue.buffering.backpressure.threshold", Producer, ""),
    ("queue.buffering.max.kbytes", Producer, ""),
    ("queue.buffering.max.messages", Producer, ""),
    ("queue.buffering.max.ms", Producer, ""),
    ("queued.max.messages.kbytes", Consumer, ""),
    ("queued.min.messages", Consumer, ""),
    ("queuing.strategy", Producer, ""),
    ("receive.message.max.bytes", Both, ""),
    ("reconnect.backoff.jitter.ms", Both, ""),
    ("reconnect.backoff.max.ms", Both, ""),
    ("reconnect.backoff.ms", Both, ""),
    ("request.required.acks", Producer, ""),
    ("request.timeout.ms", Producer, ""),
    ("retries", Producer, "message.send.max.retries"),
    ("retry.backoff.max.ms", Both, ""),
    ("retry.backoff.ms", Both, ""),
    ("sasl.kerberos.keytab", Both, ""),
    ("sasl.kerberos.kinit.cmd", Both, ""),
    ("sasl.kerberos.min.time.before.relogin", Both, ""),
    ("sasl.kerberos.principal", Both, ""),
    ("sasl.kerberos.service.name", Both, ""),
    ("sasl.mechanism", Both, "sasl.mechanisms"),
    ("sasl.mechanisms", Both, ""),
    ("sasl.oauthbearer.assertion.algorithm", Both, ""),
    ("sasl.oauthbearer.assertion.claim.aud", Both, ""),
    ("sasl.oauthbearer.assertion.claim.exp.seconds", Both, ""),
    ("sasl.oauthbearer.assertion.claim.iss", Both, ""),
    ("sasl.oauthbearer.assertion.claim.jti.include", Both, ""),
    ("sasl.oauthbearer.assertion.claim.nbf.seconds", Both, ""),
    ("sasl.oauthbearer.assertion.claim.sub", Both, ""),
    ("sasl.oauthbearer.assertion.file", Both, ""),
    ("sasl.oauthbearer.assertion.jwt.template.file", Both, ""),
    ("sasl.oauthbearer.assertion.private.key.file", Both, ""),
    ("sasl.oauthbearer.assertion.private.key.passphrase", Both, ""),
    ("sasl.oauthbearer.assertion.private.key.pem", Both, ""),
    ("sasl.oauthbearer.client.credentials.client.id", Both, "sasl.oauthbearer.client.id"),
    ("sasl.oauthbearer.client.credentials.client.secret", Both, "sasl.oauthbearer.client.secret"),
    ("sasl.oauthbearer.client.id", Both, ""),
    ("sasl.oauthbearer.client.secret", Both, ""),
    ("sasl.oauthbearer.config", Both, ""),
    ("sasl.oauthbearer.extensions", Both, ""),
    ("sasl.oauthbearer.grant.type", Both, ""),
    ("sasl.oauthbearer.metadata.authentication.type", Both, ""),
    ("sasl.oauthbearer.method", Both, ""),
    ("sasl.oauthbearer.scope", Both, ""),
    ("sasl.oauthbearer.token.endpoint.url", Both, ""),
    ("sasl.password", Both, ""),
    ("sasl.username", Both, ""),
    ("security.protocol", Both, ""),
    ("session.timeout.ms", Consumer, ""),
    ("socket.blocking.max.ms", Both, ""),
    ("socket.connection.setup.timeout.ms", Both, ""),
    ("socket.keepalive.enable", Both, ""),
    ("socket.max.fails", Both, ""),
    ("socket.nagle.disable", Both, ""),
    ("socket.receive.buffer.bytes", Both, ""),
    ("socket.send.buffer.bytes", Both, ""),
    ("socket.timeout.ms", Both, ""),
    ("ssl.ca.certificate.stores", Both, ""),
    ("ssl.ca.location", Both, ""),
    ("ssl.ca.pem", Both, ""),
    ("ssl.certificate.location", Both, ""),
    ("ssl.certificate.pem", Both, ""),
    ("ssl.cipher.suites", Both, ""),
    ("ssl.crl.location", Both, ""),
    ("ssl.curves.list", Both, ""),
    ("ssl.endpoint.identification.algorithm", Both, ""),
    ("ssl.key.location", Both, ""),
    ("ssl.key.password", Both, ""),
    ("ssl.key.pem", Both, ""),
    ("ssl.keystore.location", Both, ""),
    ("ssl.keystore.password", Both, ""),
    ("ssl.providers", Both, ""),
    ("ssl.sigalgs.list", Both, ""),
    ("statistics.interval.ms", Both, ""),
    ("sticky.partitioning.linger.ms", Producer, ""),
    ("topic.blacklist", Both, ""),
    ("topic.metadata.propagation.max.ms", Both, ""),
    ("topic.metadata.refresh.fast.cnt", Both, ""),
    ("topic.metadata.refresh.fast.interval.ms", Both, ""),
    ("topic.metadata.refresh.interval.ms", Both, ""),
    ("topic.metadata.refresh.sparse", Both, ""),
    ("transaction.timeout.ms", Producer, ""),
    ("transactional.id", Producer, ""),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_aliases_lead_to_names() {
        assert!(NAMES.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert_eq!(find("acks"), Some(("request.required.acks", Producer)));
        assert_eq!(find("bootstrap.servers"), Some(("metadata.broker.list", Both)));
        assert!(NAMES.iter().all(|(_, _, alias)| alias.is_empty() || find(alias).is_some()));
        assert_eq!(find("nonsense"), None);
    }
}
