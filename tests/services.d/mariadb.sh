# One MariaDB server, from Debian's packages. Sourced by tests/services.
# shellcheck shell=bash disable=SC2034,SC2154

# shellcheck source=tests/services.d/lib/mysql.sh
source "$here/services.d/lib/mysql.sh"

mariadb_port="${MILLSTREAM_MARIADB_PORT:-19307}"
mariadb_home="$services_home/mariadb"
mariadb_mark="$mariadb_home/data"

mariadb_env() { echo "export MILLSTREAM_TEST_MARIADB=127.0.0.1:$mariadb_port"; }

mariadb_compose() {
    MILLSTREAM_MARIADB_PORT="$mariadb_port" \
        docker compose -p "millstream-tests-mariadb-$mariadb_port" -f "$repo/docker-compose.yml" --profile mariadb "$@"
}

mariadb_answers() { mysql_greets "$mariadb_port" MariaDB; }

mariadb_start_native() {
    # Only the programs: no service of the machine is started.
    have mariadbd || [ -x /usr/sbin/mariadbd ] || need_packages mariadb-server-core mariadb-client-core
    PATH="$PATH:/usr/sbin"
    service_end mariadb 5
    mkdir -p "$mariadb_home/binlog" "$mariadb_home/tmp"
    if [ ! -d "$mariadb_home/data/mysql" ]; then
        rm -rf "$mariadb_home/data"
        TMPDIR="$mariadb_home/tmp" mariadb-install-db --no-defaults --user="$(id -un)" --datadir="$mariadb_home/data" --auth-root-authentication-method=normal \
            --skip-test-db --skip-name-resolve >>"$(service_log mariadb)" 2>&1 9>&- || {
            tail -n 20 "$(service_log mariadb)" >&2
            die "MariaDB's folder could not be made; log: $(service_log mariadb)"
        }
    fi
    mysql_run mariadb mariadbd --expire-logs-days=1
}
