//! The stable hash of keys, which chooses the key group of a row.

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BinaryViewArray, BooleanArray, GenericByteArray, OffsetSizeTrait, PrimitiveArray,
    StringViewArray, downcast_integer_array,
};
use arrow::compute::cast;
use arrow::datatypes::{ByteArrayType, DataType, Decimal128Type, Decimal256Type, Float16Type, Float32Type, Float64Type, TimeUnit};
use arrow::row::{RowConverter, SortField};
use xxhash_rust::xxh3::xxh3_64;

use crate::common::Result;

/// The version of [`hash_keys`]. Every commit stores it with the number of key groups; state that was placed by another version is
/// redistributed.
pub const HASH_VERSION: u32 = 1;

/// The hash of NULL.
const NULL: u64 = 0x9E37_79B9_7F4A_7C15;
/// The hash of no columns.
const SEED: u64 = 0x2545_F491_4F6C_DD1D;

/// Returns the hash of each of `rows` rows of these columns: the same on every machine and in every release of the same [`HASH_VERSION`],
/// unlike DataFusion's, which has a random seed and changes between releases.
///
/// Keys that operators compare as equal have equal hashes: integers of every width and dates and times by their number, strings and bytes
/// by their bytes in every layout, 0.0 the same as −0.0, all NaN the same, NULL the same as NULL.
///
/// # Errors
/// When the type of a column cannot be hashed.
pub fn hash_keys(columns: &[ArrayRef], rows: usize) -> Result<Vec<u64>> {
    let mut hashes = vec![SEED; rows];
    columns.iter().try_for_each(|column| add_column(column, &mut hashes))?;
    Ok(hashes)
}

/// Mixes a value into a row's hash; every bit of the result depends on every bit of both.
#[inline]
fn mix(hash: u64, value: u64) -> u64 {
    let mut mixed = (hash.rotate_left(25) ^ value).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    mixed ^= mixed >> 32;
    mixed = mixed.wrapping_mul(0xC4CE_B9FE_1A85_EC53);
    mixed ^ mixed >> 29
}

#[expect(clippy::unnecessary_cast, reason = "the macro makes one of each width")]
fn add_column(column: &ArrayRef, hashes: &mut [u64]) -> Result<()> {
    let as_number = |kind: DataType| Ok::<_, crate::common::Error>(cast(column, &kind)?);
    match column.data_type() {
        DataType::Boolean => add_booleans(column.as_boolean(), hashes),
        kind if kind.is_integer() => downcast_integer_array! {
            column => add_numbers(column, hashes, |value| value as i64 as u64),
            _ => {}
        },
        DataType::Timestamp(..) | DataType::Date64 | DataType::Time64(_) | DataType::Duration(_) => {
            add_column(&as_number(DataType::Int64)?, hashes)?;
        }
        DataType::Date32 | DataType::Time32(TimeUnit::Second | TimeUnit::Millisecond) => add_column(&as_number(DataType::Int32)?, hashes)?,
        DataType::Float16 => add_numbers(column.as_primitive::<Float16Type>(), hashes, |value| float_bits(value.to_f64())),
        DataType::Float32 => add_numbers(column.as_primitive::<Float32Type>(), hashes, |value| float_bits(f64::from(value))),
        DataType::Float64 => add_numbers(column.as_primitive::<Float64Type>(), hashes, float_bits),
        DataType::Decimal128(..) => {
            add_numbers(column.as_primitive::<Decimal128Type>(), hashes, |value| mix(value as u64, (value >> 64) as u64))
        }
        DataType::Decimal256(..) => {
            add_numbers(column.as_primitive::<Decimal256Type>(), hashes, |value| xxh3_64(&value.to_le_bytes()));
        }
        DataType::Utf8 => add_bytes(column.as_string::<i32>(), hashes),
        DataType::LargeUtf8 => add_bytes(column.as_string::<i64>(), hashes),
        DataType::Binary => add_bytes(column.as_binary::<i32>(), hashes),
        DataType::LargeBinary => add_bytes(column.as_binary::<i64>(), hashes),
        DataType::Utf8View => add_text_views(column.as_string_view(), hashes),
        DataType::BinaryView => add_byte_views(column.as_binary_view(), hashes),
        DataType::FixedSizeBinary(_) => add_column(&as_number(DataType::Binary)?, hashes)?,
        DataType::Dictionary(_, values) => add_column(&as_number(values.as_ref().clone())?, hashes)?,
        other => {
            let rows = RowConverter::new(vec![SortField::new(other.clone())])?.convert_columns(std::slice::from_ref(column))?;
            rows.iter().zip(hashes).for_each(|(row, hash)| *hash = mix(*hash, xxh3_64(row.data())));
        }
    }
    Ok(())
}

/// The bits of a float, normalized so that equal values have equal bits.
fn float_bits(value: f64) -> u64 {
    if value.is_nan() {
        f64::NAN.to_bits()
    } else if value == 0.0 {
        0
    } else {
        value.to_bits()
    }
}

fn add_numbers<T: ArrowPrimitiveType>(column: &PrimitiveArray<T>, hashes: &mut [u64], bits: impl Fn(T::Native) -> u64) {
    if column.null_count() == 0 {
        column.values().iter().zip(hashes).for_each(|(value, hash)| *hash = mix(*hash, bits(*value)));
    } else {
        column.iter().zip(hashes).for_each(|(value, hash)| *hash = mix(*hash, value.map_or(NULL, &bits)));
    }
}

fn add_booleans(column: &BooleanArray, hashes: &mut [u64]) {
    column.iter().zip(hashes).for_each(|(value, hash)| *hash = mix(*hash, value.map_or(NULL, u64::from)));
}

fn add_bytes<O: OffsetSizeTrait, T: ByteArrayType<Offset = O>>(column: &GenericByteArray<T>, hashes: &mut [u64]) {
    let bytes = |value: &T::Native| xxh3_64(value.as_ref());
    column.iter().zip(hashes).for_each(|(value, hash)| *hash = mix(*hash, value.map_or(NULL, bytes)));
}

fn add_text_views(column: &StringViewArray, hashes: &mut [u64]) {
    column.iter().zip(hashes).for_each(|(value, hash)| *hash = mix(*hash, value.map_or(NULL, |value| xxh3_64(value.as_bytes()))));
}

fn add_byte_views(column: &BinaryViewArray, hashes: &mut [u64]) {
    column.iter().zip(hashes).for_each(|(value, hash)| *hash = mix(*hash, value.map_or(NULL, xxh3_64)));
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Float32Array, Float64Array, Int32Array, Int64Array, ListArray, StringArray, UInt8Array};
    use arrow::datatypes::Int64Type;

    use super::*;
    use crate::state::KeyGroups;

    fn hash(column: impl Array + 'static) -> Vec<u64> {
        let rows = column.len();
        hash_keys(&[Arc::new(column)], rows).unwrap()
    }

    #[test]
    fn equal_keys_have_equal_hashes_whatever_their_type() {
        let long = hash(Int64Array::from(vec![Some(5), Some(-3), None]));
        assert_eq!(hash(Int32Array::from(vec![Some(5), Some(-3), None])), long);
        assert_eq!(hash(UInt8Array::from(vec![Some(5), None]))[..], [long[0], long[2]]);
        let text = hash(StringArray::from(vec![Some("a"), Some("a longer one than a view holds"), None]));
        assert_eq!(hash(StringViewArray::from(vec![Some("a"), Some("a longer one than a view holds"), None])), text);
        let coded: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), Some("a longer one than a view holds"), None]));
        let coded = cast(&coded, &DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8))).unwrap();
        assert_eq!(hash_keys(&[coded], 3).unwrap(), text);
        let floats = hash(Float64Array::from(vec![0.0, -0.0, f64::NAN, -f64::NAN]));
        assert_eq!((floats[0], floats[2]), (floats[1], floats[3]));
        assert_eq!(hash(Float32Array::from(vec![0.5])), hash(Float64Array::from(vec![0.5])));
    }

    const EACH: [[u64; 4]; 4] = [
        [2798495855742579957, 428279376319174434, 6979567465947726462, 6062287223629278908],
        [15397350972158382846, 6621098198065923711, 6062287223629278908, 6621098198065923711],
        [6673240254749547308, 4422551768081802102, 98862304783722856, 1855585960036790409],
        [2798495855742579957, 6872992770378529949, 499506734564943365, 6062287223629278908],
    ];
    const ALL: [u64; 4] = [10011102121346367803, 14384457952789165636, 9385322724025168870, 8739585744024341277];

    /// The key groups of committed state follow from them: another result needs another [`HASH_VERSION`].
    #[test]
    fn hashes_are_the_same_for_ever() {
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(0), Some(1), Some(-1), None]));
        let texts: ArrayRef = Arc::new(StringArray::from(vec![Some(""), Some("key"), None, Some("key")]));
        let lists: ArrayRef =
            Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>([Some(vec![Some(1)]), Some(vec![]), None, Some(vec![None])]));
        let decimals = cast(&numbers, &DataType::Decimal128(20, 2)).unwrap();
        let columns = [numbers, texts, lists, decimals];
        let each: Vec<_> = columns.iter().map(|c| hash_keys(std::slice::from_ref(c), 4).unwrap()).collect();
        assert_eq!(each, EACH, "{each:#x?}");
        let all = hash_keys(&columns, 4).unwrap();
        assert_eq!(all, ALL, "{all:#x?}");
    }

    #[test]
    fn keys_spread_evenly_over_groups_and_partitions() {
        const KEYS: i64 = 128 * 400;
        let columns: [(&str, ArrayRef); 3] = [
            ("numbers in a row", Arc::new(Int64Array::from_iter_values(0..KEYS))),
            ("multiples of a thousand", Arc::new(Int64Array::from_iter_values((0..KEYS).map(|k| k * 1000)))),
            ("texts", Arc::new(StringArray::from_iter_values((0..KEYS).map(|k| format!("user_{k}"))))),
        ];
        for (what, column) in columns {
            let hashes = hash_keys(&[column], KEYS as usize).unwrap();
            for partitions in [2, 4, 8, 16, 128] {
                let mut counts = vec![0_i64; partitions];
                hashes.iter().for_each(|hash| counts[KeyGroups::partition(*hash, 128, partitions)] += 1);
                let even = KEYS / partitions as i64;
                // Four times the standard deviation of a fair distribution, for 128 groups about a fifth.
                let most = even + 5 * (even as f64).sqrt() as i64;
                assert!(counts.iter().all(|count| *count <= most), "{what} over {partitions}: {counts:?}");
            }
        }
    }
}
