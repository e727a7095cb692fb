use super::{super::parse::parse, *};
use crate::ui::cli::{AtPrompt, Shared};

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
