//! `sprat rendezvous`: a server that introduces nodes on different networks, until it is told to
//! stop.
//!
//! Standard output tells where it is and how to join, then what its owner should know.

use super::{
    cli::RendezvousOptions,
    config::Setup,
    exit::Exit,
    face::{Page, PageWanted},
    open_files,
    output::Out,
    qr,
    signals::Signals,
    text,
};
use crate::{
    core::{
        id::NodeId, path::printable, peer_servers::MAX_PEER_SERVERS, server_address::ServerAddress,
    },
    server::{Load, Quotas, Rendezvous, ServerDht, ServerNews, ServerSettings},
};
use serde_json::json;
use std::net::SocketAddr;

/// Files that a server has open besides its clients' sockets.
const OWN_FILES: u64 = 128;

/// Runs the server. Being told to stop is how it ends well.
pub async fn run(setup: &Setup, options: RendezvousOptions, signals: &mut Signals) -> Exit {
    let out = Out::streams(setup.json);
    let quotas = Quotas {
        circuits: options.circuits,
        circuits_per_peer: options.circuits_per_peer,
        circuit_bytes: options.circuit_bytes,
        circuit_time: options.circuit_time,
        relay_rate: options.relay_rate,
        reservations: options.reservations,
        per_address: options.per_address,
        registrations: options.registrations,
        // A client that may wait to be reached may be connected, too.
        connections: options.connections.max(options.reservations) as u32,
    };
    if setup.web.is_none() && !options.web_host.is_empty() {
        out.error("--web-host names a page that is not served: give --web ADDR:PORT, too");
        return Exit::Usage;
    }
    if options.peer_server.len() > MAX_PEER_SERVERS {
        out.error(&format!("--peer-server: at most {MAX_PEER_SERVERS}"));
        return Exit::Usage;
    }
    let dht = match (&setup.settings.dht, &setup.settings.passphrase) {
        (Some(bootstrap), Some(passphrase)) => Some(ServerDht {
            bootstrap: bootstrap.clone(),
            passphrase: passphrase.clone(),
        }),
        (Some(_), None) => {
            out.error(
                "--dht shows a server to the nodes of one private swarm: name its --passphrase-file, too",
            );
            return Exit::Usage;
        }
        (None, _) => None,
    };
    let files = open_files::raise();
    let settings = ServerSettings {
        home: setup.settings.home.clone(),
        port: options.port,
        listen: setup.settings.listen.clone(),
        external: options.external,
        dht,
        peer_servers: options.peer_server,
        quotas,
        report: Some(options.report).filter(|every| !every.is_zero()),
    };
    let mut server = match Rendezvous::start(settings).await {
        Ok(server) => server,
        Err(error) => {
            // The option has another name here than at a node.
            let text = error.to_string().replace("-t PORT", "--port PORT");
            out.error(&printable(&text));
            return Exit::from(&error);
        }
    };
    let wanted = setup.web.map(|at| PageWanted {
        desk: server.desk(),
        at,
        hosts: options.web_host,
        quotas,
    });
    let page = match setup.server_page.zip(wanted) {
        Some((open, wanted)) => match open(wanted).await {
            Ok(page) => Some(page),
            Err(error) => {
                server.stop().await;
                out.error(&printable(&error));
                return Exit::Failed;
            }
        },
        None => None,
    };
    ready(&out, &server, page.as_deref());
    if let Some(files) = files.filter(|files| *files < u64::from(quotas.connections) + OWN_FILES) {
        let clients = files.saturating_sub(OWN_FILES);
        let text = format!(
            "this process may have {files} files open, which is enough for {clients} connections by TCP: for more raise its limit (`ulimit -n`, LimitNOFILE= of systemd)"
        );
        tell(&out, server.id(), &ServerNews::Notice(text));
    }
    let exit = loop {
        tokio::select! {
            _ = signals.next() => break Exit::Done,
            news = server.news() => {
                let Some(news) = news else {
                    out.error("the server stopped by itself; the log may say why (SPRAT_LOG=debug)");
                    break Exit::Failed;
                };
                tell(&out, server.id(), &news);
            }
        }
    };
    if let Some(page) = page {
        page.close().await;
    }
    server.stop().await;
    if !out.json() {
        out.note("stopped");
    }
    exit
}

/// The line by which others join.
fn join(key: NodeId, address: SocketAddr) -> String {
    let address = ServerAddress {
        host: address.ip().to_string(),
        port: address.port(),
        key: Some(key),
    };
    format!("sprat --rendezvous {address}")
}

/// What others dial, in libp2p's spelling.
fn multiaddresses(key: NodeId, address: SocketAddr) -> [String; 2] {
    let (ip, port) = (address.ip(), address.port());
    let family = if ip.is_ipv4() { "ip4" } else { "ip6" };
    [
        format!("/{family}/{ip}/tcp/{port}/p2p/{key}"),
        format!("/{family}/{ip}/udp/{port}/quic-v1/p2p/{key}"),
    ]
}

fn ready(out: &Out, server: &Rendezvous, page: Option<&dyn Page>) {
    let page = page.map(Page::address);
    let key = server.id();
    let addresses = server.addresses();
    let all: Vec<_> = addresses
        .iter()
        .flat_map(|address| multiaddresses(key, *address))
        .collect();
    let join = addresses.first().map(|address| join(key, *address));
    if out.json() {
        let mut ready = json!({
            "event": "ready",
            "peer": key.to_string(),
            "addresses": all,
            "join": join,
        });
        if let Some(page) = page {
            ready["web"] = json!(format!("http://{page}/"));
        }
        out.result(&ready.to_string());
        return;
    }
    out.result(&format!("rendezvous server {key}"));
    for address in all {
        out.result(&format!("  {address}"));
    }
    if let Some(join) = join {
        out.result(&format!("join with: {join}"));
        qr::show(out, &join);
    }
    if let Some(page) = page {
        out.result(&format!(
            "page: http://{page}/ (the token of its owner lies in the home: .sprat/api.token)"
        ));
    }
}

fn tell(out: &Out, key: NodeId, news: &ServerNews) {
    match news {
        ServerNews::Seen(address) if out.json() => {
            let seen = json!({
                "event": "seen",
                "addresses": multiaddresses(key, *address),
                "join": join(key, *address),
            });
            out.result(&seen.to_string());
        }
        ServerNews::Seen(address) => {
            out.result(&format!("others see this server: {}", join(key, *address)));
        }
        ServerNews::Load(load) if out.json() => {
            let load = json!({
                "event": "load",
                "nodes": load.nodes,
                "reachable": load.reachable,
                "introduced": load.introduced,
                "circuits": load.circuits,
                "relayed": load.relayed,
            });
            out.result(&load.to_string());
        }
        ServerNews::Load(load) => out.result(&going_on(load)),
        ServerNews::Notice(text) if out.json() => {
            out.result(&json!({ "event": "notice", "text": text }).to_string());
        }
        ServerNews::Notice(text) => out.note(&printable(text)),
    }
}

/// How much goes on, in a line.
fn going_on(load: &Load) -> String {
    format!(
        "{} here, {} of them reachable through this server; {} introduced, {} relayed ({} now)",
        text::count(load.nodes as u64, "node"),
        load.reachable,
        text::count(load.introduced, "pair"),
        text::size(load.relayed),
        text::count(load.circuits as u64, "connection"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_on_is_one_line() {
        let load = Load {
            nodes: 3,
            reachable: 2,
            registrations: 5,
            circuits: 1,
            introduced: 7,
            relayed: 5 << 20,
        };
        assert_eq!(
            going_on(&load),
            "3 nodes here, 2 of them reachable through this server; 7 pairs introduced, 5.0 MiB relayed (1 connection now)"
        );
    }
}
