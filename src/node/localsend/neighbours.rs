//! What sending and receiving by LocalSend have in common: this node's certificate, who is here,
//! and what goes out.
//!
//! Cheap handles and plain data; it decides nothing (`core::localsend` does).

use crate::{
    core::{
        Now,
        id::NodeId,
        link::Place,
        localsend::{Change, Nearby, Somebody},
    },
    net::localsend::Identity,
};
use parking_lot::Mutex;
use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Instant};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Clones are handles to the same.
#[derive(Clone)]
pub struct Neighbours(Arc<Inner>);

struct Inner {
    identity: Identity,
    nearby: Mutex<Nearby>,
    started: Instant,
    /// Where this node is served; 0 = not yet.
    port: watch::Sender<u16>,
    /// What is being sent: by whom it may be ended, and what ends it.
    outgoing: Mutex<BTreeMap<String, (Place, CancellationToken)>>,
}

/// Takes what goes out from the list when it is dropped.
pub struct Outgoing {
    neighbours: Neighbours,
    session: String,
    /// The receiver wants no more of it.
    pub ended: CancellationToken,
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        self.neighbours.0.outgoing.lock().remove(&self.session);
    }
}

impl Neighbours {
    /// Nobody is here yet.
    #[must_use]
    pub fn new(identity: Identity, seed: u64) -> Self {
        let nearby = Nearby::new(identity.fingerprint(), seed);
        Self(Arc::new(Inner {
            identity,
            nearby: Mutex::new(nearby),
            started: Instant::now(),
            port: watch::Sender::new(0),
            outgoing: Mutex::default(),
        }))
    }

    /// This node's certificate.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.0.identity
    }

    /// Since when they are looked for.
    #[must_use]
    pub fn started(&self) -> Instant {
        self.0.started
    }

    /// How long that is ago.
    pub fn now(&self) -> Now {
        self.0.started.elapsed()
    }

    /// Whether somebody who says to be there is to be asked.
    #[must_use]
    pub fn heard(&self, at: SocketAddr, key: [u8; 32]) -> bool {
        self.0.nearby.lock().heard(at, key, self.now())
    }

    /// They were asked, and showed their certificate (with a name) or did not.
    #[must_use]
    pub fn asked(&self, at: SocketAddr, key: [u8; 32], name: Option<String>) -> Vec<Change> {
        self.0.nearby.lock().asked(at, key, name, self.now())
    }

    /// They showed their certificate by themselves.
    #[must_use]
    pub fn shown(&self, at: SocketAddr, key: [u8; 32], name: String) -> Vec<Change> {
        self.0.nearby.lock().shown(at, key, name, self.now())
    }

    /// Who has gone.
    #[must_use]
    pub fn tick(&self) -> Vec<Change> {
        self.0.nearby.lock().tick(self.now())
    }

    /// Somebody who is here.
    #[must_use]
    pub fn get(&self, node: &NodeId) -> Option<Somebody> {
        self.0.nearby.lock().get(node).cloned()
    }

    /// Where this node is served; 0 = not yet.
    #[must_use]
    pub fn port(&self) -> u16 {
        *self.0.port.borrow()
    }

    /// It is served there.
    pub fn opened(&self, port: u16) {
        self.0.port.send_replace(port);
    }

    /// Something goes to somebody at `place`, who may end it by its session.
    #[must_use]
    pub fn goes_out(&self, session: &str, place: Place) -> Outgoing {
        let ended = CancellationToken::new();
        let (key, known) = (session.to_owned(), (place, ended.clone()));
        self.0.outgoing.lock().insert(key, known);
        Outgoing {
            neighbours: self.clone(),
            session: session.to_owned(),
            ended,
        }
    }

    /// Somebody at `place` wants no more of what goes to them.
    pub fn end_outgoing(&self, session: &str, place: Place) {
        if let Some((of, ended)) = self.0.outgoing.lock().get(session)
            && *of == place
        {
            ended.cancel();
        }
    }
}
