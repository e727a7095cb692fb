use super::{super::help::VERBS, *};
use std::cell::Cell;

fn names() -> Vec<String> {
    [
        "photos/a b.jpg",
        "photos/sub/c.jpg",
        "plan.txt",
        "e\u{1b}vil",
        "it's",
    ]
    .map(str::to_owned)
    .to_vec()
}

/// What is known, and how often it was asked for.
#[derive(Default)]
struct Counted {
    offered: Cell<u32>,
    others: Cell<u32>,
}

impl Known for Counted {
    fn offered(&self, _: &str) -> Vec<String> {
        self.offered.set(self.offered.get() + 1);
        names()
    }

    fn people(&self) -> Vec<String> {
        self.others.set(self.others.get() + 1);
        let people = ["Ann Lee", "alice", "e\u{1b}ve"];
        people.map(str::to_owned).to_vec()
    }

    fn asks(&self) -> Vec<u32> {
        self.others.set(self.others.get() + 1);
        vec![3, 12]
    }
}

fn known() -> Counted {
    Counted::default()
}

#[test]
fn what_the_swarm_offers_is_asked_for_once_and_only_where_it_may_stand() {
    let known = known();
    for line in [
        "",
        "dow",
        "peers ",
        "msg a",
        "accept ",
        "send p",
        "download --",
    ] {
        let _ = complete(line, line.len(), &known, files);
    }
    assert_eq!(known.offered.get(), 0);
    assert_eq!(known.others.get(), 2);
    let line = "download p";
    assert_eq!(complete(line, line.len(), &known, files).1.len(), 2);
    assert_eq!(known.offered.get(), 1);
}

/// The only files of this machine.
fn files(word: &str) -> Vec<String> {
    let files = ["/home/a b/", "/home/x.jpg", "plan.odt", "pictures/"].map(str::to_owned);
    files
        .into_iter()
        .filter(|path| path.starts_with(word))
        .collect()
}

fn at_end(line: &str) -> (usize, Vec<String>) {
    complete(line, line.len(), &known(), files)
}

#[test]
fn the_first_word_is_a_command() {
    assert_eq!(at_end("d"), (0, vec!["download ".to_owned()]));
    assert_eq!(at_end("").1.len(), VERBS.len());
    assert_eq!(at_end("help li").1, ["list ", "link ", "links "]);
    assert_eq!(at_end("peers p").1.len(), 0);
}

#[test]
fn names_are_completed_folder_by_folder() {
    assert_eq!(
        at_end("download p"),
        (9, vec!["photos/".to_owned(), "plan.txt ".to_owned()])
    );
    assert_eq!(
        at_end("download x photos/"),
        (
            11,
            vec!["'photos/a b.jpg' ".to_owned(), "photos/sub/".to_owned()]
        )
    );
}

#[test]
fn a_name_with_spaces_is_quoted_and_an_open_quote_goes_on() {
    let quoted = vec!["'photos/a b.jpg' ".to_owned()];
    assert_eq!(at_end("download 'photos/a "), (9, quoted.clone()));
    assert_eq!(at_end("download \"photos/a "), (9, quoted.clone()));
    assert_eq!(at_end("download photos/a\\ "), (9, quoted));
    assert_eq!(at_end("list it"), (5, vec!["\"it's\" ".to_owned()]));
}

#[test]
fn people_are_completed_where_somebody_is_meant() {
    let both = vec!["'Ann Lee' ".to_owned(), "alice ".to_owned()];
    assert_eq!(at_end("msg a"), (4, both.clone()));
    assert_eq!(at_end("chat a"), (5, both));
    assert!(at_end("msg alice p").1.is_empty());
    assert!(at_end("history e").1.is_empty());
    assert_eq!(at_end("download plan.txt --from al").1, ["alice "]);
    assert_eq!(at_end("chat --trust-new-key al").1, ["alice "]);
}

#[test]
fn files_are_completed_where_something_is_sent_and_then_people() {
    let both = vec!["pictures/".to_owned(), "plan.odt ".to_owned()];
    assert_eq!(at_end("send p").1, both);
    let quoted = vec!["'/home/a b/'".to_owned(), "/home/x.jpg ".to_owned()];
    assert_eq!(at_end("send plan.odt /home/").1, quoted);
    assert_eq!(at_end("send plan.odt --t").1, ["--to ", "--trust-new-key "]);
    let left = at_end("send plan.odt --later -").1;
    assert_eq!(left.len(), 4, "{left:?}");
    assert!(left.iter().any(|option| option.starts_with("--pin")));
    assert_eq!(at_end("send -- plan.odt p").1, both);
    assert_eq!(at_end("send plan.odt --to al").1, ["alice "]);
    assert_eq!(at_end("/send pl").1, ["plan.odt "]);
}

#[test]
fn asks_are_completed_by_their_numbers_and_then_a_folder() {
    assert_eq!(at_end("accept ").1, ["3 ", "12 "]);
    assert_eq!(at_end("refuse 1").1, ["12 "]);
    assert_eq!(at_end("accept 3 p").1, ["pictures/"]);
    assert!(at_end("refuse 3 ").1.is_empty());
}

#[test]
fn a_name_that_deceives_is_not_put_into_the_line() {
    assert!(at_end("download e").1.is_empty());
}

#[test]
fn only_the_word_under_the_cursor_counts() {
    let line = "download pl -o /tmp";
    assert_eq!(
        complete(line, 11, &known(), files),
        (9, vec!["plan.txt ".to_owned()])
    );
    let folder = vec!["pictures/".to_owned()];
    assert_eq!(at_end("download plan.txt -o pi").1, folder);
}
