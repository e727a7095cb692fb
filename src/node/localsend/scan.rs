//! Asking each address of this network whether somebody of LocalSend is there: only when a person
//! wants that.

use super::LocalSend;
use crate::{
    core::localsend::around,
    net::localsend::{Peer, own_addresses},
    node::Node,
    wire::localsend::{Info, MAX_INFO, PORT},
};
use futures::{StreamExt as _, stream};
use std::{io, net::SocketAddr, time::Duration};
use tokio::time::timeout;

/// Addresses that are asked at a time.
const AT_ONCE: usize = 64;
/// For one of them: where nobody is, nothing answers.
const EACH: Duration = Duration::from_secs(2);

impl Node {
    /// Asks each address near, some hundreds, for LocalSend. Gives how many addresses; `None` when
    /// this node has nothing to do with LocalSend.
    pub async fn ask_all_near(&self) -> Option<usize> {
        let local = self.localsend()?;
        Some(local.scan().await)
    }
}

impl LocalSend {
    async fn scan(&self) -> usize {
        // One person's is as good as another's.
        let _one = self.0.scanning.lock().await;
        let settings = &self.0.settings;
        let own = own_addresses(&settings.interfaces, &settings.listen).unwrap_or_default();
        let port = Some(settings.port).filter(|port| *port > 0).unwrap_or(PORT);
        let all = around(&own);
        let count = all.len();
        let local = self.clone();
        let asked = stream::iter(all).for_each_concurrent(AT_ONCE, move |ip| {
            let at = SocketAddr::from((ip, port));
            local.clone().look_at(at)
        });
        let _ = self.0.stop.run_until_cancelled(asked).await;
        self.0.services.caught_up().await;
        count
    }

    async fn look_at(self, at: SocketAddr) {
        match timeout(EACH, self.meet(at)).await {
            Ok(Ok((key, name))) => {
                for change in self.0.neighbours.shown(at, key, name) {
                    self.tell(change).await;
                }
            }
            Ok(Err(error)) => tracing::trace!(%error, %at, "nobody of LocalSend"),
            Err(_) => {}
        }
    }

    /// Says who this node is to whoever is there; gives whose certificate they showed, and their
    /// name.
    async fn meet(&self, at: SocketAddr) -> io::Result<([u8; 32], String)> {
        let (mut peer, key) = Peer::meet(self.0.neighbours.identity(), at).await?;
        let own = serde_json::to_vec(&self.own()).map_err(io::Error::other)?;
        let path = "/api/localsend/v2/register";
        let answer = peer.post(path, own, (EACH, MAX_INFO)).await?;
        let info = Info::parse(&answer.body, MAX_INFO).filter(|_| answer.status == 200);
        let info = info.ok_or_else(|| io::Error::other(format!("status {}", answer.status)))?;
        Ok((key, info.name()))
    }
}
