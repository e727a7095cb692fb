//! Several hosts on one network, on two, and behind routers: the shipped binary in network
//! namespaces that each test makes and removes.
//!
//! Needs root, `ip`, `tc` and `nft`; without them each test says that it is left out. Nothing
//! leaves the namespaces, and their names carry this process's id, so tests and runs do not meet.

mod common;

#[path = "lab/doctor.rs"]
mod doctor;
#[path = "lab/fanout.rs"]
mod fanout;
#[path = "lab/finding.rs"]
mod finding;
#[path = "lab/group.rs"]
mod group;
#[path = "lab/hosts.rs"]
mod hosts;
#[path = "lab/leaving.rs"]
mod leaving;
#[path = "lab/nat.rs"]
mod nat;
#[path = "lab/nat_faults.rs"]
mod nat_faults;
#[path = "lab/networks.rs"]
mod networks;
#[path = "lab/pairing.rs"]
mod pairing;
#[path = "lab/routers.rs"]
mod routers;
#[path = "lab/segments.rs"]
mod segments;
#[path = "lab/swarms.rs"]
mod swarms;
#[path = "lab/transfers.rs"]
mod transfers;
#[path = "lab/wire.rs"]
mod wire;
