//! Talking, as two people do it: prompts through pipes and at a terminal, and peers that do not
//! behave.

use crate::common::{
    Ran, Running, Swarm,
    faulty::{self, Fault, Faulty, File},
    renamed, until,
};
use futures::AsyncWriteExt as _;
use serde_json::Value;
use sprat::{
    core::id::NodeId,
    wire::chat::{self, Answer, ChatRefusal, Message},
};
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// A prompt through a pipe, for a program.
fn prompt(swarm: &Swarm, name: &str) -> Running {
    swarm.start(name, &["--json"])
}

/// Waits until a prompt sees somebody.
fn sees(prompt: &mut Running, name: &str) -> Value {
    let named = format!(r#""name":"{name}""#);
    prompt.type_line("peers");
    loop {
        let line = prompt.wait(name, |line| line.starts_with('{'));
        if line.contains(&named) && line.contains("rtt_ms") {
            return serde_json::from_str(&line).unwrap();
        }
        if line.contains("rtt_ms") || line.contains("nobody") {
            prompt.type_line("peers");
        }
    }
}

/// A node without a prompt that calls itself `name`.
fn named(swarm: &Swarm, home: &str, name: &str) -> Running {
    let mut node = Running::of(renamed(&swarm.command(home, &["serve", "--json"]), name));
    node.wait("ready", |line| line.contains(r#""event":"ready""#));
    node
}

/// The id with which a node began.
fn id_of(node: &Running) -> String {
    let ready = node
        .seen
        .iter()
        .find(|line| line.contains(r#""event":"ready""#));
    let ready: Value = serde_json::from_str(ready.unwrap()).unwrap();
    ready["peer"].as_str().unwrap().to_owned()
}

fn kept(home: &Path) -> Vec<(bool, String)> {
    let mut said = Vec::new();
    for entry in std::fs::read_dir(home.join(".sprat/chat")).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        for line in text.lines().filter(|line| !line.is_empty()) {
            let line: Value = serde_json::from_str(line).unwrap();
            let text = line["text"].as_str().unwrap().to_owned();
            said.push((line["mine"] == true, text));
        }
    }
    said
}

fn history(swarm: &Swarm, name: &str, of: &str) -> Vec<String> {
    let ran = swarm.run(name, &["history", of, "--json"]).succeeds();
    let text = |row: Value| row["text"].as_str().unwrap().to_owned();
    ran.json().into_iter().map(text).collect()
}

#[test]
fn two_prompts_talk_both_ways_and_the_history_outlives_them() {
    let swarm = Swarm::new();
    let mut alice = prompt(&swarm, "alice");
    let mut bob = prompt(&swarm, "bob");
    bob.type_line("msg alice \"hello, alice\"");
    let heard = alice.event("message");
    assert_eq!(
        (&heard["from"], &heard["text"]),
        (&"bob".into(), &"hello, alice".into())
    );
    assert!(heard["time"].as_u64() > Some(1_700_000_000), "{heard}");
    assert!(heard.get("key_changed").is_none(), "{heard}");
    let delivered = bob.event("delivered");
    assert_eq!(delivered["to"], "alice");

    // A conversation: what looks like a command is said, until /quit.
    alice.type_line("chat BOB");
    for line in ["it's me", "exit", "//quit is how it ends"] {
        alice.type_line(line);
        alice.event("delivered");
        let said = bob.event("message")["text"].clone();
        assert_eq!(said, line.strip_prefix('/').unwrap_or(line));
    }
    bob.type_line("msg alice fine");
    assert_eq!(alice.event("message")["text"], "fine");
    bob.event("delivered"); // Only then may she go.
    alice.type_line("/quit");
    alice.type_line("history bob");
    alice.wait("history", |line| {
        line.contains(r#""mine":false"#) && line.contains("fine")
    });
    for prompt in [&mut alice, &mut bob] {
        prompt.type_line("exit");
        assert_eq!(prompt.end(), 0);
    }

    let all = [
        "hello, alice",
        "it's me",
        "exit",
        "/quit is how it ends",
        "fine",
    ];
    assert_eq!(history(&swarm, "alice", "bob"), all);
    // At the next prompt too, with nobody there; and beside a node that runs.
    let ran = swarm.pipe("bob", &["--wait", "0.2"], "history alice 2\n");
    assert!(
        ran.out().contains("alice: /quit is how it ends"),
        "{}",
        ran.out()
    );
    assert!(ran.out().contains("me: fine") && !ran.out().contains("hello"));
    let _bob = swarm.serve("bob", &[]);
    assert_eq!(history(&swarm, "bob", "alice"), all);
    let ran = swarm.run("bob", &["history", "carol"]);
    assert_eq!(ran.code(), 5, "{}", ran.err());
}

#[test]
fn one_message_from_the_shell_is_delivered_or_it_says_not() {
    let swarm = Swarm::new();
    let ran = swarm.run("bob", &["msg", "alice", "hi", "--wait", "0.3"]);
    assert_eq!(ran.code(), 5, "{}", ran.err());
    assert!(ran.err().contains("nobody is here"), "{}", ran.err());

    // To a node without a prompt, which comes while it is looked for.
    let command = swarm.command("bob", &["msg", "alice", "hi", "there", "--wait", "60"]);
    let sent = std::thread::spawn(move || Ran::of(command));
    let mut alice = swarm.serve("alice", &[]);
    assert_eq!(alice.event("message")["text"], "hi there");
    let sent = sent.join().unwrap().succeeds();
    assert!(sent.err().contains("delivered to alice"), "{}", sent.err());
    let said = history(&swarm, "bob", "alice");
    assert_eq!(said, ["hi there"]);

    for (arguments, code, why) in [
        (
            &["msg", "carol", "hi", "--wait", "0.5"][..],
            5,
            "nobody called `carol` is here",
        ),
        (&["msg", "alice", " "], 2, "nothing to say"),
        (&["msg", "alice", &"x".repeat(10_000)], 2, "at most 4096"),
    ] {
        let ran = swarm.run("bob", arguments);
        assert_eq!(ran.code(), code, "{}", ran.err());
        assert!(ran.err().contains(why), "{}", ran.err());
    }
    // Who is gone gets nothing, now or later.
    alice.signal("TERM");
    assert_eq!(alice.end(), 0);
    let ran = swarm.run("bob", &["msg", "alice", "lost", "--wait", "0.3", "--json"]);
    assert_eq!(ran.code(), 5);
    assert_eq!(ran.json()[0]["event"], "error", "{}", ran.out());
    assert_eq!(history(&swarm, "bob", "alice"), ["hi there"]);
    assert_eq!(kept(&swarm.home("alice")), [(false, "hi there".to_owned())]);
}

#[test]
fn a_script_that_says_much_at_once_is_slowed_down_and_loses_nothing() {
    let swarm = Swarm::new();
    let mut alice = swarm.serve("alice", &[]);
    let lines: Vec<_> = (0..60).map(|n| format!("msg alice line {n}")).collect();
    let ran = swarm.pipe("bob", &["--json"], &lines.join("\n"));
    let ran = ran.succeeds();
    let delivered = ran.json().into_iter();
    assert_eq!(delivered.filter(|e| e["event"] == "delivered").count(), 60);
    for n in 0..60 {
        assert_eq!(alice.event("message")["text"], format!("line {n}"));
    }
}

#[test]
fn a_command_that_runs_once_has_nobody_who_reads() {
    let swarm = Swarm::new();
    let mut alice = swarm.serve("alice", &[]);
    let _carol = swarm.start("carol", &["download", "nowhere", "--wait", "60"]);
    alice.wait("carol", |line| {
        line.contains("joined") && line.contains("carol")
    });
    let ran = swarm.run("bob", &["msg", "carol", "hi", "--wait", "20"]);
    assert_eq!(ran.code(), 4, "{}", ran.err());
    assert!(
        ran.err().contains("nobody is there to read it"),
        "{}",
        ran.err()
    );
    assert!(!swarm.home("carol").join(".sprat/chat").exists());
}

#[cfg(unix)]
#[test]
fn a_chat_at_a_terminal_has_its_own_prompt_and_shows_nothing_raw() {
    use crate::common::terminal::Terminal;
    let swarm = Swarm::new();
    let mut bob = Terminal::prompt(&swarm, "bob");
    let mut alice = prompt(&swarm, "alice");
    bob.sees("alice joined");
    bob.enters("chat alice");
    bob.sees("talking with alice (");
    bob.sees("to alice> ");
    bob.enters("secret plans");
    assert_eq!(alice.event("message")["text"], "secret plans");
    bob.sees("delivered to alice");
    // What she types looks harmless, whatever it is; other news stay visible.
    alice.type_line("msg bob \u{1b}[2J\u{202e}gpj.exe");
    bob.sees("alice: \\u{1b}[2J\\u{202e}gpj.exe");
    alice.event("delivered");
    let mut carol = prompt(&swarm, "carol");
    bob.sees("carol joined");
    let plan = swarm.home("bob").join("plan.txt");
    std::fs::write(&plan, "at noon").unwrap();
    bob.enters(&format!("/send {}", plan.display()));
    let ask = alice.event("ask");
    assert_eq!(ask["name"], "plan.txt");
    alice.type_line(&format!("accept {}", ask["ask"]));
    alice.event("received");
    bob.enters("/frob");
    bob.sees("//x says /x");
    alice.type_line("exit");
    assert_eq!(alice.end(), 0);
    bob.sees("alice left");
    bob.enters("still there?");
    bob.sees("alice is not here any more: not delivered");
    bob.control('d');
    bob.sees("no longer talking with alice");
    bob.sees("sprat> ");
    bob.enters("exit");
    bob.sees("left the swarm");
    assert_eq!(bob.ends(), 0);
    carol.type_line("exit");
    carol.end();
    // What was said is in its own log only.
    let typed = std::fs::read_to_string(swarm.home("bob").join(".sprat/history")).unwrap();
    assert!(
        typed.contains("chat alice") && !typed.contains("secret"),
        "{typed}"
    );
    let ran = swarm.run("bob", &["history", "alice"]).succeeds();
    assert!(ran.out().contains("me: secret plans"), "{}", ran.out());
    assert!(ran.out().contains("alice: \\u{1b}[2J") && !ran.out().contains('\u{1b}'));
}

#[test]
fn a_known_name_with_a_new_key_is_flagged_and_gets_nothing_until_it_is_trusted() {
    let swarm = Swarm::new();
    let mut bob = prompt(&swarm, "bob");
    let mut alice = prompt(&swarm, "alice");
    let before = sees(&mut bob, "alice");
    assert!(before.get("key_changed").is_none(), "{before}");
    alice.type_line("exit");
    assert_eq!(alice.end(), 0);
    bob.type_line("exit");
    assert_eq!(bob.end(), 0);

    // Somebody else says to be alice.
    let mut alice = Running::of(renamed(&swarm.command("other", &["--json"]), "Alice"));
    let mut bob = prompt(&swarm, "bob");
    let joined = sees(&mut bob, "Alice");
    assert_eq!(joined["key_changed"], true, "{joined}");
    bob.type_line("msg alice secret");
    let refused = bob.event("error");
    let why = refused["error"].as_str().unwrap();
    assert!(why.contains("--trust-new-key"), "{why}");
    let id = joined["peer"].as_str().unwrap();
    let end: String = id.chars().skip(id.len() - 8).collect();
    bob.type_line(&format!("msg {end} secret"));
    assert_eq!(
        bob.event("error")["error"],
        why,
        "part of an id is no way around it"
    );
    // The whole id names a key, whatever it calls itself.
    bob.type_line(&format!("msg {id} 'to this key'"));
    assert_eq!(alice.event("message")["text"], "to this key");
    bob.type_line("chat alice");
    bob.event("error");
    // What it says is flagged, too.
    alice.type_line("msg bob 'it is me'");
    let heard = bob.event("message");
    assert_eq!(
        (&heard["from"], &heard["key_changed"]),
        (&"Alice".into(), &true.into())
    );
    bob.type_line("exit");
    assert_eq!(bob.end(), 4);
    let ran = swarm.run("bob", &["peers"]).succeeds();
    assert!(ran.out().contains("(new key!)"), "{}", ran.out());
    let ran = swarm.run("bob", &["msg", "alice", "secret"]);
    assert_eq!(ran.code(), 4, "{}", ran.err());

    swarm
        .run("bob", &["msg", "--trust-new-key", "alice", "welcome"])
        .succeeds();
    assert_eq!(alice.event("message")["text"], "welcome");
    swarm.run("bob", &["msg", "alice", "again"]).succeeds();
    assert_eq!(alice.event("message")["text"], "again");
    let ran = swarm.run("bob", &["peers"]).succeeds();
    assert!(!ran.out().contains("new key"), "{}", ran.out());
    let people = std::fs::metadata(swarm.home("bob").join(".sprat/people"));
    assert!(people.is_ok());
}

#[test]
fn of_two_with_one_name_the_known_one_is_meant_and_else_nobody_is() {
    let swarm = Swarm::new();
    let mut first = named(&swarm, "one", "alice");
    let mut second = named(&swarm, "two", "alice");
    first.event("joined");
    until("both are here", || {
        let ran = swarm.run("carol", &["peers", "--json"]);
        let rows = ran.json().into_iter();
        rows.filter(|row| row["name"] == "alice").count() == 2
    });
    let ran = swarm.run("dave", &["msg", "alice", "which?"]);
    assert_eq!(ran.code(), 2, "{}", ran.err());
    assert!(ran.err().contains("choose one by its id"), "{}", ran.err());
    // Whom he knew before is meant.
    let id = id_of(&second);
    let who: String = id.chars().skip(id.len() - 8).collect();
    swarm
        .run("dave", &["msg", &who, "--trust-new-key", "you"])
        .succeeds();
    assert_eq!(second.event("message")["text"], "you");
    swarm.run("dave", &["msg", "alice", "again"]).succeeds();
    assert_eq!(second.event("message")["text"], "again");
    let rows = swarm.run("dave", &["peers", "--json"]).succeeds().json();
    let changed = |row: &&Value| row["key_changed"] == true;
    let changed: Vec<_> = rows.iter().filter(changed).collect();
    assert_eq!(changed.len(), 1, "{rows:?}");
    assert_ne!(changed[0]["peer"], *id);
    assert!(!first.seen.iter().any(|line| line.contains("message")));
}

/// One that connects and writes as fast as it can.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_is_cut_off_and_the_node_stays_responsive() {
    let swarm = Swarm::new();
    let mut bob = swarm.serve("bob", &[]);
    let victim = NodeId::parse(&id_of(&bob)).unwrap();
    let file = File::new("x.bin", vec![1; 10]);
    let mallory = Faulty::join(swarm.port, "mal\u{1b}[31mlory", file, Fault::None);
    let message = |id: u64| Message {
        id,
        text: "\u{202e}buy\r\n".repeat(300),
        time: u64::MAX,
    };
    let mut stream = faulty::stream(&mallory.net, victim, sprat::wire::chat::PROTOCOL).await;
    // The same one again is acknowledged, and told once.
    for _ in 0..2 {
        chat::write(&mut stream, &message(7)).await.unwrap();
        stream.flush().await.unwrap();
        let answer = chat::read::<Answer, _>(&mut stream).await.unwrap();
        assert_eq!(answer, Some(Answer::Ack { id: 7 }));
    }
    let mut taken = 0;
    let mut refused = 0;
    let started = Instant::now();
    let mut id = 100;
    while refused < 20 {
        let mut stream = mallory
            .net
            .stream(victim, sprat::wire::chat::PROTOCOL)
            .await
            .unwrap();
        loop {
            id += 1;
            if chat::write(&mut stream, &message(id)).await.is_err()
                || stream.flush().await.is_err()
            {
                break;
            }
            match chat::read::<Answer, _>(&mut stream).await {
                Ok(Some(Answer::Ack { .. })) => taken += 1,
                Ok(Some(Answer::Refuse { why, .. })) => {
                    assert_eq!(why, ChatRefusal::TooFast);
                    refused += 1;
                }
                Ok(None) | Err(_) => break,
            }
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    assert!(f64::from(taken) <= 50.0 + 5.0 * (seconds + 1.0), "{taken}");
    // More than a message may have, or nothing, is none: the stream ends without an answer.
    for len in [0, 4097, 10_000] {
        let mut stream = mallory
            .net
            .stream(victim, sprat::wire::chat::PROTOCOL)
            .await
            .unwrap();
        let text = "x".repeat(len);
        let (id, time) = (1, 0);
        let _ = chat::write(&mut stream, &Message { id, text, time }).await;
        let _ = stream.flush().await;
        let answer = chat::read::<Answer, _>(&mut stream).await;
        assert!(!matches!(answer, Ok(Some(_))), "{answer:?}");
    }
    // Streams that declare much, or nothing, and stay.
    let mut idle = Vec::new();
    for bytes in [&[0xff; 4][..], &[0, 0], &[0, 0, 0, 1, 0xf6]] {
        for _ in 0..4 {
            let mut stream = mallory
                .net
                .stream(victim, sprat::wire::chat::PROTOCOL)
                .await
                .unwrap();
            let _ = stream.write_all(bytes).await;
            let _ = stream.flush().await;
            idle.push(stream);
        }
    }
    // Meanwhile somebody else is heard.
    let sent = tokio::task::spawn_blocking(move || {
        let ran = swarm.run("alice", &["msg", "bob", "hello"]).succeeds();
        (swarm, ran)
    });
    let (_swarm, ran) = sent.await.unwrap();
    assert!(ran.elapsed < Duration::from_secs(20), "{:?}", ran.elapsed);
    bob.wait("alice", |line| line.contains(r#""from":"alice""#));
    let shown = bob
        .seen
        .iter()
        .filter(|line| line.contains(r#""event":"message""#));
    let shown: Vec<_> = shown.filter(|line| line.contains("mal")).collect();
    assert_eq!(shown.len(), taken as usize + 1);
    assert!(
        shown
            .iter()
            .all(|line| !line.contains(['\u{1b}', '\u{202e}']))
    );
    let time = serde_json::from_str::<Value>(shown[0]).unwrap()["time"].as_u64();
    assert!(time < Some(10_000_000_000), "its clock is not believed");
}
