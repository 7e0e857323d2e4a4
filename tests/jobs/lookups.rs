//! A stream joined with a file that changes: rows join its content at their arrival, and results stay.

use crate::common::process::{Ended, Job, Running};

/// A folder as a stream, a lookup file, and a job with several kinds of output.
struct Shop {
    dir: tempfile::TempDir,
    job: Job,
}

const SQL: &str = "
CREATE TABLE orders (id INT, product STRING, proc_time AS PROCTIME())
WITH ('connector' = 'filesystem', 'format' = 'csv', 'path' = 'DIR/orders', 'source.monitor-interval' = '20 ms');
CREATE TABLE products (product STRING, name STRING, price INT)
WITH ('connector' = 'filesystem', 'path' = 'DIR/products.csv', 'format' = 'csv', 'csv.header' = 'false'LOOKUP);

-- Append-only: what has come out stays as it was.
CREATE MATERIALIZED VIEW named AS
SELECT o.id, p.name FROM orders AS o LEFT JOIN products FOR SYSTEM_TIME AS OF o.proc_time AS p ON o.product = p.product;
CREATE MATERIALIZED VIEW known AS SELECT id FROM orders WHERE product IN (SELECT product FROM products);
CREATE MATERIALIZED VIEW unknown AS SELECT id FROM orders AS o WHERE NOT EXISTS (SELECT 1 FROM products AS p WHERE p.product = o.product);
-- The clock of what is joined is that of the epoch.
CREATE MATERIALIZED VIEW timed AS
SELECT o.id, p.seen >= DATE '2024-01-01' AS fine FROM orders AS o
JOIN (SELECT product, CURRENT_DATE AS seen FROM products WHERE price < EXTRACT(YEAR FROM NOW())) AS p ON o.product = p.product;
CREATE MATERIALIZED VIEW totals AS SELECT id, (SELECT SUM(price) FROM products) AS total FROM orders;

-- Changes: a row that goes takes back what it gave, whatever the file says by then.
CREATE MATERIALIZED VIEW counted AS
SELECT c.product, c.n, p.name FROM (SELECT product, COUNT(*) AS n FROM orders GROUP BY product) AS c
LEFT JOIN products AS p ON c.product = p.product;

CREATE TABLE shown (id INT, name STRING)
WITH ('connector' = 'filesystem', 'format' = 'csv', 'path' = 'DIR/shown', 'sink.rolling-policy.rollover-interval' = '50 ms');
INSERT INTO shown SELECT o.id, p.name FROM orders AS o JOIN products AS p ON o.product = p.product;
";

impl Shop {
    fn new(lookup: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("orders")).unwrap();
        let script = dir.path().join("shop.sql");
        std::fs::write(&script, SQL.replace("DIR", &dir.path().to_string_lossy()).replace("LOOKUP", lookup)).unwrap();
        let job = Job::new(&script).option("checkpoint.interval", "0");
        Self { dir, job }
    }

    /// Writes a file atomically.
    fn put(&self, name: &str, content: &str) {
        let hidden = self.dir.path().join(".new");
        std::fs::write(&hidden, content).unwrap();
        std::fs::rename(hidden, self.dir.path().join(name)).unwrap();
    }

    fn answer(&self, sql: &str) -> String {
        // A view has no content before the job has begun.
        let answer = self.job.query_if_possible(sql).unwrap_or_default();
        answer.lines().skip(1).collect::<Vec<_>>().join(" ")
    }

    /// Waits until the last order is joined, then checks all outputs.
    #[track_caller]
    fn says(&self, running: &mut Running, orders: usize, expected: [&str; 6]) {
        let count = orders.to_string();
        running.until(&format!("{orders} orders"), |_| self.answer("SELECT COUNT(*) FROM totals") == count);
        let [named, known, unknown, totals, counted, shown] = expected;
        assert_eq!(self.answer("SELECT * FROM named ORDER BY id"), named);
        assert_eq!(self.answer("SELECT * FROM known ORDER BY id"), known);
        assert_eq!(self.answer("SELECT id FROM timed WHERE fine ORDER BY id"), known);
        assert_eq!(self.answer("SELECT * FROM unknown ORDER BY id"), unknown);
        assert_eq!(self.answer("SELECT * FROM totals ORDER BY id"), totals);
        assert_eq!(self.answer("SELECT * FROM counted ORDER BY product"), counted);
        running.until("files", |_| self.answer("SELECT * FROM shown ORDER BY id") == shown);
    }
}

#[test]
fn later_rows_see_the_new_content_and_earlier_ones_stay() {
    let shop = Shop::new("");
    shop.put("products.csv", "a,apple,10\nb,banana,20\n");
    let mut running = shop.job.start();
    shop.put("orders/1.csv", "1,a\n2,b\n3,x\n");
    let named = "1,apple 2,banana 3,";
    let first = [named, "1 2", "3", "1,30 2,30 3,30", "a,1,apple b,1,banana x,1,", "1,apple 2,banana"];
    shop.says(&mut running, 3, first);

    // No order comes, so the file is not read, and no output changes.
    shop.put("products.csv", "a,avocado,11\nx,xigua,5\n");
    std::thread::sleep(std::time::Duration::from_millis(300));
    shop.says(&mut running, 3, first);

    shop.put("orders/2.csv", "4,a\n5,x\n");
    let named = "1,apple 2,banana 3, 4,avocado 5,xigua";
    let totals = "1,30 2,30 3,30 4,16 5,16";
    let second = [named, "1 2 4 5", "3", totals, "a,2,avocado b,1,banana x,2,xigua", "1,apple 2,banana 4,avocado 5,xigua"];
    shop.says(&mut running, 5, second);

    // The job is killed and started again, with other products.
    assert!(running.kill().killed());
    shop.put("products.csv", "b,blueberry,1\n");
    let mut running = shop.job.start();
    shop.put("orders/3.csv", "6,a\n7,b\n");
    let named = "1,apple 2,banana 3, 4,avocado 5,xigua 6, 7,blueberry";
    let totals = "1,30 2,30 3,30 4,16 5,16 6,1 7,1";
    let shown = "1,apple 2,banana 4,avocado 5,xigua 7,blueberry";
    let third = [named, "1 2 4 5 7", "3 6", totals, "a,3, b,2,blueberry x,2,xigua", shown];
    shop.says(&mut running, 7, third);
    running.stop().code(0);
}

#[test]
fn a_kill_at_any_point_joins_no_row_a_second_time() {
    for point in [
        "after-run-plans@2",
        "after-fold-state@2",
        "before-put-commit@2",
        "after-confirm-put@2",
        "before-commit-rows@2",
        "after-confirm-sink@2",
    ] {
        let shop = Shop::new("");
        shop.put("products.csv", "a,old,1\n");
        shop.put("orders/1.csv", "1,a\n2,a\n3,a\n");
        let ended = shop.job.option("max.rows.per.epoch", "1").start_to_crash(point).ended();
        assert!(ended.killed(), "{point}: {:?}\n{}", ended.status, ended.said);
        shop.put("products.csv", "a,new,1\n");
        shop.put("orders/2.csv", "4,a\n");
        let mut running = shop.job.option("max.rows.per.epoch", "1").start();
        running.until("4 orders", |_| shop.answer("SELECT COUNT(*) FROM shown") == "4");
        running.stop().code(0);
        // Every order once; which orders have joined the old file is the same in files and views.
        let named = shop.answer("SELECT * FROM named ORDER BY id");
        assert_eq!(named, shop.answer("SELECT * FROM shown ORDER BY id"), "{point}");
        let names: Vec<&str> = named.split(' ').map(|row| row.split_once(',').unwrap().1).collect();
        assert!(names.len() == 4 && names.is_sorted_by(|a, b| a >= b) && names[3] == "new", "{point}: {named}");
    }
}

#[test]
fn a_file_that_is_gone_or_broken_fails_the_job() {
    for (content, why) in [(None, "products.csv"), (Some("a,apple,cheap\n"), "cheap")] {
        let shop = Shop::new(", 'on-error' = 'fail'");
        shop.put("products.csv", "a,apple,10\n");
        let mut running = shop.job.start();
        shop.put("orders/1.csv", "1,a\n");
        running.until("an order", |_| shop.answer("SELECT * FROM totals") == "1,10");
        match content {
            Some(content) => shop.put("products.csv", content),
            None => std::fs::remove_file(shop.dir.path().join("products.csv")).unwrap(),
        }
        shop.put("orders/2.csv", "2,a\n");
        let Ended { status, said } = running.ended();
        assert!(status.code().is_some_and(|code| code > 0) && said.contains(why), "{status:?}\n{said}");
        // After the file is repaired, the job continues where it was.
        shop.put("products.csv", "a,apricot,7\n");
        let mut running = shop.job.start();
        running.until("two orders", |_| shop.answer("SELECT * FROM totals ORDER BY id") == "1,10 2,7");
        running.stop().code(0);
    }
}

#[test]
fn a_cache_keeps_what_was_read() {
    let shop = Shop::new(", 'lookup.cache' = 'FULL', 'lookup.full-cache.periodic-reload.interval' = '1 h'");
    shop.put("products.csv", "a,apple,10\n");
    let mut running = shop.job.start();
    shop.put("orders/1.csv", "1,a\n");
    running.until("an order", |_| shop.answer("SELECT * FROM named") == "1,apple");
    shop.put("products.csv", "a,avocado,11\n");
    shop.put("orders/2.csv", "2,a\n");
    running.until("two orders", |_| shop.answer("SELECT * FROM named ORDER BY id") == "1,apple 2,apple");
    running.stop().code(0);
}
