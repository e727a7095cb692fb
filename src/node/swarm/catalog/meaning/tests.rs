use super::*;
use crate::node::api::Owner;

fn row(id: u8, owners: &[&str], others: u32, mtime: i64) -> Listing {
    let owner = |(at, name): (usize, &&str)| Owner {
        node: NodeId([at as u8 + 10 * id; 32]),
        name: (*name).into(),
    };
    Listing {
        name: "a/homework.pdf".into(),
        id: FileId([id; 32]),
        size: 1,
        media: "x".into(),
        mtime,
        owners: owners.iter().enumerate().map(owner).collect(),
        at: Vec::new(),
        shared: false,
        others,
        holders: others,
        copies: others,
        keepers: 0,
        replica: false,
        mine: false,
        older: false,
    }
}

fn means(rows: &[Listing]) -> Vec<u8> {
    match meaning(rows) {
        Meaning::One(row) => vec![row.id.0[0]],
        Meaning::Several(rows) => rows.iter().map(|row| row.id.0[0]).collect(),
    }
}

#[test]
fn what_the_owner_shares_now_is_meant_however_many_have_an_older_one() {
    let old = row(1, &[], 9, 2000);
    let new = row(2, &["anna"], 1, 1000);
    assert_eq!(means(&[old, new]), [2]);
}

#[test]
fn several_owners_make_it_ambiguous_and_older_ones_do_not_take_part() {
    let rows = [
        row(1, &["anna"], 1, 0),
        row(2, &[], 9, 9),
        row(3, &["bob"], 1, 0),
    ];
    assert_eq!(means(&rows), [1, 3]);
}

#[test]
fn without_an_owner_the_newest_is_meant() {
    assert_eq!(means(&[row(1, &[], 1, 5), row(2, &[], 3, 4)]), [1]);
    // What is only here is older than what others have, or there were no reason to ask.
    assert_eq!(means(&[row(1, &[], 0, 9), row(2, &[], 1, 4)]), [2]);
    // But not what this node shares itself.
    let own = Listing {
        shared: true,
        ..row(1, &[], 0, 1)
    };
    assert_eq!(means(&[own, row(2, &[], 1, 4)]), [1]);
}

#[test]
fn what_is_not_meant_is_older() {
    let mut rows = [
        row(1, &["anna"], 1, 0),
        row(2, &[], 9, 9),
        row(3, &["bob"], 1, 0),
    ];
    mark_older(&mut rows);
    assert_eq!(rows.map(|row| row.older), [false, true, false]);
    let mut own = [row(1, &["anna"], 1, 0), row(2, &[], 0, 0)];
    own[1].shared = true;
    mark_older(&mut own);
    assert_eq!(own.map(|row| row.older), [false, false]);
}

#[test]
fn owners_stand_in_the_names_side_by_side() {
    let rows = [
        row(1, &["anna"], 1, 0),
        row(2, &["../b\u{7}"], 1, 0),
        row(3, &["Carl"], 1, 0),
        row(4, &["carl"], 1, 0),
        row(5, &["  "], 1, 0),
    ];
    let names = labelled("a/homework.pdf", &rows.iter().collect::<Vec<_>>());
    let short = |id: u8| NodeId([10 * id; 32]).short();
    assert_eq!(
        names,
        [
            "a/homework (anna).pdf".to_owned(),
            "a/homework (.._b_).pdf".to_owned(),
            format!("a/homework (Carl {}).pdf", short(3)),
            format!("a/homework (carl {}).pdf", short(4)),
            format!("a/homework ({}).pdf", short(5)),
        ]
    );
}
