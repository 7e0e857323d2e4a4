//! `partition:0,offset:42;partition:1,offset:300`.

use std::collections::BTreeMap;

/// Parses Flink's syntax of offsets per partition; `None` if the text is invalid, or names a partition twice.
pub fn parse(text: &str) -> Option<BTreeMap<i32, i64>> {
    let mut offsets = BTreeMap::new();
    for pair in text.split(';').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (partition, offset) = pair.split_once(',')?;
        let partition: i32 = partition.trim().strip_prefix("partition:")?.trim().parse().ok()?;
        let offset: i64 = offset.trim().strip_prefix("offset:")?.trim().parse().ok()?;
        if partition < 0 || offset < 0 || offsets.insert(partition, offset).is_some() {
            return None;
        }
    }
    (!offsets.is_empty()).then_some(offsets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_flinks_spelling() {
        assert_eq!(parse("partition:0,offset:42;partition:1,offset:300"), Some(BTreeMap::from([(0, 42), (1, 300)])));
        assert_eq!(parse(" partition:3 , offset:7 ; "), Some(BTreeMap::from([(3, 7)])));
        for wrong in
            ["", ";", "0:42", "partition:0", "partition:0,offset:-1", "partition:0,offset:1;partition:0,offset:2", "offset:1,partition:0"]
        {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
