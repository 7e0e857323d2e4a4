//! A sink behind a proxy that loses, delays and reorders single requests: no row is lost or duplicated.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::datatypes::DataType;
use millstream::common::ErrorKind;
use millstream::connectors::kafka::broker::Broker;
use millstream::connectors::kafka::{KafkaConnector, RdKafkaBroker};
use millstream::connectors::{CommitInfo, Connector, Sink, SinkWriter, TableColumn, TableSpec, Writer};
use millstream::sql::ast::{Options, Pos};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const PRODUCE: i16 = 0;
const ADD_PARTITIONS: i16 = 24;
const ADD_OFFSETS: i16 = 25;
const END: i16 = 26;
const OFFSET_COMMIT: i16 = 28;

/// A fault of a request.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    /// The request never arrives, and the connection ends.
    Lost,
    /// The request arrives, but its answer does not, and the connection ends.
    Unanswered,
    /// The connection ends, and the request arrives this many milliseconds later, after others.
    Late(u64),
    /// The request takes this many milliseconds.
    Slow(u64),
}

/// Per kind of request: the numbers of requests with a fault.
type Plan = HashMap<i16, Vec<(usize, Fault)>>;

/// A proxy in front of the broker at `to`, which replaces the broker's addresses by its own.
#[derive(Clone)]
struct Proxy {
    to: u16,
    port: u16,
    /// The faults of requests that are still to come.
    plan: Arc<Mutex<Plan>>,
    met: Arc<AtomicUsize>,
}

impl Proxy {
    async fn start(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let proxy = Self { to, port, plan: Arc::default(), met: Arc::default() };
        let serving = proxy.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serving.clone().serve(client));
            }
        });
        proxy
    }

    fn plan(&self, key: i16, after: usize, fault: Fault) {
        self.plan.lock().unwrap().entry(key).or_default().push((after, fault));
    }

    fn fault(&self, key: i16) -> Option<Fault> {
        let mut plan = self.plan.lock().unwrap();
        let faults = plan.get_mut(&key)?;
        let found = faults.iter().position(|(after, _)| *after == 0).map(|at| faults.remove(at).1);
        faults.iter_mut().for_each(|(after, _)| *after = after.saturating_sub(1));
        if found.is_some() {
            self.met.fetch_add(1, Ordering::SeqCst);
        }
        found
    }

    async fn serve(self, client: TcpStream) {
        let Ok(broker) = TcpStream::connect(("127.0.0.1", self.to)).await else { return };
        let (mut requests, mut answers) = client.into_split();
        let (mut from_broker, mut to_broker) = broker.into_split();
        let (old, new) = (i32::from(self.to).to_be_bytes(), i32::from(self.port).to_be_bytes());
        let back = tokio::spawn(async move {
            while let Some(mut frame) = frame(&mut from_broker).await {
                // `host port` of each broker: the host stays, the port becomes that of the proxy.
                for host in [&b"127.0.0.1"[..], b"localhost"] {
                    let address = [host, &old].concat();
                    for at in 0..frame.len().saturating_sub(address.len() - 1) {
                        if frame[at..].starts_with(&address) {
                            frame[at + host.len()..at + address.len()].copy_from_slice(&new);
                        }
                    }
                }
                if answers.write_all(&frame).await.is_err() {
                    return;
                }
            }
        });
        while let Some(frame) = frame(&mut requests).await {
            match self.fault(i16::from_be_bytes([frame[4], frame[5]])) {
                None => {}
                Some(Fault::Slow(millis)) => tokio::time::sleep(Duration::from_millis(millis)).await,
                Some(fault) => {
                    back.abort();
                    let _ = back.await;
                    drop(requests);
                    match fault {
                        Fault::Lost => return,
                        Fault::Late(millis) => tokio::time::sleep(Duration::from_millis(millis)).await,
                        _ => {}
                    }
                    let _ = to_broker.write_all(&frame).await;
                    tokio::time::sleep(Duration::from_millis(500)).await;
                    return;
                }
            }
            if to_broker.write_all(&frame).await.is_err() {
                break;
            }
        }
        back.abort();
    }
}

/// Reads a message with its length prefix.
async fn frame(from: &mut (impl AsyncReadExt + Unpin)) -> Option<Vec<u8>> {
    let length = from.read_u32().await.ok()?;
    let mut frame = vec![0; 4 + length as usize];
    frame[..4].copy_from_slice(&length.to_be_bytes());
    from.read_exact(&mut frame[4..]).await.ok()?;
    Some(frame)
}

fn spec(topic: &str) -> Arc<TableSpec> {
    let mut options = Options::default();
    for (key, value) in
        [("topic", topic), ("format", "json"), ("scan.startup.mode", "earliest-offset"), ("properties.bootstrap.servers", "x")]
    {
        options.push(key.to_string(), value.to_string(), Pos::default()).unwrap();
    }
    let columns = vec![TableColumn { name: "id".into(), data_type: DataType::Int64, nullable: true, metadata: None, is_virtual: false }];
    Arc::new(TableSpec {
        name: "t".into(),
        connector: "kafka".into(),
        columns,
        primary_key: Vec::new(),
        partitioned_by: Vec::new(),
        options,
    })
}

/// Publishes commits in order, as a job does; after a retriable error it asks the sink what it holds.
async fn publish(sink: &dyn Sink, who: &Writer, commits: u64) {
    let mut open: Option<Box<dyn SinkWriter>> = None;
    let mut n = 1;
    while n <= commits {
        let tried = async {
            if open.is_none() {
                let (writer, held) = sink.open(who).await?;
                n = held.map_or(0, |held| held.n) + 1;
                open = Some(writer);
                if n > commits {
                    return Ok::<(), millstream::common::Error>(());
                }
            }
            let writer = open.as_mut().unwrap();
            let from = i64::try_from(n).unwrap() * 10;
            let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(from..from + 10));
            writer.write(&CommitInfo::new(n, ""), &[RecordBatch::try_from_iter_with_nullable([("id", ids, true)]).unwrap()]).await?;
            writer.commit(&CommitInfo::new(n, "")).await?;
            n += 1;
            Ok::<(), millstream::common::Error>(())
        };
        if let Err(error) = tried.await {
            assert!(matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Interrupted), "{error}");
            open = None;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    if let Some(mut writer) = open {
        writer.flush().await.unwrap();
    }
}

async fn ids(broker: &RdKafkaBroker, topic: &str) -> Vec<i64> {
    let bounds = broker.bounds(topic).await.unwrap();
    let from: Vec<(i32, i64)> = bounds.iter().map(|b| (b.partition, b.earliest)).collect();
    let mut consumer = broker.consumer(topic, &from).unwrap();
    let mut ids = Vec::new();
    loop {
        let each = &mut |record: millstream::connectors::kafka::broker::Record<'_>| {
            let row: serde_json::Value = serde_json::from_slice(record.value.unwrap()).unwrap();
            ids.push(row["id"].as_i64().unwrap());
        };
        consumer.poll(1_000, Duration::from_millis(100), each).unwrap();
        let positions = consumer.positions();
        if bounds.iter().all(|b| positions.iter().any(|p| p.partition == b.partition && p.next >= b.latest)) {
            ids.sort_unstable();
            return ids;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_row_is_lost_or_doubled_behind_a_bad_network() {
    let faults = [
        (3, Fault::Lost),
        (8, Fault::Unanswered),
        (13, Fault::Late(50)),
        (18, Fault::Late(700)),
        (24, Fault::Slow(1_500)),
        (30, Fault::Late(3_000)),
    ];
    behind_a_bad_network(&faults, Duration::from_secs(4), Duration::from_secs(90)).await;
}

/// Longer than a transaction may last, and longer than a client waits for an answer.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes some minutes"]
async fn no_row_is_lost_or_doubled_where_requests_come_a_minute_late() {
    let faults = [(5, Fault::Late(70_000)), (15, Fault::Slow(70_000)), (25, Fault::Late(65_000)), (26, Fault::Lost)];
    behind_a_bad_network(&faults, Duration::from_secs(75), Duration::from_secs(600)).await;
}

/// Publishes commits while a request of each kind in turn meets these faults; after `settle` all late requests have arrived.
async fn behind_a_bad_network(faults: &[(usize, Fault)], settle: Duration, patience: Duration) {
    let address = std::env::var("MILLSTREAM_TEST_KAFKA");
    let address = address.map_err(|_| "no Kafka; run: tests/services start kafka && eval \"$(tests/services env)\"").unwrap();
    let direct = RdKafkaBroker::new(&address, &[]).unwrap();
    let to: u16 = address.rsplit(':').next().unwrap().parse().unwrap();
    let mut running = Vec::new();
    for (key, kind) in
        [(PRODUCE, "produce"), (ADD_PARTITIONS, "partitions"), (ADD_OFFSETS, "offsets"), (END, "end"), (OFFSET_COMMIT, "commit")]
    {
        let proxy = Proxy::start(to).await;
        let topic = format!("faults-{kind}-{}", uuid::Uuid::now_v7().simple());
        direct.create_topic(&topic, Some(2)).await.unwrap();
        for (after, fault) in faults {
            proxy.plan(key, *after, *fault);
        }
        let through = Arc::new(RdKafkaBroker::new(&format!("127.0.0.1:{}", proxy.port), &[]).unwrap());
        running.push(tokio::spawn(async move {
            let kafka = KafkaConnector::new(Arc::new(move |_, _| Ok(Arc::clone(&through) as Arc<dyn Broker>)));
            let sink = kafka.sink(spec(&topic)).unwrap();
            let who = Writer { job: topic.clone(), job_uuid: "u".into(), folder: "f".into(), incarnation: 1, sink: "s".into() };
            publish(&*sink, &who, 60).await;
            tokio::time::sleep(settle).await;
            (kind, topic, proxy.met.load(Ordering::SeqCst))
        }));
    }
    for task in running {
        let (kind, topic, met) = tokio::time::timeout(patience, task).await.unwrap().unwrap();
        assert_eq!(met, faults.len(), "{kind}: not all faults were met");
        assert_eq!(ids(&direct, &topic).await, (10..610).collect::<Vec<_>>(), "{kind}");
    }
}
