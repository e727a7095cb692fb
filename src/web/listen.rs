//! The two listeners: the socket of the home, which only its owner can open, and loopback.
//!
//! Invariants: a socket that a crash left is replaced, since the home's lock says that no other
//! node runs there; at most [`AT_ONCE`] connections each, and a head of a request has [`HEAD`] to
//! come.

use super::WebError;
use axum::Router;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::Semaphore,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Connections of a listener at a time: the ones that follow the events, and those of commands.
const AT_ONCE: usize = 128;
/// How long the head of a request may take, and how long a connection may be silent between two.
#[cfg(not(test))]
pub const HEAD: Duration = Duration::from_secs(20);
#[cfg(test)]
pub const HEAD: Duration = Duration::from_secs(1);
/// Bytes of a head.
pub const LONGEST_HEAD: usize = 32 << 10;
/// After a failure to accept (no descriptors), so that it does not spin.
pub const PAUSE: Duration = Duration::from_millis(100);

/// The path of a socket that is there; gone with this.
pub struct Socket(PathBuf);

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0); // The next start replaces it.
    }
}

/// Listens on this machine alone.
pub async fn loopback(at: SocketAddr) -> Result<TcpListener, WebError> {
    if !at.ip().is_loopback() {
        return Err(WebError::Address(at));
    }
    let listener = TcpListener::bind(at).await;
    listener.map_err(|why| WebError::Listen { at, why })
}

/// Serves until `stop`.
pub async fn serve_tcp(listener: TcpListener, router: Router, stop: CancellationToken) {
    let listener = Arc::new(listener);
    let accept = || {
        let listener = listener.clone();
        async move {
            let (stream, _) = listener.accept().await?;
            let _ = stream.set_nodelay(true); // Slower without.
            Ok(stream)
        }
    };
    serve(accept, router, stop).await;
}

async fn serve<S, F>(accept: impl Fn() -> F, router: Router, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Future<Output = io::Result<S>>,
{
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let connections = TaskTracker::new();
    while let Some(accepted) = stop.run_until_cancelled(accept()).await {
        let Ok(stream) = accepted else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        // One too many is closed at once, so that others hear of it.
        let Ok(place) = places.clone().try_acquire_owned() else {
            continue;
        };
        let (service, stop) = (TowerToHyperService::new(router.clone()), stop.clone());
        connections.spawn(async move {
            let mut http = hyper::server::conn::http1::Builder::new();
            http.timer(TokioTimer::new())
                .header_read_timeout(HEAD)
                .max_buf_size(LONGEST_HEAD);
            let served = http.serve_connection(TokioIo::new(stream), service);
            // What breaks off is the other side's affair.
            let _ = stop.run_until_cancelled(served).await;
            drop(place);
        });
    }
    connections.close();
    connections.wait().await;
}

#[cfg(unix)]
mod socket {
    use super::{Arc, CancellationToken, Path, Router, Socket, io, serve};
    use std::{
        fs,
        os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _},
    };
    use tokio::net::UnixListener;

    impl Socket {
        /// Listens at `path`, whatever an earlier run left there.
        pub fn bind(path: &Path) -> io::Result<(Self, UnixListener)> {
            if let Some(folder) = path.parent().filter(|_| !path.ends_with("api.sock")) {
                own_folder(folder)?;
            }
            // Made beside its place, so that it is private before anybody can open it.
            let new = path.with_extension("new");
            let _ = fs::remove_file(&new);
            let listener = UnixListener::bind(&new)?;
            fs::set_permissions(&new, fs::Permissions::from_mode(0o600))?;
            fs::rename(&new, path)?;
            Ok((Self(path.to_owned()), listener))
        }
    }

    /// A folder that only its owner may enter, and that is not somebody else's.
    fn own_folder(folder: &Path) -> io::Result<()> {
        match fs::DirBuilder::new().mode(0o700).create(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let about = fs::symlink_metadata(folder)?;
        let mine = about.uid() == rustix::process::getuid().as_raw();
        if about.is_dir() && mine && about.mode().trailing_zeros() >= 6 {
            return Ok(());
        }
        let why = format!("{} is not a private folder of this user", folder.display());
        Err(io::Error::new(io::ErrorKind::PermissionDenied, why))
    }

    /// Serves until `stop`.
    pub async fn serve_socket(listener: UnixListener, router: Router, stop: CancellationToken) {
        let listener = Arc::new(listener);
        let accept = || {
            let listener = listener.clone();
            async move { Ok(listener.accept().await?.0) }
        };
        serve(accept, router, stop).await;
    }
}

#[cfg(not(unix))]
mod socket {
    use super::{CancellationToken, Path, Router, Socket, io};

    impl Socket {
        /// There is none on this system yet.
        pub fn bind(_: &Path) -> io::Result<(Self, ())> {
            Err(io::ErrorKind::Unsupported.into())
        }
    }

    pub async fn serve_socket((): (), _: Router, _: CancellationToken) {}
}

pub use socket::serve_socket;
