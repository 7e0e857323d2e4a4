//! Streams joined with a table that only finds rows by key: the smallest system that a connector can serve.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use arrow::array::{Array, ArrayRef, AsArray, Int32Array, RecordBatch, StringArray};
use arrow::datatypes::{Int32Type, SchemaRef};
use arrow::util::pretty::pretty_format_batches;
use async_trait::async_trait;
use futures::TryStreamExt;
use millstream::common::{Error, OptionSpec, Projection, Result};
use millstream::connectors::{Connector, Lookup, Sink, Source, TableSpec};
use millstream::jobs::Settings;
use millstream::planner::Mode;
use millstream::sql::ast::Statement;

use crate::embedded::{BOUNDED, Place};

/// Items by (id, country), with the keys of each call.
#[derive(Debug, Default)]
struct Items {
    rows: Mutex<BTreeMap<(i32, String), String>>,
    asked: Mutex<Vec<Vec<String>>>,
}

#[derive(Debug)]
struct ItemsConnector(Arc<Items>);

#[async_trait]
impl Connector for ItemsConnector {
    fn name(&self) -> &'static str {
        "items"
    }

    fn options(&self) -> Vec<OptionSpec> {
        Vec::new()
    }

    fn validate(&self, _: &TableSpec) -> Result<()> {
        Ok(())
    }

    fn source(&self, table: Arc<TableSpec>) -> Result<Arc<dyn Source>> {
        Ok(Arc::new(ItemsSource { items: Arc::clone(&self.0), schema: table.schema() }))
    }

    fn sink(&self, table: Arc<TableSpec>) -> Result<Arc<dyn Sink>> {
        Err(Error::sql(format!("table `{}` is not written", table.name)))
    }
}

#[derive(Debug, Clone)]
struct ItemsSource {
    items: Arc<Items>,
    schema: SchemaRef,
}

impl Source for ItemsSource {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn lookup(&self) -> Option<Arc<dyn Lookup>> {
        Some(Arc::new(self.clone()))
    }
}

#[async_trait]
impl Lookup for ItemsSource {
    /// Rows are found by the id, or by the id and the country.
    fn key(&self, columns: &[&str]) -> Option<Vec<String>> {
        let known: Vec<String> = ["id", "country"].iter().filter(|c| columns.contains(c)).map(ToString::to_string).collect();
        columns.contains(&"id").then_some(known)
    }

    async fn get(&self, keys: &RecordBatch, projection: &Projection) -> Result<Vec<RecordBatch>> {
        let ids = keys.column_by_name("id").unwrap().as_primitive::<Int32Type>();
        assert_eq!(ids.null_count(), 0);
        let countries = keys.column_by_name("country").map(|c| c.as_string::<i32>());
        let key = |row| format!("{}{}", ids.value(row), countries.map_or_else(String::new, |c| format!("/{}", c.value(row))));
        let mut asked: Vec<String> = (0..keys.num_rows()).map(key).collect();
        let all = self.items.rows.lock().unwrap();
        let found: Vec<_> = all
            .iter()
            .filter(|((id, country), _)| {
                (0..keys.num_rows()).any(|i| ids.value(i) == *id && countries.is_none_or(|c| c.value(i) == country))
            })
            .collect();
        asked.sort();
        self.items.asked.lock().unwrap().push(asked);
        let columns: [ArrayRef; 3] = [
            Arc::new(Int32Array::from_iter_values(found.iter().map(|((id, _), _)| *id))),
            Arc::new(StringArray::from_iter_values(found.iter().map(|((_, country), _)| country))),
            Arc::new(StringArray::from_iter_values(found.iter().map(|(_, name)| name))),
        ];
        let chosen = projection.iter().map(|(i, _)| Arc::clone(&columns[i])).collect();
        Ok(vec![RecordBatch::try_new(Arc::clone(projection.schema()), chosen)?])
    }
}

const TABLES: &str = "
CREATE TABLE orders (o INT, item BIGINT, country STRING, at AS PROCTIME()) WITH ('connector' = 'kafka', 'topic' = 'orders', 'format' = 'json');
CREATE TABLE items (id INT, country STRING, name STRING, upper_name AS UPPER(name)) WITH ('connector' = 'items');
CREATE TABLE out1 (o BIGINT, name STRING) WITH ('connector' = 'kafka', 'topic' = 'out1', 'format' = 'json');
CREATE TABLE counts (name STRING, n BIGINT, PRIMARY KEY (name) NOT ENFORCED)
  WITH ('connector' = 'upsert-kafka', 'topic' = 'counts', 'key.format' = 'json', 'value.format' = 'json');
";

fn place() -> (Place, Arc<Items>) {
    let items: Arc<Items> = Arc::default();
    for (id, country, name) in [(1, "de", "Rad"), (1, "uk", "wheel"), (2, "uk", "nut")] {
        items.rows.lock().unwrap().insert((id, country.into()), name.into());
    }
    let mut place = Place::new();
    place.more.push(Arc::new(ItemsConnector(Arc::clone(&items))));
    let order = |(o, item, country): (i32, i64, &str)| (0, format!(r#"{{"o":{o},"item":{item},"country":"{country}"}}"#));
    let orders = [(1, 1, "uk"), (2, 1, "uk"), (3, 2, "de"), (4, 1 << 40, "uk"), (5, 2, "uk")];
    place.put("orders", 1, orders.into_iter().map(order).chain([(0, r#"{"o":6,"item":null,"country":"uk"}"#.into())]));
    (place, items)
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_asked_for_once_per_epoch() {
    let joins = [
        // The table's key is narrower than the stream's column: 2^40 is not an id.
        (
            "JOIN items i ON i.id = o.item AND i.country = o.country",
            &["1/uk", "2/de", "2/uk"][..],
            &[(1, "wheel"), (2, "wheel"), (5, "nut")][..],
        ),
        (
            "JOIN items FOR SYSTEM_TIME AS OF o.at AS i ON i.country = o.country AND o.item = i.id",
            &["1/uk", "2/de", "2/uk"],
            &[(1, "wheel"), (2, "wheel"), (5, "nut")],
        ),
        ("JOIN items i ON i.id = o.item AND i.country = 'de'", &["1", "2"], &[(1, "Rad"), (2, "Rad")]),
        (
            "JOIN (SELECT id AS k, country AS c, LOWER(upper_name) AS name FROM items WHERE name <> 'x') i ON i.k = o.item AND i.c = o.country",
            &["1/uk", "2/de", "2/uk"],
            &[(1, "wheel"), (2, "wheel"), (5, "nut")],
        ),
    ];
    for (join, asked, rows) in joins {
        for epoch_rows in [1, 100] {
            let (place, items) = place();
            let sql = format!("{TABLES} INSERT INTO out1 SELECT o.o, i.name FROM orders o {join};");
            place.run(&sql, BOUNDED, epoch_rows).await;
            let rows: Vec<String> = rows.iter().map(|(o, name)| format!(r#"{{"o":{o},"name":"{name}"}}"#)).collect();
            assert_eq!(place.read("out1").await, rows, "{join}, {epoch_rows}");
            let calls = items.asked.lock().unwrap().clone();
            if epoch_rows == 100 {
                assert_eq!(calls, [asked], "{join}");
            } else {
                // One call per row, none for the row whose key the table cannot have.
                assert_eq!(calls.len(), 4, "{join}: {calls:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_without_a_match_stay_in_an_outer_join() {
    let (place, _) = place();
    let sql =
        format!("{TABLES} INSERT INTO out1 SELECT o.o, i.name FROM orders o LEFT JOIN items i ON i.id = o.item AND i.country = o.country;");
    place.run(&sql, BOUNDED, 2).await;
    assert_eq!(place.read("out1").await.iter().filter(|row| row.contains("null")).count(), 3);
}

/// The join stores its result for each row, and retracts exactly that, whatever the table holds by then.
#[tokio::test(flavor = "multi_thread")]
async fn rows_that_go_again_take_back_what_they_gave() {
    let (place, items) = place();
    let sql = format!(
        "{TABLES} INSERT INTO counts SELECT i.name, COUNT(*) FROM (SELECT item, MAX(o) AS o FROM orders GROUP BY item) o
         JOIN items i ON i.id = o.item AND i.country = 'uk' GROUP BY i.name;"
    );
    place.run(&sql, BOUNDED, 1).await;
    let rows = place.read("counts").await;
    assert!(rows.contains(&r#"{"name":"wheel","n":1}"#.to_string()) && rows.contains(&r#"{"name":"nut","n":1}"#.to_string()), "{rows:?}");
    assert!(items.asked.lock().unwrap().iter().flatten().all(|key| ["1", "2"].contains(&key.as_str())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_keys_is_not_read_in_another_way() {
    let cases = [
        ("INSERT INTO out1 SELECT o.o, i.name FROM orders o JOIN items i ON i.country = o.country", "rows are found by key"),
        ("INSERT INTO out1 SELECT o.o, i.name FROM orders o JOIN items i ON i.id > o.item", "rows are found by key"),
        (
            "INSERT INTO out1 SELECT o.o, i.name FROM orders o JOIN (SELECT id, MAX(name) AS name FROM items GROUP BY id) i ON i.id = o.item",
            "rows are found by key",
        ),
        ("INSERT INTO out1 SELECT o.o, i.name FROM orders o JOIN items i ON i.id IS NOT DISTINCT FROM o.item", "rows are found by key"),
        ("INSERT INTO out1 SELECT o, country FROM orders WHERE item NOT IN (SELECT id FROM items)", "rows are found by key"),
        ("INSERT INTO out1 SELECT id, name FROM items", "table `items` is no stream"),
    ];
    for (sql, says) in cases {
        let (place, _) = place();
        let error = place.plan(&format!("{TABLES} {sql};"), BOUNDED, Settings::default()).await.unwrap_err().to_string();
        assert!(error.contains(says) && error.contains("`items`"), "{sql}: {error}");
    }
    let (place, _) = place();
    let (connection, rest) = place.connection(&format!("{TABLES} SELECT * FROM items;"), &[]);
    let Statement::Query(query) = &rest[0].statement else { panic!("{rest:?}") };
    let session = connection.session(Mode::Batch).unwrap();
    let error = match session.run(query).await {
        Ok((_, rows)) => {
            rows.try_collect::<Vec<_>>().await.map(|rows| pretty_format_batches(&rows).unwrap().to_string()).unwrap_err().to_string()
        }
        Err(error) => error.to_string(),
    };
    assert!(error.contains("is not read as a whole"), "{error}");
}
