//! `signup`, `people` and `add`: names at rendezvous servers; and the sentences about servers and paths.
//!
//! Everything that strangers named is escaped here; programs get it whole, in JSON.

use super::{exit::Exit, json, output::Out, sentences::person, table, text};
use crate::{
    core::{path::printable, via::Via},
    node::{DirectoryError, Node, PathInfo, ServerInfo, ServerNews, ServerState, SignedUp, Status},
};
use std::time::Duration;

/// Binds a name at the servers, or gives it back; a server is waited for at most so long.
pub async fn sign_up(node: &Node, out: &Out, wait: Duration, name: &str, release: bool) -> Exit {
    let results = match node.sign_up(name, release, wait).await {
        Ok(results) => results,
        Err(error) => return failed(out, name, &error),
    };
    let (mut done, mut failures) = (0, Vec::new());
    for (server, result) in results {
        match result {
            Ok(()) => {
                done += 1;
                if out.json() {
                    let (name, server) = (name.trim(), &*server);
                    out.object(&if release {
                        json::Event::Released { name, server }
                    } else {
                        json::Event::SignedUp { name, server }
                    });
                } else {
                    out.note(&signed_up(name.trim(), &server, release));
                }
            }
            Err(error) => failures.push(failed(out, name, &error)),
        }
    }
    Exit::of(done, &failures)
}

fn signed_up(name: &str, server: &str, release: bool) -> String {
    let (name, server) = (person(name), printable(server));
    if release {
        format!("`{name}` is no longer yours at {server}")
    } else {
        format!(
            "you are `{name}` at {server} from now on: others find you with `sprat people`, and add you with `sprat add {name}`. \
             The name is kept for 90 days after you were last there"
        )
    }
}

/// Shows who signed up.
pub async fn people(node: &Node, out: &Out, wait: Duration, pattern: Option<&str>) -> Exit {
    let rows = match node.people(pattern, wait).await {
        Ok(rows) => rows,
        Err(error) => return failed(out, pattern.unwrap_or_default(), &error),
    };
    match (rows.is_empty(), pattern) {
        (false, _) if out.json() => out.objects(rows.iter()),
        (false, _) => out.result(&table::people(&rows, out.width())),
        (true, None) => out.note("nobody of this swarm signed up there yet"),
        (true, Some(pattern)) => {
            let why = format!("nobody who signed up matches `{}`", person(pattern));
            out.error(&why);
            return Exit::NotFound;
        }
    }
    Exit::Done
}

/// Adds somebody who signed up to those who are known.
pub async fn add(node: &Node, out: &Out, wait: Duration, name: &str, trust: bool) -> Exit {
    match node.add_person(name, trust, wait).await {
        Ok(row) => {
            if out.json() {
                out.object(&json::Event::added(&row));
            } else {
                out.note(&added(&row));
            }
            Exit::Done
        }
        Err(error) => failed(out, name, &error),
    }
}

fn added(row: &SignedUp) -> String {
    let name = person(&row.name);
    let there = if row.ours {
        ""
    } else {
        ". They signed up in another swarm: you can reach them only in that one"
    };
    format!(
        "added {name}: that name means this key from now on, and no other:\n  {}\n\
         Its end, {}, is what their own prompt shows as their id: ask them by another way if it matters{there}",
        row.node,
        row.node.short()
    )
}

/// A failure, for people and for programs.
fn failed(out: &Out, name: &str, error: &DirectoryError) -> Exit {
    let why = printable(&error.to_string()).into_owned();
    if out.json() {
        out.object(&json::Event::Error { name, error: &why });
    } else {
        out.error(&why);
    }
    Exit::from(error)
}

/// Presence, as a table shows it.
#[must_use]
pub fn presence(row: &SignedUp) -> String {
    if row.present {
        "here now".to_owned()
    } else {
        text::moment(row.seen)
    }
}

/// Something happened with a server.
#[must_use]
pub fn server(news: &ServerNews) -> String {
    let at = printable(&news.address);
    match &news.state {
        ServerState::Joined => {
            let key = news.server.map(|key| format!(" ({})", key.short()));
            format!(
                "joined the rendezvous server {at}{}",
                key.unwrap_or_default()
            )
        }
        ServerState::Lost => format!("lost the rendezvous server {at}; trying again"),
        ServerState::Left => {
            format!("left the rendezvous server {at}: somebody is connected straight")
        }
        ServerState::Unreachable(why) => format!(
            "the rendezvous server {at} does not answer ({}); trying again with growing pauses",
            printable(why)
        ),
        ServerState::NewKey { known, now } => format!(
            "the rendezvous server {at} has another key ({}) than before ({}): not joined. If whoever runs it says that this \
             is right, name the key once: --rendezvous {at}/{now}",
            now.short(),
            known.short()
        ),
    }
}

/// The path to a peer.
#[must_use]
pub fn path(path: &PathInfo) -> String {
    let name = person(&path.name);
    match path.via {
        Via::Relay if path.relay => {
            format!("no straight path to {name}: going through the relay; still trying")
        }
        Via::Relay => format!(
            "no straight path to {name}, and nothing may go through the relay (--no-relay); still trying"
        ),
        Via::Direct | Via::Lan => format!("a straight path to {name} stands now"),
    }
}

/// The servers in `status`, a line each.
#[must_use]
pub fn servers(status: &Status) -> String {
    let row = |server: &ServerInfo| {
        let at = printable(&server.address);
        let met = text::count(u64::from(server.met), "person");
        let met = if server.met > 1 {
            format!("{} people", server.met)
        } else {
            met
        };
        match (server.joined, server.met) {
            (true, 0) => format!("\nrendezvous server {at}: joined"),
            (true, _) => format!("\nrendezvous server {at}: joined; {met} met there"),
            (false, 0) => format!("\nrendezvous server {at}: not joined"),
            (false, _) => format!("\nrendezvous server {at}: not joined; {met} met there"),
        }
    };
    status.servers.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::id::NodeId;

    const NODE: NodeId = NodeId([7; 32]);

    fn news(state: ServerState) -> ServerNews {
        ServerNews {
            address: "meet:12000".into(),
            server: Some(NODE),
            state,
        }
    }

    #[test]
    fn a_changed_key_says_how_to_accept_it() {
        let now = NodeId([8; 32]);
        let text = server(&news(ServerState::NewKey { known: NODE, now }));
        assert!(text.contains(&format!("--rendezvous meet:12000/{now}")));
    }

    #[test]
    fn what_strangers_wrote_is_escaped() {
        let why = ServerState::Unreachable("a\u{1b}[2J".into());
        assert!(server(&news(why)).contains("a\\u{1b}[2J"));
        let relayed = PathInfo {
            node: NODE,
            name: "bo\u{7}b".into(),
            via: Via::Relay,
            relay: true,
        };
        let text = path(&relayed);
        assert_eq!(
            text,
            "no straight path to bo\\u{7}b: going through the relay; still trying"
        );
        let straight = PathInfo {
            via: Via::Direct,
            ..relayed
        };
        assert!(path(&straight).contains("a straight path"));
    }

    #[test]
    fn who_is_added_is_shown_with_the_whole_key() {
        let row = SignedUp {
            name: "anna".into(),
            node: NODE,
            present: false,
            seen: 0,
            server: "meet:12000".into(),
            added: true,
            ours: false,
        };
        let text = added(&row);
        assert!(text.contains(&NODE.to_string()) && text.contains("another swarm"));
    }
}
