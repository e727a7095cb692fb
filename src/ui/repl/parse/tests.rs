use super::*;
use std::path::PathBuf;

fn fetch(what: &[&str], into: Option<&str>) -> Command {
    Command::Download {
        what: what.iter().map(|w| (*w).to_owned()).collect(),
        output: Output {
            path: into.map(PathBuf::from),
            overwrite: false,
        },
        whose: Whose::default(),
    }
}

fn listed(pattern: &str) -> ListWhat {
    ListWhat {
        pattern: Some(pattern.to_owned()),
        ..ListWhat::default()
    }
}

#[test]
fn words_are_split_as_in_a_shell() {
    assert_eq!(parse("list 'a b'"), Ok(Command::List(listed("a b"))));
    assert_eq!(parse("list a\\ b"), Ok(Command::List(listed("a b"))));
    assert_eq!(
        parse("download \"a b\" c/ '*.jpg'"),
        Ok(fetch(&["a b", "c/", "*.jpg"], None))
    );
    assert!(parse("list 'a").is_err_and(|why| why.contains("quote")));
}

#[test]
fn blank_lines_and_comments_ask_for_nothing() {
    for line in ["", "   ", "# a comment", "\t# list"] {
        assert_eq!(parse(line), Ok(Command::Nothing), "{line:?}");
    }
    assert_eq!(parse("peers # who?"), Ok(Command::Peers));
}

#[test]
fn the_folder_stands_anywhere() {
    for line in [
        "download a -o /d b",
        "download -o/d a b",
        "download a b --output=/d",
        "download a --output /d b",
    ] {
        assert_eq!(parse(line), Ok(fetch(&["a", "b"], Some("/d"))), "{line}");
    }
    let Ok(Command::Download { output, .. }) = parse("download a --overwrite -o b") else {
        panic!("not a download");
    };
    assert!(output.overwrite);
    // The prompt's streams are the prompt's.
    for line in ["download a -o -", "send - --to anna"] {
        assert!(
            parse(line).is_err_and(|why| why.contains("the prompt's")),
            "{line}"
        );
    }
    assert_eq!(parse("download -- -o"), Ok(fetch(&["-o"], None)));
    for line in [
        "download",
        "download -o",
        "download a -o",
        "download a -x",
        "download a -o b -o c",
    ] {
        assert!(
            parse(line).is_err_and(|why| why.starts_with("usage: download")),
            "{line}"
        );
    }
}

#[test]
fn whose_it_is_and_which_versions_are_asked_as_at_the_shell() {
    let list = |line: &str| match parse(line) {
        Ok(Command::List(what)) => (what.pattern, what.long, what.versions),
        other => panic!("{line}: {other:?}"),
    };
    assert_eq!(list("list -l x"), (Some("x".into()), true, false));
    assert_eq!(list("list --versions"), (None, false, true));
    assert_eq!(list("list -- -l"), (Some("-l".into()), false, false));
    assert!(parse("list -x").is_err());
    let whose = |line: &str| match parse(line) {
        Ok(Command::Download { whose, .. }) => (whose.from, whose.all_versions),
        other => panic!("{line}: {other:?}"),
    };
    for line in ["download a --from anna", "download --from=anna a"] {
        assert_eq!(whose(line), (Some("anna".into()), false), "{line}");
    }
    assert_eq!(whose("download a --all-versions"), (None, true));
    for line in [
        "download a --from",
        "download a --from b --all-versions",
        "download a --all-versions --from b",
        "download a --from b --from c",
    ] {
        assert!(parse(line).is_err(), "{line}");
    }
}

#[test]
fn every_command_is_read_and_explained() {
    assert_eq!(parse("status"), Ok(Command::Status));
    assert_eq!(parse("asks"), Ok(Command::Asks));
    assert_eq!(parse("refuse 3"), Ok(Command::Refuse(3)));
    assert_eq!(parse("accept 3"), Ok(Command::Accept(3, None)));
    assert_eq!(
        parse("accept 3 '/my folder'"),
        Ok(Command::Accept(3, Some("/my folder".into())))
    );
    for line in [
        "send 'a b' c --to bob ann",
        "send --to=bob 'a b' c --to ann",
    ] {
        let send = Command::Send {
            files: vec!["a b".into(), "c".into()],
            to: vec!["bob".into(), "ann".into()],
            trust: false,
            later: false,
        };
        assert_eq!(parse(line), Ok(send), "{line}");
    }
    let later = parse("send a --later --to bob");
    assert!(
        matches!(later, Ok(Command::Send { later: true, .. })),
        "{later:?}"
    );
    assert_eq!(parse("cancel later 3"), Ok(Command::Forget(3)));
    for line in ["cancel later", "cancel later x", "cancel later 1 2"] {
        assert!(parse(line).is_err(), "{line}");
    }
    for line in [
        "send a",
        "send --to b",
        "accept",
        "accept x",
        "refuse",
        "send a -x --to b",
    ] {
        assert!(parse(line).is_err(), "{line}");
    }
    let (name, trust) = ("ann lee".to_owned(), true);
    assert_eq!(
        parse("add 'ann lee' --trust-new-key"),
        Ok(Command::Directory(Errand::Add { name, trust }))
    );
    let (name, release) = ("ann".to_owned(), false);
    assert_eq!(
        parse("signup ann"),
        Ok(Command::Directory(Errand::SignUp { name, release }))
    );
    assert_eq!(
        parse("people"),
        Ok(Command::Directory(Errand::People(None)))
    );
    for line in [
        "add",
        "add a b",
        "add -x",
        "signup",
        "signup --release",
        "people a b",
    ] {
        assert!(parse(line).is_err(), "{line}");
    }
    assert_eq!(parse("exit"), Ok(Command::Exit));
    assert_eq!(parse("quit"), Ok(Command::Exit));
    assert_eq!(parse("cancel 2"), Ok(Command::Cancel(Some(2))));
    assert_eq!(parse("help list"), Ok(Command::Help(Some("list".into()))));
    for verb in VERBS {
        assert!(help(Some(verb.name)).is_ok());
        assert!(help(None).is_ok_and(|text| text.contains(verb.usage)));
    }
}

#[test]
fn what_is_unknown_points_to_help() {
    assert!(parse("frobnicate").is_err_and(|why| why.contains("`help`")));
    for (line, meant) in [
        ("dowload x", "`download`"),
        ("recieve 7-amber-falcon", "`receive`"),
        ("doctor", "`sprat doctor`"),
        ("sprat list", "`list`"),
        ("send a -to alice", "`--to`"),
        ("download a -output d", "`--output`"),
        ("accept", "`asks`"),
    ] {
        let why = parse(line).unwrap_err();
        assert!(why.contains(meant), "{line}: {why}");
    }
    assert!(parse("peers x").is_err());
    assert!(parse("cancel x").is_err_and(|why| why.contains("`status`")));
    assert!(help(Some("x")).is_err());
}
