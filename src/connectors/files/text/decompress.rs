//! Decompresses text, with all members of a file, as `cat a.gz b.gz` and programs that compress in parallel write them.

use async_compression::tokio::bufread::{BzDecoder, GzipDecoder, XzDecoder, ZstdDecoder};
use bytes::Bytes;
use datafusion::common::parsers::CompressionTypeVariant;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use tokio_util::io::{ReaderStream, StreamReader};

use crate::common::{Error, Result};

/// How many bytes each step returns.
const STEP: usize = 64 << 10;

/// Decompresses the bytes of a file.
pub fn unpacked(compression: FileCompressionType, bytes: BoxStream<'static, std::io::Result<Bytes>>) -> BoxStream<'static, Result<Bytes>> {
    macro_rules! all_members {
        ($decoder:ident) => {{
            let mut decoder = $decoder::new(StreamReader::new(bytes));
            decoder.multiple_members(true);
            ReaderStream::with_capacity(decoder, STEP).map_err(broken).boxed()
        }};
    }
    match compression.get_variant() {
        CompressionTypeVariant::UNCOMPRESSED => bytes.map_err(Error::from).boxed(),
        CompressionTypeVariant::GZIP => all_members!(GzipDecoder),
        CompressionTypeVariant::BZIP2 => all_members!(BzDecoder),
        CompressionTypeVariant::XZ => all_members!(XzDecoder),
        CompressionTypeVariant::ZSTD => all_members!(ZstdDecoder),
    }
}

fn broken(error: std::io::Error) -> Error {
    let cut = error.kind() == std::io::ErrorKind::UnexpectedEof;
    Error::data(if cut { "its packed content ends too early" } else { "it cannot be unpacked" }).with_source(error)
}
