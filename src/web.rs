//! The face of a running node for other programs: its API on a socket in the home, and with `--web`
//! also on loopback, with the page.
//!
//! Holds a [`Node`] and nothing else of it. Never reads or writes a file that a request names but
//! by the node's own rules. Invariants: over TCP nothing but the page's own files is given to
//! anybody without a key of this node (`guard`), and GET changes nothing; every connection, head,
//! body and stream of events has a bound.

mod answers;
mod app;
mod assets;
mod body;
mod bytes;
mod error;
mod guard;
mod guest;
mod headers;
mod hub;
mod listen;
mod localsend;
mod metrics;
mod offers;
mod process;
mod rendezvous;
mod routes;
mod run;
mod session;
mod staged;
mod status;
#[cfg(test)]
mod tests;
mod tickets;

use crate::node::Node;
pub use localsend::open as open_localsend;
pub use rendezvous::{PageSettings, ServerPage};
pub use run::Run;

use app::State;
use axum::{Router, extract::Request, middleware, response::IntoResponse as _};
use session::Sessions;
use std::{io, net::SocketAddr, sync::Arc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Why the page cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// Only this machine may see it.
    #[error(
        "{0} is not an address of this machine alone: --web takes 127.0.0.1:PORT or [::1]:PORT"
    )]
    Address(SocketAddr),
    /// The port cannot be had.
    #[error("the page cannot be served on {at}: {why}; --web ADDR:PORT chooses another port")]
    Listen {
        /// Where.
        at: SocketAddr,
        /// What the system said.
        why: io::Error,
    },
    /// The token cannot be kept.
    #[error("the token of the API cannot be kept in the home: {0}")]
    Token(io::Error),
}

/// What is served; ends with [`Web::close`].
pub struct Web {
    app: Arc<State>,
    tasks: TaskTracker,
    socket: Option<listen::Socket>,
}

impl Web {
    /// Serves the node on the socket of its home, and on `page` if that is given (port 0: any free
    /// one). Without a socket the node does all else: the log says why.
    ///
    /// # Errors
    /// [`WebError`], when the page cannot be served.
    pub async fn open(node: &Node, page: Option<SocketAddr>, run: Run) -> Result<Self, WebError> {
        let stop = CancellationToken::new();
        let sessions = match page {
            Some(_) => {
                let home = node.home().to_owned();
                let token = tokio::task::spawn_blocking(move || session::token(&home)).await;
                let token = token.map_err(io::Error::other).flatten();
                Sessions::new(&node.id(), token.map_err(WebError::Token)?)
            }
            // Nobody can use it: there is no such listener.
            None => Sessions::closed(&node.id()),
        };
        let app = Arc::new(State::new(node.clone(), sessions, stop.clone()));
        let tasks = TaskTracker::new();
        if let Some(at) = page {
            let listener = listen::loopback(at).await?;
            let at = listener
                .local_addr()
                .map_err(|why| WebError::Listen { at, why })?;
            *app.page.lock() = Some(at);
            let router = over_tcp(&app, at.port());
            tasks.spawn(listen::serve_tcp(listener, router, stop.clone()));
            // Whatever is in a file has another origin than the page.
            let listener = listen::loopback(SocketAddr::new(at.ip(), 0)).await?;
            let of_files = listener.local_addr();
            let of_files = of_files.map_err(|why| WebError::Listen { at, why })?;
            app.tickets.open_at(of_files);
            let router = routes::files(app.clone(), of_files.port());
            tasks.spawn(listen::serve_tcp(listener, router, stop.clone()));
        }
        let socket = listen::Socket::bind(&node.api_socket());
        let socket = socket
            .inspect_err(
                |error| tracing::warn!(%error, "commands beside this node cannot reach it"),
            )
            .ok();
        let socket = socket.map(|(socket, listener)| {
            let router =
                routes::local(app.clone(), run).layer(middleware::map_response(headers::plain));
            tasks.spawn(listen::serve_socket(listener, router, stop.clone()));
            socket
        });
        tasks.spawn(guest::run(node.clone(), stop.clone()));
        let following = app.clone();
        tasks.spawn(async move {
            let State {
                node, hub, stop, ..
            } = &*following;
            hub.follow(node, stop).await;
        });
        tasks.close();
        Ok(Self { app, tasks, socket })
    }

    /// Where the page is served.
    #[must_use]
    pub fn page(&self) -> Option<SocketAddr> {
        *self.app.page.lock()
    }

    /// The address of the page with a code that opens it once.
    ///
    /// # Errors
    /// When there is no page, or the system has no randomness.
    pub fn address(&self) -> io::Result<String> {
        routes::address(&self.app)
    }

    /// Comes when somebody wants the node to end.
    pub fn left(&self) -> impl Future<Output = ()> + Send + use<> {
        self.app.leave.clone().cancelled_owned()
    }

    /// Whether somebody wanted that.
    #[must_use]
    pub fn was_left(&self) -> bool {
        self.app.leave.is_cancelled()
    }

    /// Ends every connection.
    pub async fn close(self) {
        self.app.stop.cancel();
        self.tasks.wait().await;
        drop(self.socket);
    }
}

/// Everything, as it is served to browsers and scripts.
fn over_tcp(app: &Arc<State>, port: u16) -> Router {
    let guarded = app.clone();
    let guard = move |request: Request, next: middleware::Next| {
        let app = guarded.clone();
        async move {
            let head = (request.method(), request.uri(), request.headers());
            match guard::judge(head, port, &app.sessions) {
                Ok(()) => next.run(request).await,
                Err(error) => error.into_response(),
            }
        }
    };
    routes::api(app.clone())
        .merge(assets::router())
        .layer(middleware::from_fn(guard))
        .layer(middleware::map_response(headers::strict))
}
