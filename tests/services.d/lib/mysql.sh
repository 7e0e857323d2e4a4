# What MySQL and MariaDB share. Sourced by tests/services.
# shellcheck shell=bash disable=SC2154

mysql_user_file="$here/services.d/lib/mysql.sql"

# mysql_greets PORT PATTERN : the server on that port says a greeting that names a version of this pattern. It does so once it has made
# the tests' user, not before. A server greets first: version 10 of the protocol, then its own as text.
mysql_greets() {
    local greeting
    greeting="$(timeout 3 bash -c "exec 3<>/dev/tcp/127.0.0.1/$1 && head -c 48 <&3 | tr -c '[:alnum:].-' ' '" 2>/dev/null)" || return 1
    [[ "$greeting" == *$2* ]]
}

# mysql_run NAME PROGRAM ARGUMENTS... : starts a server with what the tests need of either.
mysql_run() {
    local name="$1" program="$2" home
    shift 2
    home="$(service_value "$name" home)"
    # A copy: the server may not read the clone.
    cp "$mysql_user_file" "$home/user.sql"
    # What a server leaves that was killed.
    rm -f "$home/sock" "$home/sock.lock"
    # A session of its own, so that Ctrl-C in the terminal of the tests does not reach it. A lock is not waited for as long as by default, and
    # no commit waits for the disk: tests kill processes, not machines. A folder of its own for what is temporary: a server that starts removes
    # the files of others from a shared one.
    setsid "$program" --no-defaults --user="$(id -un)" --datadir="$home/data" --tmpdir="$home/tmp" --bind-address=127.0.0.1 \
        --port="$(service_value "$name" port)" --socket="$home/sock" --pid-file="$home/server.pid" --init-file="$home/user.sql" \
        --skip-name-resolve --innodb-buffer-pool-size=64M --innodb-flush-log-at-trx-commit=2 --sync-binlog=0 \
        --innodb-lock-wait-timeout=5 --max-connections=300 --log-bin="$home/binlog/log" --binlog-format=ROW --server-id=1 "$@" \
        >>"$(service_log "$name")" 2>&1 </dev/null 9>&- &
    echo $! >"$(service_pid "$name")"
}
