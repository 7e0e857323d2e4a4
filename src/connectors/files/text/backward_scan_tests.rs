use object_store::PutPayload;
use object_store::memory::InMemory;
use object_store::path::Path;

use crate::connectors::files::text::record_splitter::Cutter;

use crate::connectors::files::text::backward_scan::*;

const CSV: Quotes = Quotes { quote: b'"', escape: None, delimiter: b',' };

/// Returns where the records of a text begin.
fn starts(text: &[u8]) -> Vec<u64> {
    let (mut cutter, mut starts) = (Cutter::new(Some(CSV), None), vec![]);
    cutter.push(text);
    while let Some(record) = cutter.next(true) {
        starts.push(record.byte);
    }
    starts.push(text.len() as u64);
    starts
}

async fn stored(text: &[u8]) -> (InMemory, ObjectMeta) {
    let (store, path) = (InMemory::new(), Path::from("a.csv"));
    store.put(&path, PutPayload::from(text.to_vec())).await.unwrap();
    let meta = store.head(&path).await.unwrap();
    (store, meta)
}

/// Every text of seven of these characters, from every place: a start that is found is never wrong, and one is often found.
#[tokio::test]
async fn a_place_that_is_found_is_the_beginning_of_a_record() {
    const SIGNS: [u8; 4] = [b'a', b',', b'"', b'\n'];
    const LENGTH: u32 = 7;
    let (mut found, mut asked) = (0, 0);
    for number in 0..4_usize.pow(LENGTH) {
        let text: Vec<u8> = (0..LENGTH).map(|i| SIGNS[number / 4_usize.pow(i) % 4]).collect();
        let right = starts(&text);
        let (store, meta) = stored(&text).await;
        for from in 1..text.len() as u64 {
            asked += 1;
            let reach = Reach { block: 2, longest: 100 };
            if let Some(start) = record_start(&store, &meta, Some(CSV), from, reach).await.unwrap() {
                found += 1;
                assert!(right.contains(&start) && start > from, "{:?} from {from}: {start}", String::from_utf8_lossy(&text));
            }
        }
    }
    assert!(found * 10 > asked, "{found} of {asked}");
}

#[tokio::test]
async fn how_far_back_it_has_to_look() {
    let plain = "1,a\n".repeat(10);
    let quoted = "1,\"a\nb\"\n".repeat(5);
    let opened = format!("1,\"{}", "2,b\n".repeat(10));
    let ended = format!("{quoted}{plain}");
    for (text, from, longest, expected) in [
        (&plain, 10, 100, Some(12)),
        // The line end after `a` belongs to a value.
        (&quoted, 18, 100, Some(24)),
        (&ended, 61, 100, Some(64)),
        // A quote that is never closed: the rest is one record, ...
        (&opened, 21, 100, None),
        // ... but one that no query could read.
        (&opened, 35, 8, Some(39)),
    ] {
        let (store, meta) = stored(text.as_bytes()).await;
        let start = record_start(&store, &meta, Some(CSV), from, Reach { block: 4, longest }).await.unwrap();
        assert_eq!(start, expected, "{text} from {from}");
    }
    let (store, meta) = stored(quoted.as_bytes()).await;
    let reach = Reach { block: 4, longest: 100 };
    assert_eq!(record_start(&store, &meta, None, 5, reach).await.unwrap(), Some(5));
    let escaped = Quotes { escape: Some(b'\\'), ..CSV };
    assert_eq!(record_start(&store, &meta, Some(escaped), 5, reach).await.unwrap(), None);
}
