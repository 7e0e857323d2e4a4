//! The only file with unsafe code: functions of librdkafka's C interface that the `rdkafka` crate does not wrap.
//!
//! Batches: `rd_kafka_consume_batch_queue` hands out thousands of messages per call, for half the CPU time of polling
//! them one by one (`docs/performance.md`). They come through a queue of our own (librdkafka's simple consumer), so no
//! consumer group is joined, no coordinator is asked, and connection errors and logs stay on the client's main queue.

use std::ffi::{CStr, CString, c_void};
use std::ptr;
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::bindings as c;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{Producer as _, ThreadedProducer};

use super::super::broker::{Headers, Record, TimestampType};
use super::context::Context;

/// The most messages per call into librdkafka.
const BATCH: usize = 8192;

/// An error code of librdkafka with its explanation.
pub(super) type Failure = (RDKafkaErrorCode, String);

/// What a [`Reader`] passes to its callback.
pub(super) enum Item<'a> {
    /// A record.
    Record(Record<'a>),
    /// The partition was read to its end, which is this offset.
    End { partition: i32, offset: i64 },
    /// Something is wrong with a partition.
    Failure { partition: i32, offset: i64, failure: Failure },
}

/// Partitions of one topic that are being fetched.
pub(super) struct Reader {
    topic: *mut c::rd_kafka_topic_t,
    queue: *mut c::rd_kafka_queue_t,
    started: Vec<i32>,
    slots: Vec<*mut c::rd_kafka_message_t>,
    /// The handles belong to it, so it is dropped after them: fields are dropped after `Drop::drop`.
    client: BaseConsumer<Context>,
}

// SAFETY: librdkafka's handles may be used from any thread; the raw pointers are owned by this struct alone, and `slots`
// is empty between calls.
unsafe impl Send for Reader {}

impl Reader {
    /// Starts fetching each partition at its offset.
    pub fn start(client: BaseConsumer<Context>, topic: &str, from: &[(i32, i64)]) -> Result<Self, Failure> {
        let name = text(topic)?;
        let rk = client.client().native_ptr();
        // SAFETY: `rk` lives as long as `client`, which `Reader` keeps; a null configuration means the default one.
        let (topic, queue) = unsafe { (c::rd_kafka_topic_new(rk, name.as_ptr(), ptr::null_mut()), c::rd_kafka_queue_new(rk)) };
        let slots = vec![ptr::null_mut(); BATCH];
        let mut reader = Self { topic, queue, started: Vec::with_capacity(from.len()), slots, client };
        if reader.topic.is_null() || reader.queue.is_null() {
            return Err(last_error());
        }
        reader.add(from)?;
        Ok(reader)
    }

    /// Starts fetching more partitions.
    pub fn add(&mut self, from: &[(i32, i64)]) -> Result<(), Failure> {
        for &(partition, offset) in from {
            // SAFETY: both handles are valid until `Drop`, which also stops what is started here.
            if unsafe { c::rd_kafka_consume_start_queue(self.topic, partition, offset, self.queue) } != 0 {
                return Err(last_error());
            }
            self.started.push(partition);
        }
        Ok(())
    }

    /// The client whose main queue must be polled, and that pauses partitions.
    pub fn client(&self) -> &BaseConsumer<Context> {
        &self.client
    }

    /// Passes up to `max` items to `each`, waiting up to `wait` for the first.
    pub fn take(&mut self, max: usize, wait: Duration, each: &mut dyn FnMut(Item<'_>)) -> usize {
        let max = max.clamp(1, BATCH);
        // librdkafka waits until the batch is full or the time is up; so available messages are taken without waiting, and only one message
        // is waited for.
        let mut taken = self.batch(max, Duration::ZERO, each);
        if taken == 0 && !wait.is_zero() {
            taken = self.batch(1, wait, each);
            if taken > 0 && max > 1 {
                taken += self.batch(max - 1, Duration::ZERO, each);
            }
        }
        taken
    }

    fn batch(&mut self, max: usize, wait: Duration, each: &mut dyn FnMut(Item<'_>)) -> usize {
        let wait = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: `slots` has room for `BATCH` ≥ `max` pointers, and the queue is valid until `Drop`.
        let n = unsafe { c::rd_kafka_consume_batch_queue(self.queue, wait, self.slots.as_mut_ptr(), max) };
        let n = usize::try_from(n).unwrap_or(0);
        // Frees the messages even if `each` panics.
        let messages = Messages(&self.slots[..n]);
        for &message in messages.0 {
            // SAFETY: librdkafka filled the first `n` slots with messages that are ours until they are destroyed.
            unsafe { item(message, each) };
        }
        n
    }

    /// Fetches a partition from this offset on, and drops what was fetched of it. Returns at once.
    pub fn seek(&self, partition: i32, offset: i64) -> Result<(), Failure> {
        // SAFETY: the topic is valid until `Drop`; a timeout of 0 only hands the request to librdkafka's thread.
        match unsafe { c::rd_kafka_seek(self.topic, partition, offset, 0) } {
            c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(()),
            code => Err((code.into(), super::errors::describe(code.into()))),
        }
    }

    /// Calls `each` with librdkafka's own position of every partition that has one. It is also moved by control records,
    /// and, as librdkafka takes them for messages, by one too far at EOF events and errors.
    pub fn positions(&self, list: &TopicPartitionList, each: &mut dyn FnMut(i32, i64)) {
        // SAFETY: the list is valid and only its offsets are written; the elements are read in place before it changes.
        unsafe {
            let raw = list.ptr();
            if c::rd_kafka_position(self.client.client().native_ptr(), raw) != c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                return;
            }
            for i in 0..usize::try_from((*raw).cnt).unwrap_or(0) {
                let element = &*(*raw).elems.add(i);
                if element.offset >= 0 {
                    each(element.partition, element.offset);
                }
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // SAFETY: each handle was made in `start` (or is null), and is used no more; the client is dropped after this.
        unsafe {
            for partition in &self.started {
                c::rd_kafka_consume_stop(self.topic, *partition);
            }
            if !self.queue.is_null() {
                c::rd_kafka_queue_destroy(self.queue);
            }
            if !self.topic.is_null() {
                c::rd_kafka_topic_destroy(self.topic);
            }
        }
    }
}

/// Messages that are destroyed when this is dropped.
struct Messages<'a>(&'a [*mut c::rd_kafka_message_t]);

impl Drop for Messages<'_> {
    fn drop(&mut self) {
        for &message in self.0 {
            // SAFETY: made by librdkafka for us, destroyed once, here; nothing borrowed from it outlives `each`.
            unsafe { c::rd_kafka_message_destroy(message) };
        }
    }
}

/// Passes one message to `each`.
///
/// # Safety
/// `message` must be a live message of a consumer. All that `each` gets borrows from it for the call only.
unsafe fn item(message: *const c::rd_kafka_message_t, each: &mut dyn FnMut(Item<'_>)) {
    // SAFETY: see above; payload and key are valid for their lengths as long as the message is.
    unsafe {
        let m = &*message;
        let (partition, offset) = (m.partition, m.offset);
        match m.err {
            c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => {
                let mut kind = c::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
                let timestamp = c::rd_kafka_message_timestamp(message, &raw mut kind);
                let timestamp_type = match kind {
                    c::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_CREATE_TIME => TimestampType::CreateTime,
                    c::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME => TimestampType::LogAppendTime,
                    _ => TimestampType::NotAvailable,
                };
                let epoch = c::rd_kafka_message_leader_epoch(message);
                each(Item::Record(Record {
                    partition,
                    offset,
                    // −1 means that the record has no time; other times before 1970 are valid.
                    timestamp: (timestamp_type != TimestampType::NotAvailable && timestamp != -1).then_some(timestamp),
                    timestamp_type,
                    leader_epoch: (epoch >= 0).then_some(epoch),
                    key: slice(m.key, m.key_len),
                    value: slice(m.payload, m.len),
                    headers: &MessageHeaders(message),
                }));
            }
            c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__PARTITION_EOF => each(Item::End { partition, offset }),
            code => {
                let text = c::rd_kafka_message_errstr(message);
                let text = if text.is_null() { String::new() } else { CStr::from_ptr(text).to_string_lossy().into_owned() };
                each(Item::Failure { partition, offset, failure: (code.into(), text) });
            }
        }
    }
}

/// # Safety
/// `data` is null or valid for `len` bytes during `'a`.
unsafe fn slice<'a>(data: *const c_void, len: usize) -> Option<&'a [u8]> {
    // SAFETY: as above; a null pointer is a missing key or value, a length of 0 with a pointer is an empty one.
    (!data.is_null()).then(|| unsafe { std::slice::from_raw_parts(data.cast::<u8>(), len) })
}

/// The headers of a message, parsed by librdkafka on demand.
struct MessageHeaders(*const c::rd_kafka_message_t);

impl Headers for MessageHeaders {
    fn each(&self, f: &mut dyn FnMut(&str, Option<&[u8]>)) {
        let mut headers = ptr::null_mut();
        // SAFETY: a `MessageHeaders` exists only while its message is handed out; librdkafka keeps the parsed headers
        // with the message, and names are C strings.
        unsafe {
            if c::rd_kafka_message_headers(self.0, &raw mut headers) != c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                return;
            }
            for index in 0.. {
                let (mut name, mut value, mut len) = (ptr::null(), ptr::null(), 0);
                let found = c::rd_kafka_header_get_all(headers, index, &raw mut name, &raw mut value, &raw mut len);
                if found != c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                    return;
                }
                f(&CStr::from_ptr(name).to_string_lossy(), slice(value, len));
            }
        }
    }
}

/// Returns the id of a topic, which no other topic of this name has ever had; `None` if the brokers have no topic ids.
pub(super) fn topic_id(client: &BaseConsumer<Context>, topic: &str, wait: Duration) -> Result<Option<String>, Failure> {
    let name = text(topic)?;
    let rk = client.client().native_ptr();
    let wait = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the client is alive. All that is made here is destroyed here; what the result points to lives as long as its event.
    unsafe {
        let queue = c::rd_kafka_queue_new(rk);
        let topics = c::rd_kafka_TopicCollection_of_topic_names([name.as_ptr()].as_mut_ptr(), 1);
        let options = c::rd_kafka_AdminOptions_new(rk, c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS);
        c::rd_kafka_AdminOptions_set_request_timeout(options, wait, ptr::null_mut(), 0);
        c::rd_kafka_DescribeTopics(rk, topics, options, queue);
        c::rd_kafka_AdminOptions_destroy(options);
        c::rd_kafka_TopicCollection_destroy(topics);
        let event = c::rd_kafka_queue_poll(queue, wait);
        let answer = if event.is_null() { Err((RDKafkaErrorCode::OperationTimedOut, String::new())) } else { described_id(event) };
        if !event.is_null() {
            c::rd_kafka_event_destroy(event);
        }
        c::rd_kafka_queue_destroy(queue);
        answer
    }
}

/// # Safety
/// `event` must be a live event: the answer to a description of one topic.
unsafe fn described_id(event: *mut c::rd_kafka_event_t) -> Result<Option<String>, Failure> {
    // SAFETY: see above; each pointer is checked before it is followed.
    unsafe {
        let code: RDKafkaErrorCode = c::rd_kafka_event_error(event).into();
        if code != RDKafkaErrorCode::NoError {
            return Err((code, super::errors::describe(code)));
        }
        let result = c::rd_kafka_event_DescribeTopics_result(event);
        if result.is_null() {
            return Ok(None);
        }
        let mut count = 0;
        let topics = c::rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
        if topics.is_null() || count == 0 {
            return Ok(None);
        }
        let error = c::rd_kafka_TopicDescription_error(*topics);
        let code: RDKafkaErrorCode = if error.is_null() { RDKafkaErrorCode::NoError } else { c::rd_kafka_error_code(error).into() };
        if code != RDKafkaErrorCode::NoError {
            return Err((code, super::errors::describe(code)));
        }
        let id = c::rd_kafka_TopicDescription_topic_id(*topics);
        if id.is_null() {
            return Ok(None);
        }
        let (high, low) = (c::rd_kafka_Uuid_most_significant_bits(id), c::rd_kafka_Uuid_least_significant_bits(id));
        // Brokers before 2.8 have no ids.
        Ok(((high, low) != (0, 0)).then(|| format!("{high:016x}{low:016x}")))
    }
}

/// An entry of a list of committed offsets, as a broker returned it.
pub(super) struct Committed {
    pub partition: i32,
    pub offset: i64,
    pub error: RDKafkaErrorCode,
    /// Metadata that another program may have written: not always UTF-8, on which the crate's own accessor panics.
    pub metadata: String,
}

/// Returns the entries of a list with their metadata.
pub(super) fn committed(list: &TopicPartitionList) -> Vec<Committed> {
    // SAFETY: the list is borrowed for the whole call, its `cnt` elements are initialised, metadata is null or valid for
    // its size.
    unsafe {
        let raw = list.ptr();
        (0..usize::try_from((*raw).cnt).unwrap_or(0))
            .map(|i| {
                let element = &*(*raw).elems.add(i);
                let metadata = slice(element.metadata, element.metadata_size).unwrap_or_default();
                Committed {
                    partition: element.partition,
                    offset: element.offset,
                    error: element.err.into(),
                    metadata: String::from_utf8_lossy(metadata).into_owned(),
                }
            })
            .collect()
    }
}

/// Adds offsets of a group to the open transaction. The crate requires a consumer of that group, which would bring its own threads and
/// connections; the broker needs only the group's name.
pub(super) fn send_offsets(
    producer: &ThreadedProducer<Context>,
    group: &str,
    offsets: &TopicPartitionList,
    timeout: Duration,
) -> Result<(), Failure> {
    let group = text(group)?;
    let timeout = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: all pointers are valid for the call; the metadata and the error are ours to destroy.
    unsafe {
        let metadata = c::rd_kafka_consumer_group_metadata_new(group.as_ptr());
        let error = c::rd_kafka_send_offsets_to_transaction(producer.client().native_ptr(), offsets.ptr(), metadata, timeout);
        c::rd_kafka_consumer_group_metadata_destroy(metadata);
        if error.is_null() {
            return Ok(());
        }
        let failure =
            (c::rd_kafka_error_code(error).into(), CStr::from_ptr(c::rd_kafka_error_string(error)).to_string_lossy().into_owned());
        c::rd_kafka_error_destroy(error);
        Err(failure)
    }
}

/// Sends pending records, and waits until all are acknowledged (returns true) or the time is up. (The crate's `flush` sleeps in steps of
/// 100 ms.)
pub(super) fn flush(producer: &ThreadedProducer<Context>, wait: Duration) -> bool {
    let wait = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the client is alive.
    unsafe { c::rd_kafka_flush(producer.client().native_ptr(), wait) == c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR }
}

fn text(name: &str) -> Result<CString, Failure> {
    CString::new(name).map_err(|_| (RDKafkaErrorCode::InvalidArgument, format!("`{}` holds a NUL character", name.escape_debug())))
}

fn last_error() -> Failure {
    // SAFETY: reads a thread-local code.
    let code: RDKafkaErrorCode = unsafe { c::rd_kafka_last_error() }.into();
    (code, super::errors::describe(code))
}
