//! A lookup that caches the rows of requested keys: `'lookup.cache' = 'PARTIAL'`.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::row::{OwnedRow, RowConverter, SortField};
use async_trait::async_trait;
use parking_lot::Mutex;

use crate::common::{Error, Projection, Result, clock};

use super::Lookup;
use super::options::Limits;

/// Puts a cache in front of a lookup.
///
/// # Errors
/// When rows with such columns cannot be cached.
pub fn partial(lookup: Arc<dyn Lookup>, schema: SchemaRef, limits: Limits) -> Result<Arc<dyn Lookup>> {
    if !RowConverter::supports_fields(&fields(&schema)) {
        return Err(Error::sql("rows with a MAP are not kept key by key").hint("leave `lookup.cache` out"));
    }
    Ok(Arc::new(Partial { lookup, schema, limits, kept: Mutex::default() }))
}

fn fields(schema: &Schema) -> Vec<SortField> {
    schema.fields().iter().map(|f| SortField::new(f.data_type().clone())).collect()
}

/// Forwards only the keys that are not cached.
///
/// ```text
///  keys ─┬─ cached ───────────────────▶ cached rows ─┐
///        └─ others ─▶ lookup ─▶ rows, now cached ────┴▶ rows of all keys
/// ```
/// # Invariants
/// * The cache holds all rows of a key, as of one moment.
struct Partial {
    lookup: Arc<dyn Lookup>,
    schema: SchemaRef,
    limits: Limits,
    kept: Mutex<HashMap<Question, Kept>>,
}

/// The indices of the key's columns, and of the projected columns.
type Question = (Vec<usize>, Vec<usize>);

/// Cached rows by key, and keys by the time of their last lookup.
struct Kept {
    /// The converter that has encoded the rows, and alone can decode them.
    converter: Arc<RowConverter>,
    keys: HashMap<Box<[u8]>, KeptKey>,
    order: BTreeMap<u64, Box<[u8]>>,
    rows: usize,
    turn: u64,
    /// When expired keys were last removed.
    swept: Instant,
}

struct KeptKey {
    rows: Vec<OwnedRow>,
    read: Instant,
    asked: Instant,
    turn: u64,
}

impl fmt::Debug for Partial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Partial").field("lookup", &self.lookup).field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl KeptKey {
    /// How much it counts against the limit.
    fn size(&self) -> usize {
        self.rows.len().max(1)
    }

    fn expired(&self, limits: &Limits) -> bool {
        limits.after_write.is_some_and(|time| clock::since(self.read) >= time)
            || limits.after_access.is_some_and(|time| clock::since(self.asked) >= time)
    }
}

impl Kept {
    fn new(wanted: &Schema) -> Result<Self> {
        let converter = Arc::new(RowConverter::new(fields(wanted))?);
        Ok(Self { converter, keys: HashMap::new(), order: BTreeMap::new(), rows: 0, turn: 0, swept: clock::instant() })
    }

    /// Returns the rows of a key, if they are cached.
    fn get(&mut self, key: &[u8], limits: &Limits) -> Option<&[OwnedRow]> {
        if self.keys.get(key)?.expired(limits) {
            self.remove(key);
            return None;
        }
        self.turn += 1;
        let entry = self.keys.get_mut(key)?;
        if let Some(key) = self.order.remove(&entry.turn) {
            self.order.insert(self.turn, key);
        }
        (entry.turn, entry.asked) = (self.turn, clock::instant());
        Some(&entry.rows)
    }

    fn put(&mut self, key: Box<[u8]>, rows: Vec<OwnedRow>, read: Instant, limits: &Limits) {
        if rows.is_empty() && !limits.missing {
            return;
        }
        self.remove(&key);
        self.turn += 1;
        let entry = KeptKey { rows, read, asked: read, turn: self.turn };
        self.rows += entry.size();
        self.order.insert(self.turn, key.clone());
        self.keys.insert(key, entry);
        while limits.max_rows.is_some_and(|most| self.rows > most) {
            let Some((_, oldest)) = self.order.pop_first() else { return };
            self.remove(&oldest);
        }
    }

    fn remove(&mut self, key: &[u8]) {
        if let Some(entry) = self.keys.remove(key) {
            self.order.remove(&entry.turn);
            self.rows -= entry.size();
        }
    }

    /// Removes expired keys, at most once per lifetime of a key: visiting all keys costs more than a call. An expired key is never returned
    /// meanwhile.
    fn expire(&mut self, limits: &Limits) {
        let Some(lifetime) = limits.after_write.into_iter().chain(limits.after_access).min() else { return };
        if clock::since(self.swept) < lifetime {
            return;
        }
        self.swept = clock::instant();
        let expired: Vec<Box<[u8]>> = self.keys.iter().filter(|(_, e)| e.expired(limits)).map(|(key, _)| key.clone()).collect();
        expired.iter().for_each(|key| self.remove(key));
    }
}

impl Partial {
    fn places(&self, schema: &Schema) -> Result<Vec<usize>> {
        Ok(schema.fields().iter().map(|f| self.schema.index_of(f.name())).collect::<Result<_, _>>()?)
    }

    /// Looks up the keys that are not cached; returns rows by key.
    async fn ask(&self, keys: &RecordBatch, wanted: &SchemaRef, converter: &RowConverter) -> Result<HashMap<Box<[u8]>, Vec<OwnedRow>>> {
        // The key's columns are needed to assign rows to keys.
        let mut places = self.places(wanted)?;
        let key_places = self.places(&keys.schema())?;
        places.extend(key_places.iter().filter(|place| !places.contains(place)).copied().collect::<Vec<_>>());
        let projection = Projection::columns(&self.schema, &places)?;
        let in_rows = key_places.iter().filter_map(|place| places.iter().position(|p| p == place)).collect::<Vec<_>>();
        let of_keys = RowConverter::new(fields(&keys.schema()))?;
        let mut found: HashMap<Box<[u8]>, Vec<OwnedRow>> = HashMap::new();
        for row in &of_keys.convert_columns(keys.columns())? {
            found.insert(row.as_ref().into(), Vec::new());
        }
        for batch in self.lookup.get(keys, &projection).await? {
            let of = of_keys.convert_columns(batch.project(&in_rows)?.columns())?;
            let rows = converter.convert_columns(&batch.columns()[..wanted.fields().len()])?;
            for (key, row) in of.iter().zip(rows.iter()) {
                // A system may treat other texts as equal.
                if let Some(rows) = found.get_mut(key.as_ref()) {
                    rows.push(row.owned());
                }
            }
        }
        Ok(found)
    }
}

#[async_trait]
impl Lookup for Partial {
    fn key(&self, columns: &[&str]) -> Option<Vec<String>> {
        self.lookup.key(columns)
    }

    async fn get(&self, keys: &RecordBatch, projection: &Projection) -> Result<Vec<RecordBatch>> {
        let wanted = projection.schema();
        let question = (self.places(&keys.schema())?, self.places(wanted)?);
        let of_keys = RowConverter::new(fields(&keys.schema()))?;
        let (mut rows, mut unknown) = (Vec::new(), Vec::with_capacity(keys.num_rows()));
        let converter = {
            let mut kept = self.kept.lock();
            let kept = match kept.entry(question.clone()) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(Kept::new(wanted)?),
            };
            kept.expire(&self.limits);
            for key in &of_keys.convert_columns(keys.columns())? {
                let known = kept.get(key.as_ref(), &self.limits);
                unknown.push(Some(known.is_none()));
                rows.extend(known.into_iter().flatten().cloned());
            }
            Arc::clone(&kept.converter)
        };
        let unknown = filter_record_batch(keys, &BooleanArray::from(unknown))?;
        if unknown.num_rows() > 0 {
            let read = clock::instant();
            let found = self.ask(&unknown, wanted, &converter).await?;
            let mut kept = self.kept.lock();
            let mut kept = kept.get_mut(&question);
            for (key, of_key) in found {
                rows.extend(of_key.iter().cloned());
                if let Some(kept) = &mut kept {
                    kept.put(key, of_key, read, &self.limits);
                }
            }
        }
        let columns = converter.convert_rows(rows.iter().map(OwnedRow::row))?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        Ok(vec![RecordBatch::try_new_with_options(Arc::clone(wanted), columns, &options)?])
    }
}
