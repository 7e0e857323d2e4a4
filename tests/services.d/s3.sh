# One MinIO server, which speaks S3. Sourced by tests/services.
# shellcheck shell=bash disable=SC2034,SC2154

s3_version=v0.0.0-20260212201848-7aac2a2c5b7c # the newest; docker-compose.yml has the newest image that is published
s3_port="${MILLSTREAM_S3_PORT:-19100}"
s3_home="$services_home/s3"
s3_folder="$cache/minio-$s3_version"
s3_mark="$s3_home/data"
s3_user=millstream
s3_password=millstream-secret
s3_bucket=millstream

s3_env() {
    echo "export MILLSTREAM_TEST_S3=http://127.0.0.1:$s3_port"
}

s3_compose() {
    MILLSTREAM_S3_PORT="$s3_port" docker compose -p "millstream-tests-s3-$s3_port" -f "$repo/docker-compose.yml" --profile s3 "$@"
}

# Asks for the tests' bucket, as the user that the tests are; 0 only when it is there.
s3_request() {
    curl -s -o /dev/null -f --max-time 3 --aws-sigv4 "aws:amz:us-east-1:s3" --user "$s3_user:$s3_password" \
        "$@" "http://127.0.0.1:$s3_port/$s3_bucket"
}

s3_needs() { have curl || need_packages curl; }

s3_answers() { have curl && s3_request -I; }

# Asking for a bucket that is there already is an error; only its being there counts.
s3_ready() { s3_request -X PUT || s3_request -I; }

# Builds the server once; after that no network is needed.
s3_need_server() {
    [ ! -x "$s3_folder/minio" ] || return 0
    local go=go work="$s3_folder.partial.$$"
    have go || go=/usr/local/go/bin/go
    [ -x "$(command -v "$go")" ] || die "s3 is built from its source, which takes Go 1.24 or newer: https://go.dev/dl, or use Docker"
    say "building MinIO $s3_version (about 2 minutes on 2 cores)"
    mkdir -p "$work"
    GOBIN="$work" GOFLAGS=-trimpath "$go" install -ldflags "-s -w" "github.com/minio/minio@$s3_version" \
        >"$services_home/logs/go.log" 2>&1 9>&- || {
        tail -n 20 "$services_home/logs/go.log" >&2
        rm -rf "$work"
        die "Go could not build MinIO; log: $services_home/logs/go.log"
    }
    rm -rf "$s3_folder"
    mv "$work" "$s3_folder"
}

s3_start_native() {
    s3_need_server
    service_end s3 5
    mkdir -p "$s3_home/data"
    # A session of its own, so that Ctrl-C in the terminal of the tests does not reach it.
    MINIO_ROOT_USER="$s3_user" MINIO_ROOT_PASSWORD="$s3_password" MINIO_BROWSER=off MINIO_UPDATE=off \
        setsid "$s3_folder/minio" server "$s3_home/data" --address "127.0.0.1:$s3_port" >>"$(service_log s3)" 2>&1 </dev/null 9>&- &
    echo $! >"$(service_pid s3)"
}
