# Millstream in a small image: docker build -t millstream .
FROM rust:1.95-slim-bookworm AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends g++ make pkg-config libssl-dev zlib1g-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY Cargo.toml Cargo.lock ./
# The dependencies on their own: a change in src/ does not build them again.
RUN mkdir src && touch src/lib.rs && echo 'fn main() {}' > src/main.rs \
 && cargo build --locked --profile dist \
 && rm -rf src
COPY src src
# The demo's scripts are part of the binary.
COPY sql sql
RUN find src -name '*.rs' -exec touch {} + && cargo build --locked --profile dist --bin millstream

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates libssl3 zlib1g \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --home-dir /data --create-home --shell /usr/sbin/nologin millstream
COPY --from=build /build/target/dist/millstream /usr/local/bin/millstream
COPY sql /millstream/sql
COPY catalog /millstream/catalog
WORKDIR /millstream
USER millstream
ENV MILLSTREAM_DATA=/data
VOLUME /data
ENTRYPOINT ["millstream"]
CMD ["--help"]
