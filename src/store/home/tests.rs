use super::*;

#[test]
fn a_second_opener_is_told_who_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(folder.path()).unwrap();
    match Home::open(folder.path()) {
        Err(HomeError::Busy { pid, .. }) => assert_eq!(pid, std::process::id()),
        other => panic!("{other:?}"),
    }
    let clone = home.clone();
    drop(home);
    assert!(Home::open(folder.path()).is_err());
    drop(clone);
    Home::open(folder.path()).unwrap();
}

#[test]
fn what_is_not_a_folder_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "x").unwrap();
    assert!(matches!(Home::open(&file), Err(HomeError::NotAFolder(_))));
    assert!(matches!(
        Home::open(&folder.path().join("none")),
        Err(HomeError::Missing(_))
    ));
    fs::write(folder.path().join(".sprat"), "x").unwrap();
    assert!(matches!(
        Home::open(folder.path()),
        Err(HomeError::NotAFolder(_))
    ));
}

#[test]
fn the_identity_stays_and_a_damaged_one_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(folder.path()).unwrap();
    let seed = home.identity().unwrap();
    assert_eq!(home.identity().unwrap(), seed);
    let key = folder.path().join(".sprat/identity.key");
    fs::write(&key, seed).unwrap();
    assert_eq!(home.identity().unwrap(), seed);
    for damaged in ["", "abc", &"zz".repeat(32)] {
        fs::write(&key, damaged).unwrap();
        assert!(matches!(home.identity(), Err(HomeError::Identity { .. })));
        assert_eq!(fs::read(&key).unwrap(), damaged.as_bytes());
    }
}

#[test]
fn a_new_key_leaves_the_old_ones_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(folder.path()).unwrap();
    let (aside, first) = home.new_identity().unwrap();
    assert_eq!(aside, None);
    let key = home.root().join(".sprat/identity.key");
    for n in 1..3 {
        let before = fs::read(&key).unwrap();
        let (aside, seed) = home.new_identity().unwrap();
        let aside = aside.unwrap();
        assert!(aside.ends_with(format!("identity.key.{n}")), "{aside:?}");
        assert_eq!(fs::read(&aside).unwrap(), before);
        assert_ne!(seed, first);
        assert_eq!(home.identity().unwrap(), seed);
    }
}

#[test]
fn the_epoch_grows_even_when_the_clock_goes_back() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(folder.path()).unwrap();
    assert_eq!(home.next_epoch(1000).unwrap(), 1000);
    assert_eq!(home.next_epoch(5).unwrap(), 1001);
    assert_eq!(home.next_epoch(u64::MAX).unwrap(), u64::MAX);
    assert_eq!(home.next_epoch(5).unwrap(), u64::MAX);
    fs::write(folder.path().join(".sprat/epoch"), "?").unwrap();
    assert_eq!(home.next_epoch(7).unwrap(), 7);
}

#[cfg(unix)]
#[test]
fn others_may_not_look_inside() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let mode = |path: &str| {
        let meta = fs::metadata(folder.path().join(path)).unwrap();
        meta.permissions().mode() & 0o777
    };
    let home = Home::open(folder.path()).unwrap();
    home.identity().unwrap();
    assert_eq!(mode(".sprat"), 0o700);
    assert_eq!(mode(".sprat/identity.key"), 0o600);
    let key = folder.path().join(".sprat/identity.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    home.identity().unwrap();
    assert_eq!(mode(".sprat/identity.key"), 0o600);
}
