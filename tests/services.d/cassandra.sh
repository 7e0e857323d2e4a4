# One Apache Cassandra node. Sourced by tests/services.
# shellcheck shell=bash disable=SC2034,SC2154

cassandra_version=5.0.5 # docker-compose.yml pins the same
cassandra_port="${MILLSTREAM_CASSANDRA_PORT:-19042}"
cassandra_storage_port=$((cassandra_port + 1))
cassandra_home="$services_home/cassandra"
cassandra_jars="$cache/cassandra-$cassandra_version"
cassandra_mark="$cassandra_home/conf"

cassandra_env() { echo "export MILLSTREAM_TEST_CASSANDRA=127.0.0.1:$cassandra_port"; }

cassandra_compose() {
    MILLSTREAM_CASSANDRA_PORT="$cassandra_port" \
        docker compose -p "millstream-tests-cassandra-$cassandra_port" -f "$repo/docker-compose.yml" --profile cassandra "$@"
}

# cassandra_cql USER PASSWORD CQL : logs in and runs one statement in the native protocol (version 4); 0 only when the server says that
# it is done. Frames: a header of version, flags, stream and opcode, then the length and the body.
cassandra_cql() {
    timeout 15 bash -c '
        exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
        frame() { # OPCODE BODY, both as \x escapes
            local bytes=$((${#2} / 4))
            printf "%b" "\\x04\\x00\\x00\\x00$1$(printf "\\\\x%02x\\\\x%02x\\\\x%02x\\\\x%02x" $((bytes >> 24)) $((bytes >> 16 & 255)) $((bytes >> 8 & 255)) $((bytes & 255)))$2" >&3
        }
        answer() { # opcode of the next frame; its body is left out
            local head length
            head="$(head -c 9 <&3 | od -An -tx1 -v | tr -d " \\n")"
            [ ${#head} -eq 18 ] || exit 1
            length=$((16#${head:10:8}))
            [ "$length" -eq 0 ] || head -c "$length" <&3 >/dev/null
            opcode="${head:8:2}"
        }
        hex() { printf "%s" "$1" | od -An -tx1 -v | tr -d "\\n" | sed "s/ /\\\\x/g"; }
        text() { printf "\\\\x00\\\\x%02x%s" ${#1} "$(hex "$1")"; }
        frame "\\x01" "\\x00\\x01$(text CQL_VERSION)$(text 3.0.0)"
        answer
        if [ "$opcode" = 03 ]; then
            token="\\x00$(hex "$2")\\x00$(hex "$3")"
            frame "\\x0f" "\\x00\\x00\\x00$(printf "\\\\x%02x" $((${#token} / 4)))$token"
            answer
            [ "$opcode" = 10 ] || exit 1
        else
            [ "$opcode" = 02 ] || exit 1
        fi
        frame "\\x07" "\\x00\\x00$(printf "\\\\x%02x\\\\x%02x" $((${#4} >> 8)) $((${#4} & 255)))$(hex "$4")\\x00\\x01\\x00"
        answer
        [ "$opcode" = 08 ]
    ' cassandra "$cassandra_port" "$@" 2>/dev/null
}

# The tests' keyspace is there, and their user may log in.
cassandra_answers() { cassandra_cql millstream millstream "USE millstream"; }

# The server makes its own first user a moment after it listens.
cassandra_ready() {
    cassandra_answers && return 0
    cassandra_cql cassandra cassandra "CREATE ROLE IF NOT EXISTS millstream WITH PASSWORD = 'millstream' AND LOGIN = true AND SUPERUSER = true" &&
        cassandra_cql millstream millstream "CREATE KEYSPACE IF NOT EXISTS millstream WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"
}

cassandra_need_java() { have java || need_packages default-jre-headless; }

cassandra_start_native() {
    cassandra_need_java
    copy_jars "$cassandra_jars" "org.apache.cassandra:cassandra-all:$cassandra_version"
    service_end cassandra 10
    mkdir -p "$cassandra_home/conf" "$cassandra_home/tmp"
    cassandra_write_certificate
    cassandra_write_settings
    local jvm=(-Xms512m -Xmx512m -Xss512k -XX:+ExitOnOutOfMemoryError -Djava.awt.headless=true) package
    # What Cassandra uses of Java's own, which newer versions of Java keep to themselves.
    for package in java.base/{jdk.internal.misc,java.lang.ref} java.management.rmi/com.sun.jmx.remote.internal.rmi \
        java.rmi/{sun.rmi.registry,sun.rmi.server,sun.rmi.transport.tcp} java.sql/java.sql jdk.unsupported/sun.misc; do
        jvm+=("--add-exports=$package=ALL-UNNAMED")
    done
    for package in java.base/{java.lang.module,jdk.internal.loader,jdk.internal.ref,jdk.internal.reflect,jdk.internal.math} \
        java.base/{jdk.internal.module,jdk.internal.util.jar,sun.nio.ch,java.io,java.nio,java.lang,java.util,java.util.concurrent} \
        java.base/{java.util.concurrent.atomic,java.lang.reflect,java.net} jdk.management/com.sun.management.internal; do
        jvm+=("--add-opens=$package=ALL-UNNAMED")
    done
    # A session of its own, so that Ctrl-C in the terminal of the tests does not reach it.
    setsid java "${jvm[@]}" "-Djava.io.tmpdir=$cassandra_home/tmp" "-Dcassandra.config=file://$cassandra_home/conf/cassandra.yaml" \
        "-Dcassandra.storagedir=$cassandra_home/data" "-Dlogback.configurationFile=file://$cassandra_home/conf/logback.xml" \
        -Dcassandra-foreground=yes -Dcassandra.skip_wait_for_gossip_to_settle=0 \
        -Dcassandra.ring_delay_ms=100 -Dcassandra.superuser_setup_delay_ms=0 -Djdk.attach.allowAttachSelf=true \
        -cp "$cassandra_home/conf:$cassandra_jars/jars/*" org.apache.cassandra.service.CassandraDaemon \
        >>"$(service_log cassandra)" 2>&1 </dev/null 9>&- &
    echo $! >"$(service_pid cassandra)"
}

# The node's certificate, for connections with TLS.
cassandra_write_certificate() {
    local store="$cassandra_home/conf/keystore.p12"
    [ -s "$store" ] && return 0
    keytool -genkeypair -alias node -keyalg EC -groupname secp256r1 -dname CN=millstream -ext san=ip:127.0.0.1 -ext bc=ca:true \
        -validity 3650 -storetype PKCS12 -keystore "$store" -storepass millstream >>"$(service_log cassandra)" 2>&1
}

cassandra_write_settings() {
    cat >"$cassandra_home/conf/cassandra.yaml" <<YAML
cluster_name: millstream
num_tokens: 4
allocate_tokens_for_local_replication_factor: 1
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
endpoint_snitch: SimpleSnitch
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters:
      - seeds: "127.0.0.1:$cassandra_storage_port"
listen_address: 127.0.0.1
rpc_address: 127.0.0.1
storage_port: $cassandra_storage_port
native_transport_port: $cassandra_port
authenticator: PasswordAuthenticator
authorizer: CassandraAuthorizer
data_file_directories: ["$cassandra_home/data/data"]
commitlog_directory: $cassandra_home/data/commitlog
saved_caches_directory: $cassandra_home/data/saved_caches
hints_directory: $cassandra_home/data/hints
cdc_raw_directory: $cassandra_home/data/cdc_raw
commitlog_sync: batch
memtable_heap_space: 64MiB
memtable_offheap_space: 64MiB
key_cache_size: 8MiB
auto_snapshot: false
client_encryption_options:
  enabled: true
  optional: true # connections without TLS, too
  keystore: $cassandra_home/conf/keystore.p12
  keystore_password: millstream
  store_type: PKCS12
  require_client_auth: false
YAML
    cat >"$cassandra_home/conf/logback.xml" <<'XML'
<configuration>
  <appender name="OUT" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%d{HH:mm:ss.SSS} %-5level %logger{20} %msg%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="OUT"/></root>
</configuration>
XML
}
