use super::*;
use crate::ui::cli::{Download, ListWhat, Output, Send, Waiting, Whose};
use std::path::PathBuf;

fn shared(command: Shared) -> Typed {
    Typed::Command(AtPrompt::Shared(command))
}

fn fetch(what: &[&str], into: Option<&str>) -> Typed {
    shared(Shared::Download(Download {
        what: what.iter().map(|w| (*w).to_owned()).collect(),
        output: Output {
            path: into.map(PathBuf::from),
            overwrite: false,
        },
        whose: Whose::default(),
    }))
}

fn listed(pattern: &str) -> Typed {
    shared(Shared::List(ListWhat {
        pattern: Some(pattern.to_owned()),
        ..ListWhat::default()
    }))
}

fn at_prompt(line: &str) -> Result<AtPrompt, String> {
    match parse(line)? {
        Typed::Command(command) => Ok(command),
        other => panic!("{line}: {other:?}"),
    }
}

fn download(line: &str) -> Download {
    match at_prompt(line) {
        Ok(AtPrompt::Shared(Shared::Download(what))) => what,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn words_are_split_as_in_a_shell() {
    assert_eq!(parse("list 'a b'"), Ok(listed("a b")));
    assert_eq!(parse("list a\\ b"), Ok(listed("a b")));
    assert_eq!(
        parse("download \"a b\" c/ '*.jpg'"),
        Ok(fetch(&["a b", "c/", "*.jpg"], None))
    );
    assert!(parse("list 'a").is_err_and(|why| why.contains("quote")));
}

#[test]
fn blank_lines_and_comments_ask_for_nothing() {
    for line in ["", "   ", "# a comment", "\t# list"] {
        assert_eq!(parse(line), Ok(Typed::Nothing), "{line:?}");
    }
    assert_eq!(
        parse("peers # who?"),
        Ok(shared(Shared::Peers { scan: false }))
    );
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
    assert!(download("download a --overwrite -o b").output.overwrite);
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
    let list = |line: &str| match at_prompt(line) {
        Ok(AtPrompt::Shared(Shared::List(what))) => (what.pattern, what.long, what.versions),
        other => panic!("{line}: {other:?}"),
    };
    assert_eq!(list("list -l x"), (Some("x".into()), true, false));
    assert_eq!(list("list --versions"), (None, false, true));
    assert_eq!(list("list -- -l"), (Some("-l".into()), false, false));
    assert!(parse("list -x").is_err());
    let whose = |line: &str| {
        let whose = download(line).whose;
        (whose.from, whose.all_versions)
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
    assert_eq!(at_prompt("status"), Ok(AtPrompt::Shared(Shared::Status)));
    assert_eq!(at_prompt("asks"), Ok(AtPrompt::Asks));
    assert_eq!(at_prompt("refuse 3"), Ok(AtPrompt::Refuse { ask: 3 }));
    for (line, into) in [
        ("accept 3", None),
        ("accept 3 '/my folder'", Some("/my folder".to_owned())),
    ] {
        assert_eq!(at_prompt(line), Ok(AtPrompt::Accept { ask: 3, into }));
    }
    for line in [
        "send 'a b' c --to bob ann",
        "send --to=bob 'a b' c --to ann",
    ] {
        let send = AtPrompt::Send(Send {
            files: vec!["a b".into(), "c".into()],
            to: vec!["bob".into(), "ann".into()],
            ..Send::default()
        });
        assert_eq!(at_prompt(line), Ok(send), "{line}");
    }
    let later = at_prompt("send a --later --to bob");
    assert!(
        matches!(later, Ok(AtPrompt::Send(Send { later: true, .. }))),
        "{later:?}"
    );
    let cancel = |job, waiting| Ok(AtPrompt::Shared(Shared::Cancel { job, waiting }));
    let later = Waiting::Later { number: 3 };
    assert_eq!(at_prompt("cancel later 3"), cancel(None, Some(later)));
    assert_eq!(at_prompt("cancel 2"), cancel(Some(2), None));
    assert_eq!(at_prompt("cancel"), cancel(None, None));
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
    let add = Shared::Add {
        called: "ann lee".to_owned(),
        trust_new_key: true,
    };
    assert_eq!(parse("add 'ann lee' --trust-new-key"), Ok(shared(add)));
    let sign_up = Shared::Signup {
        called: "ann".to_owned(),
        release: false,
    };
    assert_eq!(parse("signup ann"), Ok(shared(sign_up)));
    let people = Shared::People { part: None };
    assert_eq!(parse("people"), Ok(shared(people)));
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
    assert_eq!(at_prompt("exit"), Ok(AtPrompt::Exit));
    assert_eq!(at_prompt("quit"), Ok(AtPrompt::Exit));
    for (line, about) in [
        ("help list", Some("list".to_owned())),
        ("?", None),
        ("help", None),
    ] {
        assert_eq!(at_prompt(line), Ok(AtPrompt::Help { about }), "{line}");
    }
    for yes in ["clean --yes", "clean -y"] {
        assert_eq!(parse(yes), Ok(shared(Shared::Clean { yes: true })));
    }
}

#[test]
fn a_mistake_says_how_it_is_meant() {
    for (line, said) in [
        ("download a -x", "comes after --"),
        ("list a b", "stand in quotes"),
        ("download a -o", "--output <PATH> takes a value"),
        ("download a -o b -o c", "--output <PATH> is given twice"),
        ("download a --from b --all-versions", "exclude each other"),
        ("history ann x", "N is a number of lines"),
        ("accept x", "`asks` shows the numbers"),
        ("accept", "`asks` shows the numbers"),
        ("cancel x", "`jobs`"),
        ("peers x", "usage: peers"),
        ("list --help", "usage: list"),
        ("send a --code x", "usage: send"),
    ] {
        let why = parse(line).unwrap_err();
        assert!(
            why.starts_with("usage: ") && why.ends_with(said) || why.contains(said),
            "{line}: {why}"
        );
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
    assert!(parse("cancel x").is_err_and(|why| why.contains("`jobs`")));
}

fn said(who: &str, text: &str, trust_new_key: bool) -> Typed {
    Typed::Command(AtPrompt::Shared(Shared::Msg(Msg {
        who: who.into(),
        text: vec![text.into()],
        trust_new_key,
    })))
}

#[test]
fn a_message_is_taken_as_it_stands_or_unquoted() {
    for (line, text) in [
        ("msg bob it's me", "it's me"),
        ("msg bob look at #3 in C:\\x", "look at #3 in C:\\x"),
        ("msg bob 'it is me'", "it is me"),
        ("msg bob \"a \\\"b\\\" c\"", "a \"b\" c"),
        ("msg bob 'twas open", "'twas open"),
        ("  msg\tbob   x  ", "x"),
        ("msg bob hello --trust-new-key", "hello --trust-new-key"),
    ] {
        assert_eq!(parse(line), Ok(said("bob", text, false)), "{line}");
    }
    assert_eq!(parse("msg 'ann lee' hi"), Ok(said("ann lee", "hi", false)));
    assert_eq!(parse("msg ann\\ lee hi"), Ok(said("ann lee", "hi", false)));
    for line in ["msg --trust-new-key bob hi", "msg bob --trust-new-key hi"] {
        assert_eq!(parse(line), Ok(said("bob", "hi", true)), "{line}");
    }
    for line in [
        "msg",
        "msg bob",
        "msg bob ''",
        "msg 'bob hi",
        "msg --trust-new-key bob",
    ] {
        assert!(
            parse(line).is_err_and(|why| why.starts_with("usage: msg")),
            "{line}"
        );
    }
    assert!(parse("msgs bob").is_err_and(|why| why.contains("`msg`")));
}

#[test]
fn chat_and_history_name_one_person() {
    let chat = |who: &str, trust_new_key| {
        let who = who.to_owned();
        Ok(Typed::Command(AtPrompt::Chat { who, trust_new_key }))
    };
    assert_eq!(parse("chat 'ann lee'"), chat("ann lee", false));
    assert_eq!(parse("chat --trust-new-key bob"), chat("bob", true));
    for (line, lines) in [("history bob", 100), ("history bob 5", 5)] {
        let Ok(Typed::Command(AtPrompt::Shared(Shared::History(history)))) = parse(line) else {
            panic!("{line}: not a history");
        };
        assert_eq!((&*history.who, history.count()), ("bob", lines));
    }
    for line in [
        "chat",
        "chat a b",
        "history",
        "history a x",
        "history a 1 2",
    ] {
        assert!(
            parse(line).is_err_and(|why| why.starts_with("usage")),
            "{line}"
        );
    }
}

#[test]
fn in_a_chat_every_line_is_said_but_those_with_a_slash() {
    let say = |text: &str| Ok(Typed::Say(text.to_owned()));
    assert_eq!(in_chat("exit"), say("exit"));
    assert_eq!(in_chat("it's #1 "), say("it's #1"));
    assert_eq!(in_chat("//quit"), say("/quit"));
    assert_eq!(in_chat("  "), Ok(Typed::Nothing));
    assert_eq!(in_chat("/quit"), Ok(Typed::Quit));
    assert_eq!(
        in_chat("/send a b.txt"),
        Ok(Typed::SendHere("a b.txt".into()))
    );
    assert!(in_chat("/frob").is_err() && in_chat("/send").is_err());
}
