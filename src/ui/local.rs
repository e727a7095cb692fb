//! The local API and the page of a node that stays: begun with it, and ended before it leaves.

use super::{
    beside,
    config::Setup,
    exit::Exit,
    face::{Face, Wanted, tell},
    output::Out,
};
use crate::node::Node;

/// Serves a node that stays, and tells where the page is.
///
/// # Errors
/// The exit code; why is said.
pub async fn open(node: &Node, setup: &Setup, out: &Out) -> Result<Option<Box<dyn Face>>, Exit> {
    let Some(opener) = setup.face else {
        return Ok(None);
    };
    let wanted = Wanted {
        node: node.clone(),
        page: setup.web,
        run: beside::runner(node.clone()),
    };
    let face = match opener(wanted).await {
        Ok(face) => face,
        Err(why) => {
            out.error(&why);
            return Err(Exit::Failed);
        }
    };
    if setup.web.is_some()
        && let Ok(address) = face.address()
    {
        tell(out, &address);
    }
    let left = face.left();
    tokio::spawn(async move {
        left.await;
        end_this_process();
    });
    Ok(Some(face))
}

/// Ends what was served.
pub async fn close(face: Option<Box<dyn Face>>) {
    if let Some(face) = face {
        face.close().await;
    }
}

/// As if somebody told it to: in good order.
fn end_this_process() {
    #[cfg(unix)]
    {
        use rustix::process::{Signal, getpid, kill_process};
        // Nothing refuses a process its own signal.
        let _ = kill_process(getpid(), Signal::TERM);
    }
}
