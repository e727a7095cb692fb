//! People of LocalSend: who is here, and what they hand in. Pure.
//!
//! Owns two machines and a choice. [`Nearby`] decides whose announcement is looked into and who is
//! here; [`Sessions`] knows by which token which file may come; `around` which addresses are asked.
//! None knows a socket or a file. What they remember of strangers has bounds, each beside its
//! constant.

mod address;
mod around;
mod nearby;
mod sessions;

pub use address::{NoAddress, ShareAddress};
pub use around::around;
pub use nearby::{Change, Nearby, Somebody};
pub use sessions::{MAX_SESSIONS, NoEntry, Sessions, TRIES};

/// What stands before the name of somebody of LocalSend, wherever it is shown or remembered: so it
/// is never the name of a node.
pub const PREFIX: &str = "LocalSend: ";

/// How somebody of LocalSend is called here.
#[must_use]
pub fn called(name: &str) -> String {
    format!("{PREFIX}{name}")
}
