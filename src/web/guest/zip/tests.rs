//! Archives as other programs read them.

use crate::core::zip::{Archive, Entry};
use std::{
    fs::File,
    io::{Seek as _, SeekFrom, Write as _},
    path::Path,
    process::Command,
};

/// What stands at the end of the large file.
const END: &[u8] = b"the end";
/// Beyond what 32 bits can say.
const LARGE: u64 = (4 << 30) + END.len() as u64;
/// Beyond what 16 bits can say.
const MANY: usize = 70_000;

/// Opens the archive, and reads what lies beyond 4 GiB; a file is read against its sum.
const READ: &str = r#"
import sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as archive:
    rows = archive.infolist()
    large = int(sys.argv[2])
    assert len(rows) == int(sys.argv[3]) + 2, len(rows)
    assert (rows[0].filename, rows[0].file_size) == ("trip/film.bin", large), rows[0]
    assert rows[1].filename == "trip/\u00fc.txt" and rows[1].header_offset > large, rows[1]
    assert archive.read(rows[1]) == b"by boat"
    assert rows[-1].filename == "many/69999" and archive.read(rows[-1]) == b""
    with archive.open(rows[0]) as film:
        assert film.read(9) == bytes(9)
    # The contents begin after the head, as long as that says it is.
    with open(sys.argv[1], "rb") as raw:
        raw.seek(26)
        raw.seek(30 + sum(int.from_bytes(raw.read(2), "little") for _ in range(2)) + large - 7)
        assert raw.read(7) == b"the end"
"#;

/// The sum of 4 GiB of zeros and the end.
fn sum() -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&[0]);
    for _ in 0..32 {
        sum.combine(&sum.clone());
    }
    sum.update(END);
    sum.finalize()
}

/// Writes it with a hole in the place of the zeros: that takes no room.
fn write(archive: &Archive, to: &Path) -> std::io::Result<()> {
    let mut file = std::io::BufWriter::new(File::create(to)?);
    let contents = |number| match number {
        0 => (LARGE, END, sum()),
        1 => (7, &b"by boat"[..], crc32fast::hash(b"by boat")),
        _ => (0, &b""[..], 0),
    };
    for number in 0..archive.entries().len() {
        let (size, end, sum) = contents(number);
        file.write_all(&archive.head(number))?;
        let hole = size - end.len() as u64;
        if hole > 0 {
            file.seek(SeekFrom::Current(hole.cast_signed()))?;
        }
        file.write_all(end)?;
        file.write_all(&archive.tail(number, sum))?;
    }
    for number in 0..archive.entries().len() {
        file.write_all(&archive.row(number, contents(number).2))?;
    }
    file.write_all(&archive.end())?;
    file.flush()
}

#[test]
fn others_read_an_archive_beyond_4_gib_and_65535_files() {
    let entry = |name: String, size| Entry {
        name,
        size,
        mtime: 1_700_000_000,
    };
    let first = [
        entry("trip/film.bin".into(), LARGE),
        entry("trip/\u{fc}.txt".into(), 7),
    ];
    let many = (0..MANY).map(|n| entry(format!("many/{n}"), 0));
    let archive = Archive::new(first.into_iter().chain(many).collect());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("all.zip");
    write(&archive, &path).unwrap();
    assert_eq!(path.metadata().unwrap().len(), archive.size());
    let mut python = Command::new("python3");
    python.args(["-c", READ]).arg(&path);
    let read = python.args([LARGE.to_string(), MANY.to_string()]).output();
    match read {
        Ok(read) => assert!(
            read.status.success(),
            "{}",
            String::from_utf8_lossy(&read.stderr)
        ),
        Err(error) => eprintln!("left out: no python3 to read the archive with ({error})"),
    }
    // By hand: SPRAT_ZIP=/tmp/all.zip keeps it, for `unzip -t`.
    if let Some(kept) = std::env::var_os("SPRAT_ZIP") {
        write(&archive, Path::new(&kept)).unwrap();
    }
}
