//! Says who comes and goes and what they offer, until Ctrl-C: `cargo run --example watch --
//! [HOME]`.

use sprat::{Node, NodeEvent, Settings};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let home = std::env::args().nth(1).unwrap_or_else(|| ".".into());
    let node = Node::start(Settings {
        share: false,
        ..Settings::new(home)
    })
    .await?;
    let mut events = node.events();
    loop {
        tokio::select! {
            event = events.recv() => match event? {
                NodeEvent::PeerJoined { name, .. } => println!("{name} is here"),
                NodeEvent::PeerLeft { name, .. } => println!("{name} has gone"),
                NodeEvent::CatalogChanged { .. } => {
                    for row in node.list(None).await {
                        println!("{:>12}  {}  at {} nodes", row.size, row.name, row.holders);
                    }
                }
                _ => {}
            },
            _ = tokio::signal::ctrl_c() => break,
        }
    }
    node.leave().await;
    Ok(())
}
