//! A node whose peers are made up, for tests of what shows them, and what it knows without any.

use super::{
    Node,
    meeting::View,
    reach::Named,
    swarm::{OwnCatalog, Seed, State},
};
use crate::{
    core::{
        Now,
        id::{FileId, NodeId},
        people::People,
        via::Via,
    },
    wire::control::{CatalogEntry, CatalogPage, Held, Offer},
};
use std::net::Ipv4Addr;
use tokio::sync::watch;

impl State {
    /// What a node of that id knows that is alone.
    pub fn of(me: NodeId) -> Self {
        Self::new(Seed {
            me,
            name: "me".into(),
            hidden: false,
            scanning: None,
            looks_for: None,
            own: OwnCatalog::new("me".into(), 1, true),
            people: People::default(),
            servers: watch::channel(View::default()).1,
            named: Named::default(),
            random: 1,
        })
    }
}

impl Node {
    /// Lets it believe that somebody here shares files of these names, each of other contents and
    /// as long as it comes late.
    pub fn believe(&self, name: &str, files: impl Iterator<Item = String>) {
        let entry = |(at, name): (u64, String)| CatalogEntry {
            revision: at,
            file: FileId(*blake3::hash(name.as_bytes()).as_bytes()),
            name,
            offer: Some(Offer {
                size: at,
                mtime: 0,
                executable: false,
                mode: None,
                media: "text/plain".into(),
                held: Held::Shared,
                parts: None,
            }),
        };
        let entries: Vec<CatalogEntry> = (1..).zip(files).map(entry).collect();
        let page = CatalogPage {
            name: name.into(),
            keeps: false,
            unchosen: false,
            visiting: false,
            epoch: 1,
            revision: entries.len() as u64,
            reset: true,
            more: false,
            through: None,
            names: None,
            entries,
            scan: None,
            holds: Vec::new(),
        };
        let (who, address) = (NodeId([9; 32]), (Ipv4Addr::LOCALHOST, 1).into());
        let mut state = self.shared.services.swarm.turn();
        let peers = &mut state.peers;
        peers.connected(who, name.into(), address, Via::Lan, Now::ZERO);
        peers.take_in(&who, page).expect("it is connected");
    }
}
