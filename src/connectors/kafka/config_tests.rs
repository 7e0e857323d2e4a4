use super::*;
use crate::common::error::ErrorKind;
use crate::connectors::kafka::options::{APPEND, UPSERT};
use crate::connectors::kafka::testing::{keyed, table};

fn read(options: &[(&str, &str)]) -> Result<KafkaTable> {
    KafkaTable::read(table("t", options))
}

#[test]
fn defaults() {
    let table = read(&[("topic", "a"), ("format", "json")]).unwrap();
    assert_eq!(table.startup, Startup::Group);
    assert_eq!(table.bounded, Bounded::Never);
    assert_eq!(table.on_error, OnError::Skip);
    assert_eq!(table.guarantee, Guarantee::ExactlyOnce);
    assert_eq!(table.value.schema.fields().len(), 3);
}

#[test]
fn what_is_wrong_is_named() {
    for (options, message) in [
        (&[("format", "json")][..], "table `t`: option `topic` is missing"),
        (&[("topic", "a")], "table `t`: option `format` is missing"),
        (&[("topic", "a;b"), ("format", "json")], "names several topics"),
        (&[("topic", "a b"), ("format", "json")], "cannot be the name of a topic"),
        (&[("topic", "a"), ("format", "jsom")], "unknown format 'jsom'"),
        (&[("topic", "a"), ("format", "raw")], "format 'raw' holds one column, not 3"),
        (&[("topic", "a"), ("format", "json"), ("key.format", "raw")], "`key.format` needs `key.fields`"),
        (&[("topic", "a"), ("format", "json"), ("key.format", "raw"), ("key.fields", "idd")], "names `idd`"),
        (&[("topic", "a"), ("format", "json"), ("scan.startup.mode", "timestamp")], "`scan.startup.timestamp-millis` is missing"),
        (&[("topic", "a"), ("format", "json"), ("properties.transactional.id", "x")], "cannot be set"),
        (&[("topic", "a"), ("format", "json"), ("on-error", "dead-letter")], "`dead-letter.table` is missing"),
    ] {
        let error = read(options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Sql);
        assert!(error.message().contains(message), "{error}");
    }
}

#[test]
fn keys_and_errors() {
    let options = [("topic", "a"), ("format", "json"), ("key.format", "raw"), ("key.fields", "id"), ("value.fields-include", "EXCEPT_KEY")];
    let table = read(&options).unwrap();
    assert_eq!(table.key.unwrap().columns, [0]);
    assert_eq!(table.value.columns, [1, 2]);
    let fatal = [("topic", "a"), ("format", "json"), ("json.ignore-parse-errors", "false")];
    assert_eq!(read(&fatal).unwrap().on_error, OnError::Fail);
    let routed = [("topic", "a"), ("format", "json"), ("dead-letter.table", "x")];
    assert_eq!(read(&routed).unwrap().on_error, OnError::DeadLetter);
}

#[test]
fn what_records_say() {
    let upsert = [("topic", "a"), ("key.format", "json"), ("value.format", "json")];
    let table = KafkaTable::read(keyed(UPSERT, "t", &upsert)).unwrap();
    assert_eq!((table.startup, table.changes), (Startup::Earliest, Changes::Upsert(vec!["id".into()])));
    assert_eq!((table.key.unwrap().columns, table.value.columns), (vec![0], vec![0, 1, 2]));
    let debezium = [("topic", "a"), ("format", "debezium-json")];
    assert_eq!(read(&debezium).unwrap().changes, Changes::All);
    let table = KafkaTable::read(keyed(APPEND, "t", &debezium)).unwrap();
    assert_eq!((table.startup, table.changes), (Startup::Group, Changes::Upsert(vec!["id".into()])));
    let fatal = [("topic", "a"), ("format", "debezium-json"), ("debezium-json.ignore-parse-errors", "false")];
    assert_eq!(read(&fatal).unwrap().on_error, OnError::Fail);
}

#[test]
fn what_does_not_go_together_is_refused() {
    let json = [("topic", "a"), ("format", "json")];
    let upsert = |pairs: &[(&str, &str)]| KafkaTable::read(keyed(UPSERT, "t", pairs)).unwrap_err();
    let keyless = |pairs: &[(&str, &str)]| {
        let mut spec = (*table("t", pairs)).clone();
        spec.connector = UPSERT.into();
        KafkaTable::read(Arc::new(spec)).unwrap_err()
    };
    for (error, message) in [
        (KafkaTable::read(keyed(APPEND, "t", &json)).unwrap_err(), "connector 'kafka' cannot have a PRIMARY KEY with format 'json'"),
        (keyless(&[("topic", "a"), ("key.format", "json"), ("value.format", "json")]), "connector 'upsert-kafka' needs a PRIMARY KEY"),
        (upsert(&[("topic", "a"), ("value.format", "json")]), "option `key.format` is missing"),
        (upsert(&[("topic", "a"), ("key.format", "json")]), "option `value.format` is missing"),
        (upsert(&[("topic", "a"), ("key.format", "json"), ("value.format", "debezium-json")]), "cannot have format 'debezium-json'"),
        (
            read(&[("topic", "a"), ("format", "json"), ("key.format", "debezium-json"), ("key.fields", "id")]).unwrap_err(),
            "a format of values",
        ),
    ] {
        assert_eq!(error.kind(), ErrorKind::Sql);
        assert!(error.message().contains(message), "{error}");
    }
}
