//! What this program is: its version, what it speaks, and how it lays out a home.

use crate::{store, wire};
use serde::Serialize;

/// The program, for people who ask and for reports of faults.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct About {
    /// Its version.
    pub version: &'static str,
    /// The operating system that it was built for.
    pub os: &'static str,
    /// The kind of processor that it was built for.
    pub arch: &'static str,
    /// The layout of a home.
    pub home: u32,
    /// The layout of its index.
    pub index: u32,
    /// The protocols that it speaks.
    pub protocols: Vec<&'static str>,
}

/// This program.
#[must_use]
pub fn about() -> About {
    About {
        version: env!("CARGO_PKG_VERSION"),
        os: std::env::consts::OS,
        arch: std::env::consts::ARCH,
        home: store::HOME_FORMAT,
        index: store::INDEX_FORMAT,
        protocols: [wire::CONTROL_PROTOCOL, wire::bulk::PROTOCOL.name]
            .into_iter()
            .chain(super::streams::NAMES)
            .chain([wire::MEMBER_PROTOCOL, wire::DIRECTORY_PROTOCOL])
            .collect(),
    }
}
