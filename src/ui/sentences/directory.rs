//! Rendezvous servers, paths through them and the people who signed up there, in sentences. Pure;
//! what strangers named is escaped here.

use crate::{
    core::{path::printable, via::Via},
    node::{DhtInfo, PathInfo, ServerInfo, ServerNews, ServerState, SignedUp, Status},
    ui::text::{self, person},
};

/// A name is bound, or given back.
#[must_use]
pub fn signed_up(name: &str, server: &str, release: bool) -> String {
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

/// Somebody was added.
#[must_use]
pub fn added(row: &SignedUp) -> String {
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
            "the rendezvous server {at} has another key ({}) than before ({}): not joined. If its operator says that this \
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
        Via::Direct | Via::Lan | Via::LocalSend => format!("a straight path to {name} stands now"),
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
    let servers: String = status.servers.iter().map(row).collect();
    let dht = status
        .dht
        .as_ref()
        .map(|dht| format!("\n{}", self::dht(dht)));
    servers + &dht.unwrap_or_default()
}

/// The DHT, in a line.
#[must_use]
pub fn dht(dht: &DhtInfo) -> String {
    let answered = dht.answered.map(text::moment);
    let how = match (&dht.why, answered) {
        (None, None) => "not asked so far".to_owned(),
        (None, Some(at)) => format!("answered {at}"),
        (Some(why), None) => format!("does not answer ({})", printable(why)),
        (Some(why), Some(at)) => {
            format!("does not answer ({}); it did {at}", printable(why))
        }
    };
    let servers = text::count(u64::from(dht.servers), "server");
    match (dht.servers, dht.joined) {
        (0, 0) => format!("DHT: {how}"),
        (_, joined) => format!("DHT: {how}; {servers} found there, {joined} answered"),
    }
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
    fn the_dht_is_told_by_when_it_answered_and_what_was_found() {
        let mut info = DhtInfo::default();
        assert_eq!(dht(&info), "DHT: not asked so far");
        info.why = Some("nobody\u{1b} answers".into());
        assert!(dht(&info).starts_with("DHT: does not answer (nobody"));
        assert!(!dht(&info).contains('\u{1b}'));
        (info.answered, info.why) = (Some(1_790_000_000), None);
        (info.servers, info.joined) = (3, 2);
        let text = dht(&info);
        assert!(text.starts_with("DHT: answered "), "{text}");
        assert!(
            text.ends_with("; 3 servers found there, 2 answered"),
            "{text}"
        );
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
