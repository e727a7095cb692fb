use super::{super::parse::parse, *};

fn said(who: &str, text: &str, trust: bool) -> Command {
    let (who, text) = (who.into(), text.into());
    Command::Msg { who, text, trust }
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
    let chat = |who: &str, trust| {
        let who = who.to_owned();
        Ok(Command::Chat { who, trust })
    };
    assert_eq!(parse("chat 'ann lee'"), chat("ann lee", false));
    assert_eq!(parse("chat --trust-new-key bob"), chat("bob", true));
    let history = |lines| {
        let who = "bob".to_owned();
        Ok(Command::History { who, lines })
    };
    assert_eq!(parse("history bob"), history(HISTORY));
    assert_eq!(parse("history bob 5"), history(5));
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
    let say = |text: &str| Ok(Command::Say(text.to_owned()));
    assert_eq!(in_chat("exit"), say("exit"));
    assert_eq!(in_chat("it's #1 "), say("it's #1"));
    assert_eq!(in_chat("//quit"), say("/quit"));
    assert_eq!(in_chat("  "), Ok(Command::Nothing));
    assert_eq!(in_chat("/quit"), Ok(Command::Quit));
    assert_eq!(
        in_chat("/send a b.txt"),
        Ok(Command::SendHere("a b.txt".into()))
    );
    assert!(in_chat("/frob").is_err() && in_chat("/send").is_err());
}
