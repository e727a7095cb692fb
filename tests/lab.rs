//! Several hosts on one network, and on two: the shipped binary in network namespaces that each test makes and removes.
//!
//! Needs root, `ip`, `tc` and `nft`; without them each test says that it is left out. Nothing leaves the namespaces, and
//! their names carry this process's id, so tests and runs do not meet.

mod common;

#[path = "lab/fanout.rs"]
mod fanout;
#[path = "lab/finding.rs"]
mod finding;
#[path = "lab/hosts.rs"]
mod hosts;
#[path = "lab/leaving.rs"]
mod leaving;
#[path = "lab/networks.rs"]
mod networks;
#[path = "lab/swarms.rs"]
mod swarms;
#[path = "lab/transfers.rs"]
mod transfers;
