//! Being seen by LocalSend apps, and seeing them: announcements out, announcements in, and a
//! handshake with each who says to be there.

use super::LocalSend;
use crate::{
    core::localsend::Change,
    net::localsend::{Announcer, AnnouncerConfig, Peer},
    node::command::Command,
    wire::localsend::{Info, MAX_INFO},
};
use std::{io, net::SocketAddr, time::Duration};
use tokio::time::{Instant, interval_at, sleep, timeout};

/// After the start, as apps do: datagrams get lost.
const FIRST: [Duration; 3] = [
    Duration::from_millis(100),
    Duration::from_millis(400),
    Duration::from_millis(1500),
];
/// And then, so that those who are there answer, and those who have gone are missed.
const AGAIN: Duration = Duration::from_secs(30);
/// Between two answers by datagram, which reach all: whatever is heard, no more go out.
const REPLY: Duration = Duration::from_secs(2);
/// Between two looks who has gone.
const LOOK: Duration = Duration::from_secs(5);
/// For an answer.
const ANSWER: Duration = Duration::from_secs(5);
/// After a failure to open the sockets.
const RETRY: Duration = Duration::from_secs(30);

impl LocalSend {
    /// Announces this node and follows who is here, until the node leaves.
    pub(super) async fn discover(self) {
        loop {
            let settings = &self.0.settings;
            let config = AnnouncerConfig {
                port: settings.port,
                listen: settings.listen.clone(),
                interfaces: settings.interfaces.clone(),
            };
            match Announcer::open(config) {
                Ok((announcer, heard)) => {
                    let announcing = self.announce(&announcer);
                    let hearing = self.hear(heard);
                    tokio::select! {
                        () = announcing => {}
                        () = hearing => {}
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "LocalSend's announcements cannot be heard");
                    sleep(RETRY).await;
                }
            }
        }
    }

    async fn announce(&self, announcer: &Announcer) {
        for pause in FIRST {
            sleep(pause).await;
            announcer.announce(&self.own().announced()).await;
        }
        let mut again = interval_at(Instant::now() + AGAIN, AGAIN);
        loop {
            tokio::select! {
                _ = again.tick() => announcer.announce(&self.own().announced()).await,
                () = self.0.reply.notified() => {
                    announcer.announce(&self.own().replied()).await;
                    sleep(REPLY).await;
                }
            }
        }
    }

    async fn hear(&self, mut heard: tokio::sync::mpsc::Receiver<(Info, SocketAddr)>) {
        let mut look = interval_at(Instant::now() + LOOK, LOOK);
        loop {
            tokio::select! {
                said = heard.recv() => match said {
                    Some((info, from)) => self.look_into(&info, from),
                    None => return,
                },
                _ = look.tick() => {
                    for change in self.0.neighbours.tick() {
                        self.tell(change).await;
                    }
                }
            }
        }
    }

    /// Asks somebody who says to be there, if that is worth it. Who is not encrypted, or cannot be
    /// reached, is told by a datagram who is here, if they want to know.
    pub(super) fn look_into(&self, info: &Info, from: SocketAddr) {
        let wants = info.announce == Some(true);
        let Some(key) = info.key().filter(|_| info.is_encrypted()) else {
            if wants {
                self.0.reply.notify_one();
            }
            return;
        };
        // An IPv6 address of a link means something with its interface alone.
        let mut at = from;
        at.set_port(info.port());
        if !self.0.neighbours.heard(at, key) {
            return;
        }
        let local = self.clone();
        self.0.tasks.spawn(async move {
            let asking = local.register_at(at, key);
            let name = match local.0.stop.run_until_cancelled(asking).await {
                Some(Ok(name)) => Some(name),
                Some(Err(error)) => {
                    tracing::debug!(%error, %at, "an app of LocalSend does not answer");
                    if wants {
                        local.0.reply.notify_one();
                    }
                    None
                }
                None => None,
            };
            for change in local.0.neighbours.asked(at, key, name) {
                local.tell(change).await;
            }
        });
    }

    /// Says who this node is to somebody who must have that certificate; gives their name.
    async fn register_at(&self, at: SocketAddr, key: [u8; 32]) -> io::Result<String> {
        let asked = async {
            let identity = self.0.neighbours.identity();
            let mut peer = Peer::connect(identity, at, key).await?;
            let own = serde_json::to_vec(&self.own()).map_err(io::Error::other)?;
            let path = "/api/localsend/v2/register";
            peer.post(path, own, (ANSWER, MAX_INFO)).await
        };
        let answer = timeout(2 * ANSWER, asked).await??;
        let info = Info::parse(&answer.body, MAX_INFO).filter(|_| answer.status == 200);
        let info = info.ok_or_else(|| io::Error::other(format!("status {}", answer.status)))?;
        Ok(info.name())
    }

    /// Tells the room.
    pub(super) async fn tell(&self, change: Change) {
        let at = |node| self.0.neighbours.get(&node).map(|one| one.at);
        let command = match change {
            Change::Came(node, name) | Change::Renamed(node, name, _) => {
                at(node).map(|at| Command::Neighbour(node, name, at))
            }
            Change::Left(node, _) => Some(Command::NeighbourGone(node)),
        };
        if let Some(command) = command {
            self.0.services.tell(command).await;
        }
    }
}
