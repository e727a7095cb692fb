//! How the driver ends.

use super::{super::transport, Driver, SwarmEvent, identity};
use futures::StreamExt;
use std::time::Duration;

/// How long closing everything may take.
const GOODBYE: Duration = Duration::from_millis(500);

impl Driver {
    /// Closes all connections and sockets.
    pub(super) async fn close(mut self) {
        let nodes: Vec<_> = self.connections.nodes().collect();
        for node in nodes {
            self.disconnect(node);
        }
        for server in self.servers.all.values() {
            self.swarm.close_connection(server.connection);
        }
        let closing = async {
            while !self.connections.is_empty() {
                let event = self.swarm.select_next_some().await;
                if let SwarmEvent::ConnectionClosed {
                    peer_id,
                    connection_id,
                    ..
                } = event
                    && let Some(node) = identity::node(&peer_id)
                {
                    self.connections.remove(node, connection_id);
                }
            }
        };
        let _ = tokio::time::timeout(GOODBYE, closing).await;
        drop(self.swarm);
        let released = transport::released(&self.sockets);
        let _ = tokio::time::timeout(GOODBYE, released).await;
    }
}
