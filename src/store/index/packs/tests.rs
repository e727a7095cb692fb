use super::*;
use proptest::prelude::*;

type File = (u64, FileRecord, Content);

type Bits = (usize, bool, Option<u32>, u8);
type Times = (u64, i64, u32, u64, u64);
type Drawn = (u64, Bits, Times, String, [u8; 32], u32);

/// Records that look like nothing in particular, or like their neighbours.
fn files() -> impl Strategy<Value = Vec<File>> {
    let bits = (
        0..4usize,
        any::<bool>(),
        prop::option::of(0..0o1000u32),
        0..3u8,
    );
    let stamp = (
        any::<u64>(),
        any::<i64>(),
        any::<u32>(),
        any::<u64>(),
        any::<u64>(),
    );
    let near = (0..1u64 << 21, 0..9i64, 0..2u32, 5..6u64, 0..3000u64);
    let name = prop::collection::vec("[a-zé]{0,9}", 1..4).prop_map(|parts| parts.join("/"));
    let stamp = prop_oneof![1 => stamp, 3 => near];
    let one = (
        1..1u64 << 40,
        bits,
        stamp,
        name,
        any::<[u8; 32]>(),
        1..1u32 << 20,
    );
    prop::collection::vec(one, 0..200).prop_map(|all| {
        let mut at = 0;
        let file = |(step, bits, stamp, name, id, len): Drawn| {
            at += step;
            let (kind, executable, mode, content) = bits;
            let content = match content {
                0 => Content::Small(None),
                1 => Content::Small(Some(Entry {
                    id: ChunkId(id),
                    len,
                })),
                _ => Content::Large,
            };
            let (size, mtime, mtime_ns, device, inode) = stamp;
            let record = FileRecord {
                kind: Kind::ALL[kind],
                path: format!("/home/{name}").into(),
                stamp: Stamp {
                    size,
                    mtime,
                    mtime_ns,
                    device,
                    inode,
                },
                rights: mode.map_or(executable.into(), Rights::of),
                file: match content {
                    Content::Small(entry) => manifest::encode(entry.as_slice()).file,
                    Content::Large => FileId(id),
                },
                media: name.chars().take(2).collect(),
                name: if executable {
                    name
                } else {
                    name.to_uppercase()
                },
            };
            (at, record, content)
        };
        all.into_iter().map(file).collect()
    })
}

fn packed(files: &[File]) -> Vec<(u64, Vec<u8>)> {
    let each = files.iter();
    pack(each.map(|(number, record, content)| (*number, record, *content)))
}

fn read(packs: &[(u64, Vec<u8>)]) -> Vec<File> {
    let mut files = Vec::new();
    for (at, value) in packs {
        let mut reader = Reader::of(*at, value);
        while let Some(packed) = reader.next() {
            let (record, content) = reader.record(&packed).unwrap();
            assert_eq!(modes::path_bytes(&record.path), reader.path());
            files.push((packed.number, record, content));
        }
    }
    files
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn records_come_back_from_packs_of_a_bounded_size(files in files()) {
        let packs = packed(&files);
        for (at, value) in &packs {
            let in_it = read(&[(*at, value.clone())]);
            prop_assert!(in_it.len() <= RECORDS && value.len() <= BYTES + 300);
            prop_assert_eq!(in_it[0].0, *at);
        }
        prop_assert_eq!(read(&packs), files);
    }

    #[test]
    fn some_records_go_and_the_others_stay(files in files(), gone in any::<u64>()) {
        let goes = |number: u64| number.wrapping_mul(gone | 1).is_multiple_of(3);
        let stay: Vec<File> = files.iter().filter(|file| !goes(file.0)).cloned().collect();
        let gone: Vec<u64> = files.iter().map(|file| file.0).filter(|&at| goes(at)).collect();
        let packs = packed(&files).into_iter();
        let left: Vec<_> = packs
            .filter_map(|(at, value)| Some((at, without(at, &value, &gone)?)))
            .collect();
        prop_assert!(left.iter().all(|(_, value)| value.len() > 1));
        prop_assert_eq!(read(&left), stay);
    }

    #[test]
    fn what_does_not_make_sense_ends_a_pack(files in files(), at in any::<u16>(), to in any::<u8>()) {
        for (key, mut value) in packed(&files) {
            let at = usize::from(at) % value.len();
            value[at] = to;
            read_any(key, &value);
            read_any(key, &value[..at]);
        }
    }

    #[test]
    fn any_bytes_may_be_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        read_any(u64::MAX, &bytes);
        read_any(0, &[&[VERSION], &bytes[..]].concat());
    }
}

/// Reads all there is; a record may be none.
fn read_any(key: u64, value: &[u8]) {
    let mut reader = Reader::of(key, value);
    let mut count = 0;
    while let Some(packed) = reader.next() {
        let _ = reader.record(&packed);
        count += 1;
    }
    assert!(count <= value.len());
}

#[test]
fn a_small_file_in_a_folder_of_many_takes_some_sixty_bytes() {
    let files: Vec<File> = (0..1000u64)
        .map(|at| {
            let name = format!("many/file-{at:05}.bin");
            let entry = Entry {
                id: ChunkId(*blake3::hash(&at.to_be_bytes()).as_bytes()),
                len: 4096,
            };
            let record = FileRecord {
                kind: Kind::Shared,
                path: name.clone().into(),
                stamp: Stamp {
                    size: 4096,
                    mtime: 1_760_000_000,
                    mtime_ns: 123_456_789 + at as u32 * 20_000,
                    device: 2049,
                    inode: 1_000_000 + at,
                },
                rights: Rights::of(0o644),
                file: manifest::encode(&[entry]).file,
                name,
                media: "application/octet-stream".into(),
            };
            (at, record, Content::Small(Some(entry)))
        })
        .collect();
    let packs = packed(&files);
    assert_eq!(packs.len(), 1000usize.div_ceil(RECORDS));
    let bytes: usize = packs.iter().map(|(_, value)| value.len()).sum();
    assert!(bytes < 64 * files.len(), "{bytes}");
    assert_eq!(read(&packs), files);
}

#[test]
fn a_damaged_record_ends_its_pack() {
    // Number, marks, of the path before, of this one, size, time (twice), device, inode, name, media.
    let one = |kept: u8, media: u8| {
        let path = [1, b'a'];
        let rest = [0, 0, 0, 0, 0, 1, media, 1, b't'];
        [&[VERSION, 0, 0, kept][..], &path, &rest].concat()
    };
    let read = |value: &[u8]| Reader::of(3, value).next().map(|packed| packed.number);
    assert_eq!(read(&one(0, 0)), Some(3));
    assert_eq!(read(&one(1, 0)), None, "there is no path before");
    assert_eq!(read(&one(0, 1)), None, "there is no such media type");
    let mut later = one(0, 0);
    later[0] = VERSION + 1;
    assert_eq!(read(&later), None);
}
