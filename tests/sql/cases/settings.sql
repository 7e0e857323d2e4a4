---- what is honoured
SET 'checkpoint.interval' = '5 s';
SET 'execution.checkpointing.interval' = '10 s';
SET 'trigger.interval' = '1 s';
SET 'max.rows.per.epoch' = '1000';
SET 'pipeline.name' = 'job';
SET 'table.exec.state.ttl' = '1 d';
SET 'table.exec.source.idle-timeout' = '5 s';
SET 'table.exec.emit.allow-lateness' = '1 min';
SET 'execution.runtime-mode' = 'streaming';
SET 'table.local-time-zone' = 'UTC';
SET 'table.sql-dialect' = 'default';
SET 'sql-client.execution.result-mode' = 'tableau';
SET;
---- what has no effect
SET 'parallelism.default' = '4';
SET 'pipeline.auto-watermark-interval' = '200 ms';
SET 'execution.checkpointing.savepoint-dir' = 's3://x';
SET 'execution.checkpointing.mode' = 'EXACTLY_ONCE';
SET 'execution.state-recovery.path' = 's3://x';
SET 'execution.savepoint.path' = 's3://x';
SET 'restart-strategy.type' = 'fixed-delay';
SET 'state.backend.type' = 'rocksdb';
SET 'state.backend.incremental' = 'true';
SET 'table.dml-sync' = 'true';
SET 'table.dynamic-table-options.enabled' = 'true';
SET 'table.exec.mini-batch.enabled' = 'true';
SET 'table.exec.mini-batch.allow-latency' = '5 s';
SET 'table.exec.mini-batch.size' = '5000';
SET 'table.optimizer.agg-phase-strategy' = 'TWO_PHASE';
SET 'table.optimizer.distinct-agg.split.enabled' = 'true';
SET 'table.optimizer.non-deterministic-update.strategy' = 'TRY_RESOLVE';
SET 'table.exec.resource.default-parallelism' = '4';
SET 'table.exec.sink.not-null-enforcer' = 'DROP';
SET 'table.exec.sink.type-length-enforcer' = 'IGNORE';
SET 'table.exec.sink.upsert-materialize' = 'NONE';
SET 'table.exec.sink.keyed-shuffle' = 'AUTO';
SET 'table.exec.sink.require-on-conflict' = 'false';
SET 'table.exec.source.cdc-events-duplicate' = 'true';
SET 'table.exec.async-lookup.timeout' = '3 min';
SET 'table.exec.deduplicate.insert-update-after-sensitive-enabled' = 'true';
SET 'table.exec.rank.topn-cache-size' = '1000';
SET 'table.exec.uid.generation' = 'PLAN_ONLY';
SET 'table.exec.legacy-cast-behaviour' = 'DISABLED';
SET 'table.exec.local-hash-agg.adaptive.enabled' = 'true';
SET 'table.column-expansion-strategy' = 'EXCLUDE_DEFAULT_VIRTUAL_METADATA_COLUMNS';
SET 'table.plan.compile.catalog-objects' = 'ALL';
SET 'sql-client.execution.max-table-result.rows' = '100';
SET 'sql-client.display.max-column-width' = '40';
SET 'sql-client.verbose' = 'true';
SET 'taskmanager.numberOfTaskSlots' = '4';
SET 'cluster.evenly-spread-out-slots' = 'true';
SET 'yarn.application.name' = 'x';
SET 'kubernetes.cluster-id' = 'x';
SET 'metrics.reporters' = 'x';
SET 'high-availability.type' = 'zookeeper';
SET 'heartbeat.timeout' = '5 s';
SET 'web.timeout' = '5 s';
SET 'security.kerberos.login.principal' = 'x';
SET 's3.endpoint' = 'x';
SET;
---- values that do not fit
SET 'checkpoint.interval' = 'soon';
SET 'max.rows.per.epoch' = '0';
SET 'execution.runtime-mode' = 'stream';
SET 'table.local-time-zone' = 'Mars';
SET 'sql-client.execution.result-mode' = 'graph';
---- Hive's dialect
SET 'table.sql-dialect' = 'hive';
---- a dialect that is still to come
SELECT 1;
SET 'sql.dialect' = 'ksql';
CREATE STREAM s (a INT) WITH (KAFKA_TOPIC = 't');
---- a dialect that there is not
SET 'sql.dialect' = 'flick';
---- the dialect has two names
SET 'table.sql-dialect' = 'flink';
SET 'sql.dialect' = 'default';
SET;
RESET 'table.sql-dialect';
SET;
---- unknown settings
SET 'checkpoint.intervall' = '1 s';
SET 'nothing' = 'x';
SET 'execution.runtime.mode' = 'batch';
---- an option of tables
SET 'scan.startup.mode' = 'latest-offset';
SET 'properties.bootstrap.servers' = 'a:1';
SET;
RESET 'scan.startup.mode';
SET;
---- without quotes
SET execution.runtime-mode = batch;
SET pipeline.name = my job;
SET;
RESET pipeline.name;
SET;
---- another zone
CREATE TABLE s (v INT) WITH ('connector' = 'kafka', 'topic' = 's', 'format' = 'json');
CREATE TABLE p (v INT) WITH ('connector' = 'blackhole');
INSERT INTO s VALUES (1);
SET 'table.local-time-zone' = 'Europe/Berlin';
INSERT INTO p SELECT v FROM s;
---- secrets are not shown
SET 's3.secret-key' = 'hunter2';
SET 'properties.sasl.password' = '${env:PASSWORD}';
SET;
