# One Apache Kafka broker in KRaft mode. Sourced by tests/services.
# shellcheck shell=bash disable=SC2034,SC2154

kafka_version=4.1.0 # docker-compose.yml pins the same
kafka_port="${MILLSTREAM_KAFKA_PORT:-19092}"
kafka_controller_port=$((kafka_port + 1))
kafka_home="$services_home/kafka"
kafka_jars="$cache/kafka-$kafka_version"
kafka_mark="$kafka_home/server.properties"
kafka_jvm=(
    -Xms256m -Xmx"${MILLSTREAM_KAFKA_HEAP:-512m}" -XX:+ExitOnOutOfMemoryError -Djava.awt.headless=true
    -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -Dorg.slf4j.simpleLogger.showDateTime=true
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS" -cp "$kafka_jars/jars/*"
)

kafka_env() { echo "export MILLSTREAM_TEST_KAFKA=127.0.0.1:$kafka_port"; }

kafka_compose() {
    MILLSTREAM_KAFKA_PORT="$kafka_port" \
        docker compose -p "millstream-tests-$kafka_port" -f "$repo/docker-compose.yml" "$@"
}

# Asks for the cluster's metadata in Kafka's protocol (Metadata v4, no topics); ready when the answer names a broker.
kafka_answers() {
    local answer
    answer="$(
        timeout 2 bash -c "exec 3<>/dev/tcp/127.0.0.1/$kafka_port &&
            printf '\\x00\\x00\\x00\\x0f\\x00\\x03\\x00\\x04\\x00\\x00\\x00\\x07\\xff\\xff\\x00\\x00\\x00\\x00\\x00' >&3 &&
            head -c 16 <&3 | od -An -tx1 -v | tr -d ' \\n'" 2>/dev/null
    )" || return 1
    # length, correlation id 7, throttle time, number of brokers
    [[ "$answer" =~ ^[0-9a-f]{8}00000007[0-9a-f]{8}([0-9a-f]{8})$ ]] && [ "$((16#${BASH_REMATCH[1]}))" -ge 1 ]
}

kafka_java() {
    java "${kafka_jvm[@]}" "$@"
}

kafka_start_native() {
    have java || need_packages default-jre-headless
    copy_jars "$kafka_jars" "org.apache.kafka:kafka_2.13:$kafka_version" org.slf4j:slf4j-simple:1.7.36
    service_end kafka 5
    mkdir -p "$kafka_home"
    kafka_write_settings
    if [ ! -f "$kafka_home/data/meta.properties" ]; then
        local id
        id="$(kafka_java kafka.tools.StorageTool random-uuid 2>>"$(service_log kafka)" 9>&- | tail -n 1)"
        kafka_java kafka.tools.StorageTool format -t "$id" -c "$kafka_home/server.properties" --ignore-formatted \
            >>"$(service_log kafka)" 2>&1 9>&- || die "kafka's folder could not be formatted; log: $(service_log kafka)"
    fi
    # A session of its own, so that Ctrl-C in the terminal of the tests does not reach it.
    setsid java "${kafka_jvm[@]}" kafka.Kafka "$kafka_home/server.properties" >>"$(service_log kafka)" 2>&1 </dev/null 9>&- &
    echo $! >"$(service_pid kafka)"
}

kafka_write_settings() {
    # log.retention.ms=-1: tests write records with old timestamps, which retention by time would delete at once.
    # auto.create.topics.enable=false: Millstream has to create what it needs itself.
    cat >"$kafka_home/server.properties" <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$kafka_controller_port
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:$kafka_port,CONTROLLER://127.0.0.1:$kafka_controller_port
advertised.listeners=PLAINTEXT://127.0.0.1:$kafka_port
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$kafka_home/data
num.partitions=1
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.num.partitions=4
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
log.retention.ms=-1
num.network.threads=2
num.io.threads=4
PROPERTIES
}
