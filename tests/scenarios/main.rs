//! The shipped binary, and nodes in process, in the scenarios of their users and of those who wish
//! them ill. One program: each further one would be linked with all of sprat. `cargo test --test
//! scenarios NAME::` runs the ones of a file.

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/server.rs"]
mod server;
#[path = "../common/visitor.rs"]
mod visitor;

mod beside;
mod bulk;
mod chat;
mod cli;
mod code;
mod consent;
mod crowd;
mod delta;
mod descriptors;
mod dht;
mod disk;
mod disk_faults;
mod durability;
mod exchange;
mod flood;
mod folders;
mod get;
mod hostile;
mod hostile_consent;
mod hostile_discovery;
mod hostile_floods;
mod hostile_manifests;
mod hostile_names;
mod hostile_rendezvous;
mod hostile_replicas;
mod hostile_serving;
mod interop;
mod keys;
mod later;
mod leaving;
mod limits;
mod link;
mod link_cut;
mod localsend;
mod localsendd;
mod meeting;
mod offers;
mod prompt;
mod readme;
mod rendezvous;
mod replaced;
mod replicas;
mod several;
mod share;
mod small;
mod streams;
mod swarm;
mod system;
mod terminal;
mod testing;
mod unnamed;
mod words;
