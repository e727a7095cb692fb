//! Whether a TCP connection to an address can be begun. Nothing is said over it.

use std::{net::SocketAddr, time::Duration};
use tokio::{net::TcpStream, time::timeout};

/// Longer than a handshake takes anywhere, and shorter than who asked waits for the answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Tries it once.
pub async fn reaches(address: SocketAddr) -> bool {
    matches!(
        timeout(PATIENCE, TcpStream::connect(address)).await,
        Ok(Ok(_))
    )
}
