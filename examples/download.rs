//! Fetches one file from the nodes that are near and offer it: `cargo run --example download --
//! NAME [HOME]`.

use sprat::{DownloadEvent, DownloadRequest, Node, Settings};
use std::time::Duration;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().ok_or("which file?")?;
    let home = arguments.next().unwrap_or_else(|| ".".into());

    let node = Node::start(Settings {
        share: false,
        ..Settings::new(home)
    })
    .await?;
    let wait = Duration::from_secs(5);
    let request = DownloadRequest {
        what: vec![name],
        wait,
        ..DownloadRequest::default()
    };
    let (_, mut events) = node.download(request);
    while let Some(event) = events.recv().await {
        match event {
            DownloadEvent::Progress(progress) => {
                println!("{} of {} bytes", progress.done, progress.size);
            }
            DownloadEvent::FileDone(file) => {
                println!("{} from {} nodes", file.path.display(), file.sources.len());
            }
            DownloadEvent::FileFailed { name, error } => println!("{name}: {error}"),
            _ => {}
        }
    }
    node.leave().await;
    Ok(())
}
