use super::*;
use crate::core::manifest::{MIN_CHUNK, MIN_FINE_CHUNK};
use proptest::prelude::*;

fn entries(count: usize) -> Vec<Entry> {
    (0..count as u32)
        .map(|at| Entry {
            id: ChunkId(*blake3::hash(&at.to_le_bytes()).as_bytes()),
            len: MIN_CHUNK + at,
        })
        .collect()
}

/// What `decode` says of these lengths.
fn decoded(lens: &[u32]) -> Result<Manifest, Malformed> {
    let entry = |(at, &len): (usize, &u32)| Entry {
        id: ChunkId([at as u8; 32]),
        len,
    };
    let encoded = encode(&lens.iter().enumerate().map(entry).collect::<Vec<_>>());
    decode(encoded.file, &encoded.root, &encoded.pages)
}

#[test]
fn only_the_last_chunk_may_be_short() {
    assert!(decoded(&[1]).is_ok());
    assert!(decoded(&[MIN_CHUNK, 1]).is_ok());
    // Of a file that is cut finely.
    let (fine, short) = ([MAX_CHUNK; 4], MIN_FINE_CHUNK);
    assert!(decoded(&[&fine[..], &[short, 1]].concat()).is_ok());
    assert!(decoded(&[&fine[..], &[short - 1, 1]].concat()).is_err());
    assert!(decoded(&[&[MAX_CHUNK; 64][..], &[short, 1]].concat()).is_err());
    assert!(decoded(&[MIN_CHUNK, MAX_CHUNK, MIN_CHUNK]).is_ok());
    // As many as the size allows, and one of them too short all the same.
    for lens in [&[MIN_CHUNK - 1, MAX_CHUNK][..], &[0], &[MAX_CHUNK + 1]] {
        assert!(decoded(lens).is_err(), "{lens:?}");
    }
}

#[test]
fn a_root_of_more_chunks_than_its_file_can_have_is_refused_before_any_page() {
    let pages = MAX_PAGES as u32;
    let root = |size: u64| Root {
        size,
        pages: vec![PageId([1; 32]); MAX_PAGES],
        chunks: pages * PAGE_ENTRIES as u32,
    };
    let honest = u64::from(pages) * PAGE_ENTRIES as u64 * u64::from(MIN_CHUNK);
    for (size, fits) in [
        (4 << 20, false),
        (honest - u64::from(MIN_CHUNK), false),
        (honest, true),
    ] {
        let bytes = cbor::encode(&root(size));
        assert_eq!(
            Root::decode(file_id(&bytes), &bytes).is_ok(),
            fits,
            "{size}"
        );
    }
}

#[test]
fn a_page_of_more_entries_than_any_has_is_not_decoded() {
    let bytes = encode(&entries(PAGE_ENTRIES)).pages.remove(0);
    let mut long = bytes.clone();
    // The head of the array says one more, and there is one.
    long[1..3].copy_from_slice(&(PAGE_ENTRIES as u16 + 1).to_be_bytes());
    long.extend_from_slice(&bytes[3..3 + 40]);
    let root = Root {
        size: 1 << 40,
        pages: vec![page_id(&long)],
        chunks: PAGE_ENTRIES as u32,
    };
    let error = root.decode_page(0, &long).unwrap_err();
    assert!(error.0.contains("more than 4096 items"), "{error}");
}

#[test]
fn sizes_at_the_edges_of_a_page_come_back() {
    // Nothing; one chunk; a page less one; a page; a page and one more; two pages and a bit.
    for count in [
        0,
        1,
        PAGE_ENTRIES - 1,
        PAGE_ENTRIES,
        PAGE_ENTRIES + 1,
        2 * PAGE_ENTRIES + 7,
    ] {
        let list = entries(count);
        let encoded = encode(&list);
        let manifest = decode(encoded.file, &encoded.root, &encoded.pages).unwrap();
        assert_eq!(manifest.entries(), list);
    }
}

#[test]
fn the_id_of_the_empty_file_never_changes() {
    let empty = encode(&[]);
    assert_eq!(empty.root, b"\xa3\x64size\x00\x65pages\x80\x66chunks\x00");
    assert_eq!(empty.file, file_id(&empty.root));
}

#[test]
fn a_changed_root_or_page_is_refused() {
    let encoded = encode(&entries(10));
    let mut root = encoded.root.clone();
    root[6] ^= 1;
    assert!(Root::decode(encoded.file, &root).is_err());
    let root = Root::decode(encoded.file, &encoded.root).unwrap();
    let mut page = encoded.pages[0].clone();
    page[9] ^= 1;
    assert!(root.decode_page(0, &page).is_err());
    assert!(root.decode_page(1, &encoded.pages[0]).is_err());
}

#[test]
fn a_root_that_contradicts_itself_is_refused() {
    let page = PageId([1; 32]);
    for root in [
        Root {
            size: 1,
            pages: vec![],
            chunks: 1,
        },
        Root {
            size: 0,
            pages: vec![page],
            chunks: 1,
        },
        Root {
            size: u64::MAX,
            pages: vec![page],
            chunks: 1,
        },
        Root {
            size: 5,
            pages: vec![page; 2],
            chunks: 5,
        },
    ] {
        let bytes = cbor::encode(&root);
        assert!(Root::decode(file_id(&bytes), &bytes).is_err(), "{root:?}");
    }
}

#[test]
fn lengths_that_do_not_add_up_are_refused() {
    let list = entries(3);
    let encoded = encode(&list);
    let root = Root::decode(encoded.file, &encoded.root).unwrap();
    assert!(root.assemble(encoded.file, list[..2].to_vec()).is_err());
    let wrong = Root {
        size: root.size + 1,
        ..root
    };
    assert!(wrong.assemble(encoded.file, list).is_err());
}

proptest! {
    #[test]
    fn foreign_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Root::decode(file_id(&bytes), &bytes);
        let root = Root { size: 9, pages: vec![page_id(&bytes)], chunks: 3 };
        let _ = root.decode_page(0, &bytes);
    }
}
