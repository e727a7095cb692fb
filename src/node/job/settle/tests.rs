use super::*;
use crate::{
    core::id::FileId,
    wire::control::{Held, Offer},
};

fn file(offered: &str) -> JobFile {
    let name = RelPath::parse(offered).unwrap();
    JobFile {
        at: None,
        offered: None,
        name,
        id: FileId([0; 32]),
        size: 1,
        offer: Offer {
            size: 1,
            mtime: 0,
            executable: false,
            mode: None,
            media: String::new(),
            held: Held::Shared,
            parts: None,
        },
    }
}

fn settled(what: &str, offered: &[&str], shape: Shape) -> (DownloadRequest, Vec<JobFile>) {
    let mut request = DownloadRequest {
        what: vec![what.to_owned()],
        into: Some("/nowhere/new".into()),
        shape,
        ..DownloadRequest::default()
    };
    let mut files: Vec<JobFile> = offered.iter().map(|name| file(name)).collect();
    let meant = files.len();
    if let Err(error) = settle(&mut request, &mut files, meant) {
        assert!(matches!(error, DownloadError::NotOne(_)) && meant > 1);
        files.clear();
    }
    (request, files)
}

#[test]
fn a_path_is_the_files_own_when_one_is_named() {
    for (what, offered, own) in [
        ("a.bin", "sub/a.bin", true),
        ("sub/a.bin", "sub/a.bin", true),
        ("3f9c2a71b0", "sub/a.bin", true),
        ("Song [Live].mp3", "Song [Live].mp3", true),
        ("sub/", "sub/a.bin", false),
        ("sub/*", "sub/a.bin", false),
    ] {
        let (request, files) = settled(what, &[offered], Shape::Path);
        let into = request.into.unwrap();
        let at = into.join(files[0].place().as_str());
        let expected = if own {
            "/nowhere/new"
        } else {
            "/nowhere/new/sub/a.bin"
        };
        assert_eq!(at, Path::new(expected), "{what}");
        assert_eq!(files[0].name.as_str(), offered, "what others see stays");
    }
    let (request, _) = settled("*", &["a", "b"], Shape::Path);
    assert_eq!(request.into.unwrap(), Path::new("/nowhere/new"));
}

#[test]
fn several_are_not_one() {
    assert!(settled("*", &["a", "b"], Shape::One).1.is_empty());
    assert_eq!(settled("*", &["a"], Shape::One).1.len(), 1);
}

#[test]
fn a_folder_takes_a_file_by_its_own_name() {
    let folder = tempfile::tempdir().unwrap();
    assert!(file_at(folder.path()).is_none());
    assert!(file_at(Path::new("/nowhere/new/")).is_none());
    let (parent, name) = file_at(Path::new("out.bin")).unwrap();
    assert_eq!(
        (parent, name),
        (".".into(), Ok(RelPath::parse("out.bin").unwrap()))
    );
}
