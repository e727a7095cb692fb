//! Ctrl-C, SIGTERM, and SIGHUP, which says that the window was closed.
//!
//! The first asks to stop in good order; what obeys calls [`second_quits`], so that nobody has to
//! wait for good order who does not want to. A program that was told to outlive its window
//! (`nohup`) does.

use super::exit::Exit;
use std::io;
use tokio_util::sync::CancellationToken;

/// All of them. They are caught from the moment this exists.
pub struct Signals(Source);

enum Source {
    System(System),
    /// A shell beside this node has got one; once.
    Remote(Option<CancellationToken>),
}

struct System {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    /// None where it is ignored.
    #[cfg(unix)]
    hangup: Option<tokio::signal::unix::Signal>,
    /// What that one means.
    #[cfg(unix)]
    hung_up: Asked,
}

/// Which one came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Ctrl-C.
    Interrupt,
    /// SIGTERM, or the window is gone.
    Terminate,
    /// SIGHUP for a service: its options are to be read again.
    Reload,
}

impl Signals {
    /// Begins to catch them.
    ///
    /// # Errors
    /// When the system does not let it.
    pub fn new() -> io::Result<Self> {
        System::new().map(|system| Self(Source::System(system)))
    }

    /// Of a shell beside this node.
    #[must_use]
    pub fn remote(stop: CancellationToken) -> Self {
        Self(Source::Remote(Some(stop)))
    }

    /// From now on SIGHUP asks for [`Asked::Reload`], if systemd started this program and there is
    /// no window that could have been closed.
    pub fn reload_on_hangup(&mut self) {
        #[cfg(unix)]
        if let Source::System(system) = &mut self.0
            && std::env::var_os("NOTIFY_SOCKET").is_some()
            && std::fs::File::open("/dev/tty").is_err()
        {
            system.hung_up = Asked::Reload;
        }
    }

    /// Waits for the next one. Cancelling the wait loses none.
    pub async fn next(&mut self) -> Asked {
        match &mut self.0 {
            Source::System(system) => system.next().await,
            Source::Remote(stop) => {
                match stop {
                    Some(stop) => stop.cancelled().await,
                    None => std::future::pending().await,
                }
                *stop = None;
                Asked::Interrupt
            }
        }
    }

    /// From now on Ctrl-C or SIGTERM ends the process at once; a closed window, which may tell it
    /// twice, does not. Of a shell beside this node, that shell alone is ended.
    pub fn second_quits(&self) {
        if let Source::System(_) = self.0 {
            second_quits();
        }
    }
}

impl System {
    fn new() -> io::Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            Ok(Self {
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
                hangup: if hangup_is_ignored() {
                    None
                } else {
                    Some(signal(SignalKind::hangup())?)
                },
                hung_up: Asked::Terminate,
            })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    async fn next(&mut self) -> Asked {
        #[cfg(unix)]
        {
            let hangup = async {
                match &mut self.hangup {
                    Some(hangup) => drop(hangup.recv().await),
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = self.interrupt.recv() => Asked::Interrupt,
                _ = self.terminate.recv() => Asked::Terminate,
                () = hangup => self.hung_up,
            }
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

/// Whether the one who started this program wants it to outlive its window. Linux tells; elsewhere
/// a program without a terminal on its input is taken for one.
#[cfg(unix)]
fn hangup_is_ignored() -> bool {
    use std::io::IsTerminal as _;
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else {
        return !io::stdin().is_terminal();
    };
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // SIGHUP is the first signal.
    mask.unwrap_or(0) & 1 == 1
}

/// From now on Ctrl-C or SIGTERM ends the process at once; a closed window, which may tell it
/// twice, does not.
pub fn second_quits() {
    if let Ok(mut signals) = System::new() {
        #[cfg(unix)]
        {
            signals.hangup = None;
        }
        tokio::spawn(async move {
            signals.next().await;
            std::process::exit(i32::from(Exit::Interrupted.code()));
        });
    }
}
