//! Ctrl-C and SIGTERM.
//!
//! The first asks to stop in good order; whoever obeys calls [`second_quits`], so that nobody has to wait for good order
//! who does not want to.

use super::exit::Exit;
use std::io;

/// Both signals. They are caught from the moment this exists.
pub struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

/// Which one came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Ctrl-C.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

impl Signals {
    /// Begins to catch them.
    ///
    /// # Errors
    /// When the system does not let it.
    pub fn new() -> io::Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            Ok(Self {
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
            })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// Waits for the next one. Cancelling the wait loses none.
    pub async fn next(&mut self) -> Asked {
        #[cfg(unix)]
        tokio::select! {
            _ = self.interrupt.recv() => Asked::Interrupt,
            _ = self.terminate.recv() => Asked::Terminate,
        }
        #[cfg(not(unix))]
        {
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
            Asked::Interrupt
        }
    }
}

/// From now on a signal ends the process at once.
pub fn second_quits() {
    if let Ok(mut signals) = Signals::new() {
        tokio::spawn(async move {
            signals.next().await;
            std::process::exit(i32::from(Exit::Interrupted.code()));
        });
    }
}
