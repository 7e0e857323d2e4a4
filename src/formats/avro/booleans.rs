//! Checks booleans in Avro, which are one byte: 0 or 1. arrow-avro takes any other byte for true.

use arrow::datatypes::{DataType, Field, Fields};

/// Whether these columns contain a boolean.
pub(super) fn any(fields: &Fields) -> bool {
    fields.iter().any(|field| within(field.data_type()))
}

fn within(data_type: &DataType) -> bool {
    match data_type {
        DataType::Boolean => true,
        DataType::List(element) => within(element.data_type()),
        DataType::Struct(fields) => any(fields),
        DataType::Map(entries, _) => within(entries.data_type()),
        _ => false,
    }
}

/// Whether all booleans of a record are 0 or 1; `fields` as in [`super::schema::AvroTable::columns`]. A record that ends too early is left
/// to arrow-avro.
pub(super) fn sound(fields: &Fields, record: &[u8]) -> bool {
    let mut rest = Rest { bytes: record, sound: true };
    let _ = rest.record(fields);
    rest.sound
}

struct Rest<'a> {
    bytes: &'a [u8],
    sound: bool,
}

impl Rest<'_> {
    fn record(&mut self, fields: &Fields) -> Option<()> {
        fields.iter().try_for_each(|field| self.field(field))
    }

    /// A nullable field is a union with `null` first.
    fn field(&mut self, field: &Field) -> Option<()> {
        if field.is_nullable() && self.long()? == 0 { Some(()) } else { self.value(field.data_type()) }
    }

    fn value(&mut self, data_type: &DataType) -> Option<()> {
        match data_type {
            DataType::Boolean => {
                let [byte, rest @ ..] = self.bytes else { return None };
                self.sound &= *byte < 2;
                self.bytes = rest;
                Some(())
            }
            DataType::Float32 => self.pass(4),
            DataType::Float64 => self.pass(8),
            DataType::Utf8 | DataType::Binary | DataType::Decimal128(..) => {
                let len = self.long()?;
                self.pass(usize::try_from(len).ok()?)
            }
            DataType::Struct(fields) => self.record(fields),
            DataType::List(element) => self.blocks(|rest| rest.field(element)),
            DataType::Map(entries, _) => {
                let DataType::Struct(pair) = entries.data_type() else { return None };
                self.blocks(|rest| rest.record(pair))
            }
            _ => self.long().map(drop),
        }
    }

    /// Elements come in blocks, after the last of which is a 0; after a negative count comes the size of its block.
    fn blocks(&mut self, mut element: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        loop {
            let count = self.long()?;
            if count < 0 {
                self.long()?;
            }
            for _ in 0..count.unsigned_abs() {
                // Elements without bytes would never end.
                let before = self.bytes.len();
                element(self)?;
                if self.bytes.len() == before {
                    return None;
                }
            }
            if count == 0 {
                return Some(());
            }
        }
    }

    fn pass(&mut self, count: usize) -> Option<()> {
        self.bytes = self.bytes.get(count..)?;
        Some(())
    }

    fn long(&mut self) -> Option<i64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let [byte, rest @ ..] = self.bytes else { return None };
            self.bytes = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some((value >> 1) as i64 ^ -((value & 1) as i64));
            }
        }
        None
    }
}
