use super::*;

fn id(n: u32) -> FileId {
    let mut id = [0; 32];
    id[..4].copy_from_slice(&n.to_be_bytes());
    FileId(id)
}

fn ms(ms: u64) -> Now {
    Duration::from_millis(ms)
}

fn told(changes: &mut Changes) -> Vec<Change> {
    let at = changes.next_tick().expect("something");
    assert_eq!(changes.take(at.saturating_sub(ms(1))), []);
    let told = changes.take(at);
    assert_eq!(changes.next_tick(), None);
    told
}

#[test]
fn a_folder_of_twenty_thousand_files_that_is_renamed_is_one_line() {
    let mut changes = Changes::default();
    let name = |folder: &str, n: u32| format!("photos/{folder}/{}/{n}.jpg", n % 7);
    // The new names come first, a second between the two.
    for n in 0..20_000 {
        changes.offered(&name("new", n), 5, id(n / 2), ms(n.into()));
    }
    for n in 0..20_000 {
        changes.withdrawn(&name("old", n), id(n / 2), ms(20_999));
    }
    let (from, to) = ("photos/old".to_owned(), "photos/new".to_owned());
    let folders = Some(Moved { from, to });
    let files = 20_000;
    assert_eq!(told(&mut changes), [Change::MovedFiles { files, folders }]);
}

#[test]
fn few_are_told_by_name() {
    let mut changes = Changes::default();
    changes.offered("a", 1, id(1), ms(5));
    changes.withdrawn("b", id(2), ms(5));
    changes.withdrawn("d/c", id(3), ms(5));
    changes.offered("c", 1, id(3), ms(6));
    assert_eq!(
        told(&mut changes),
        [
            Change::Moved(Moved {
                from: "d/c".into(),
                to: "c".into()
            }),
            Change::New {
                name: "a".into(),
                size: 1
            },
            Change::Gone { name: "b".into() },
        ]
    );
}

#[test]
fn many_are_counted_by_the_folder_that_they_are_in() {
    let mut changes = Changes::default();
    for n in 0..4 {
        changes.offered(&format!("x/y{n}/f"), 10, id(n), ms(0));
        changes.withdrawn(&format!("z/{n}"), id(100 + n), ms(0));
    }
    assert_eq!(
        told(&mut changes),
        [
            Change::NewFiles {
                files: 4,
                bytes: 40,
                folder: "x".into()
            },
            Change::GoneFiles {
                files: 4,
                folder: "z".into()
            },
        ]
    );
    // Each went its own way.
    for n in 0..4 {
        changes.withdrawn(&format!("a{n}/f"), id(n), ms(0));
        changes.offered(&format!("b{n}"), 10, id(n), ms(0));
    }
    let (files, folders) = (4, None);
    assert_eq!(told(&mut changes), [Change::MovedFiles { files, folders }]);
}

#[test]
fn new_contents_are_no_loss_and_what_came_and_went_is_no_news() {
    let mut changes = Changes::default();
    changes.withdrawn("a", id(1), ms(0));
    changes.offered("a", 7, id(2), ms(0));
    changes.offered("b", 7, id(3), ms(0));
    changes.withdrawn("b", id(3), ms(0));
    let (name, size) = ("a".to_owned(), 7);
    assert_eq!(told(&mut changes), [Change::New { name, size }]);
    // Rewritten, and then removed.
    changes.withdrawn("a", id(2), ms(0));
    changes.offered("a", 7, id(4), ms(0));
    changes.withdrawn("a", id(4), ms(0));
    assert_eq!(told(&mut changes), [Change::Gone { name: "a".into() }]);
}

#[test]
fn what_never_rests_is_told_in_time_and_costs_no_more_than_its_bound() {
    let mut changes = Changes::default();
    let many = 2 * MOST as u32;
    for n in 0..many {
        changes.offered(&format!("d/{n}"), 1, id(n), ms(u64::from(n) / 4));
        changes.withdrawn(&format!("e/{n}"), id(many + n), ms(u64::from(n) / 4));
    }
    assert_eq!(changes.next_tick(), Some(LONGEST));
    assert_eq!((changes.new.len(), changes.gone.len()), (MOST, MOST));
    let (files, folder) = (u64::from(many), String::new());
    assert_eq!(
        changes.take(LONGEST),
        [
            Change::NewFiles {
                files,
                bytes: files,
                folder: folder.clone()
            },
            Change::GoneFiles { files, folder },
        ]
    );
}
