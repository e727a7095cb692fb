//! Offers what lies in a folder's `shared/`, until Ctrl-C: `cargo run --example share -- [HOME]`.

use sprat::{Node, NodeEvent, Settings};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let home = std::env::args().nth(1).unwrap_or_else(|| ".".into());
    let node = Node::start(Settings::new(home)).await?;
    println!("this is {}", node.id());
    let mut events = node.events();
    loop {
        tokio::select! {
            event = events.recv() => match event? {
                NodeEvent::Scanned { files, bytes, .. } => println!("offers {files} files, {bytes} bytes"),
                NodeEvent::Offered { name, .. } => println!("offers {name}"),
                NodeEvent::Notice(text) => println!("{text}"),
                _ => {}
            },
            _ = tokio::signal::ctrl_c() => break,
        }
    }
    // Tells the others, so that they need not find out.
    node.leave().await;
    Ok(())
}
