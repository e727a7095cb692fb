use super::*;
use crate::store::testing::Fixture;

fn path(text: &str) -> RelPath {
    RelPath::parse(text).unwrap()
}

fn names(nearby: &Nearby, name: &str, size: u64) -> Vec<String> {
    let name = path(name);
    let all = nearby.candidates(&name, &name, size);
    let there = all.iter().filter_map(|one| nearby.open(one));
    let names = there.map(|found| found.path.file_name().unwrap().to_owned());
    names.map(|name| name.into_string().unwrap()).collect()
}

fn sized(path: &Path, size: u64) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    File::create(path).unwrap().set_len(size).unwrap();
}

#[test]
fn what_has_the_name_comes_before_what_has_the_size() {
    let fixture = Fixture::new();
    let (shared, into) = (fixture.home.shared(), fixture.folder.path().join("into"));
    sized(&into.join("photos/a.iso"), 10);
    sized(&shared.join("near.iso"), 10 << 20);
    sized(&shared.join("nearer.txt"), 9 << 20);
    sized(&shared.join("deep/deeper/near2.iso"), 11 << 20);
    sized(&shared.join("large.iso"), 30 << 20);
    sized(&shared.join("small.iso"), 4 << 20);
    sized(&shared.join("a.iso"), 1);
    let nearby = Nearby::new(&fixture.home, &into, &[]);
    let found = names(&nearby, "photos/a.iso", 9 << 20);
    assert_eq!(
        found,
        ["a.iso", "a.iso", "near.iso", "near2.iso", "nearer.txt"]
    );
    // Too little to gain: nothing else is opened, and no folder is listed.
    let nearby = Nearby::new(&fixture.home, &into, &[]);
    assert_eq!(names(&nearby, "b.iso", 1000), [""; 0]);
    assert!(nearby.listed.get().is_none());
    // Guesses end when they gave nothing for too long.
    nearby.in_vain(VAIN);
    assert_eq!(names(&nearby, "b.iso", 10 << 20), [""; 0]);
}

#[test]
fn a_place_is_a_file_or_a_folder_and_may_be_missing() {
    let fixture = Fixture::new();
    let root = fixture.folder.path();
    sized(&root.join("old/v1/a.iso"), 5 << 20);
    sized(&root.join("image"), 7);
    let named = [root.join("old"), root.join("image"), root.join("none")];
    let nearby = Nearby::new(&fixture.home, &fixture.home.downloads(), &named);
    assert_eq!(names(&nearby, "a.iso", 4 << 20), ["image", "a.iso"]);
}

#[cfg(unix)]
#[test]
fn no_link_is_followed_below_a_place_and_no_pipe_is_waited_for() {
    use std::os::unix::fs::symlink;
    let fixture = Fixture::new();
    let (root, shared) = (fixture.folder.path(), fixture.home.shared());
    sized(&root.join("secret/a.iso"), 5 << 20);
    symlink(root.join("secret/a.iso"), shared.join("a.iso")).unwrap();
    symlink(root.join("secret"), shared.join("folder")).unwrap();
    let pipe = |path: &Path| {
        let made = std::process::Command::new("mkfifo").arg(path).status();
        assert!(made.unwrap().success());
    };
    pipe(&shared.join("b.iso"));
    let nearby = Nearby::new(&fixture.home, &fixture.home.downloads(), &[]);
    for name in ["a.iso", "b.iso", "folder/a.iso"] {
        assert_eq!(names(&nearby, name, 5 << 20), [""; 0], "{name}");
    }
    assert_eq!(nearby.listed.get().map(Vec::len), Some(0));
    // Nor when it is the place itself; a link that was named is meant.
    pipe(&root.join("pipe"));
    let link = shared.join("a.iso");
    let nearby = Nearby::new(&fixture.home, root, &[root.join("pipe"), link]);
    assert_eq!(names(&nearby, "c.iso", 1000), ["a.iso"]);
}
