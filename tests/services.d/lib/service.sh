# Starting, stopping and asking: the same for every service. Sourced by tests/services, after common.sh.
# shellcheck shell=bash disable=SC2154
#
# A service file NAME.sh sets NAME_port and NAME_mark (a word of its process's command line) and defines
#   NAME_env           `export` lines for the tests
#   NAME_compose ...   docker compose with this set's ports
#   NAME_answers       whether it answers
#   NAME_start_native  starts the process, with its pid in `service_pid NAME` and its log in `service_log NAME`
# and, if it has use for them, NAME_needs (installs what asking takes) and NAME_ready (more than that it answers).

service_pid() { echo "$services_home/$1/pid"; }
service_log() { echo "$services_home/logs/$1.log"; }

# service_value NAME WHAT : the variable NAME_WHAT.
service_value() {
    local variable="$1_$2"
    echo "${!variable}"
}

service_place() { echo "127.0.0.1:$(service_value "$1" port)"; }

# service_end NAME SECONDS : stops a process of ours.
service_end() { stop_process "$(service_pid "$1")" "$(service_value "$1" mark)" "$2"; }

service_await() {
    local name="$1" ready="$1_answers" tenths=$((${MILLSTREAM_SERVICES_TIMEOUT:-90} * 10)) missed=0 log
    log="$(service_log "$name")"
    ! declare -F "${name}_ready" >/dev/null || ready="${name}_ready"
    until "$ready"; do
        # Once proves nothing: a process is known by its command line, which it has only once its program runs.
        if [ "$(services_mode)" != native ] || alive "$(service_pid "$name")" "$(service_value "$name" mark)"; then
            missed=0
        elif [ "$((missed += 1))" -ge 20 ]; then
            tail -n 20 "$log" >&2
            die "$name ended while starting; its log: $log"
        fi
        [ "$tenths" -gt 0 ] || die "$name does not answer on $(service_place "$name"); its log: $log"
        sleep 0.1
        tenths=$((tenths - 1))
    done
}

service_start() {
    local name="$1" log
    log="$(service_log "$name")"
    ! declare -F "${name}_needs" >/dev/null || "${name}_needs"
    if "${name}_answers"; then
        say "$name: running on $(service_place "$name")"
        return 0
    fi
    if [ "$(services_mode)" = docker ]; then
        "${name}_compose" up -d "$name" >"$log" 2>&1 9>&- || {
            tail -n 20 "$log" >&2
            die "docker compose could not start $name"
        }
    else
        "${name}_start_native"
    fi
    service_await "$name"
    say "$name: started on $(service_place "$name") ($(services_mode), log: $log)"
}

service_stop() {
    if [ "$(services_mode)" = docker ]; then
        "$1_compose" stop "$1" >>"$(service_log "$1")" 2>&1 9>&-
    else
        service_end "$1" 20
    fi
    say "$1: stopped"
}

service_reset() {
    if [ "$(services_mode)" = docker ]; then
        "$1_compose" down -v >>"$(service_log "$1")" 2>&1 9>&-
    else
        service_end "$1" 5
        rm -rf "${services_home:?}/$1"
    fi
    say "$1: stopped, data forgotten"
}

service_status() {
    if "$1_answers"; then
        echo "$1: running on $(service_place "$1")"
    else
        echo "$1: not running"
        return 1
    fi
}
