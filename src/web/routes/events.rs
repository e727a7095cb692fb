//! The stream of events: what was missed, or a snapshot; then what happens.

use super::super::{
    app::{App, State as Shared},
    body::Asked,
    error::ApiError,
    hub::{Message, Reader},
    status,
};
use axum::{
    extract::State,
    http::HeaderMap,
    response::sse::{Event, KeepAlive, Sse},
};
use futures::{Stream, stream};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};
use tokio::sync::watch;

/// Between two comments on a silent stream.
const ALIVE: Duration = Duration::from_secs(15);

#[derive(Deserialize)]
#[cfg_attr(test, derive(utoipa::IntoParams))]
#[cfg_attr(test, into_params(parameter_in = Query))]
pub struct Last {
    last: Option<String>,
}

/// What happens, as Server-Sent Events: a snapshot, then each change.
#[cfg_attr(test, utoipa::path(get, path = "/api/v1/events", tag = "events", params(Last), responses((status = 200, description = "A stream without an end", body = String, content_type = "text/event-stream"))))]
pub async fn events(
    State(app): State<App>,
    headers: HeaderMap,
    Asked(last): Asked<Last>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let reader = app.hub.reader();
    let reader = reader.ok_or_else(|| ApiError::busy("too many follow the events already"))?;
    let header = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let last = header.map(str::to_owned).or(last.last);
    // An id of an earlier run of the node means nothing here.
    let from = last.and_then(|id| id.strip_prefix(&run(&app))?.parse::<u64>().ok());
    let course = Course {
        changes: app.hub.changes(),
        from: from.map(|last| last.saturating_add(1)),
        ready: VecDeque::new(),
        app,
        _reader: reader,
    };
    let events = stream::unfold(course, async |mut course| {
        let event = course.next().await?;
        Some((Ok(event), course))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(ALIVE)))
}

/// What the ids of this run begin with.
fn run(app: &Shared) -> String {
    format!("{:x}-", app.started)
}

/// How far somebody is.
struct Course {
    app: App,
    changes: watch::Receiver<u64>,
    /// The number of the next message; `None` before a snapshot.
    from: Option<u64>,
    ready: VecDeque<(u64, Arc<Message>)>,
    _reader: Reader,
}

impl Course {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((number, message)) = self.ready.pop_front() {
                self.from = Some(number + 1);
                return Some(self.event(number, message.event, &message.data));
            }
            self.changes.mark_unchanged();
            match self.from.and_then(|from| self.app.hub.since(from)) {
                Some(news) => self.ready = news.into(),
                None => return self.snapshot().await,
            }
            if self.ready.is_empty() {
                tokio::select! {
                    () = self.app.stop.cancelled() => return None,
                    changed = self.changes.changed() => changed.ok()?,
                }
            }
        }
    }

    async fn snapshot(&mut self) -> Option<Event> {
        // What happens meanwhile comes again: whole records, so that is no harm.
        let next = self.app.hub.next();
        self.from = Some(next);
        let snapshot = snapshot(&self.app).await?;
        Some(self.event(next.saturating_sub(1), "snapshot", &snapshot.to_string()))
    }

    fn event(&self, number: u64, event: &str, data: &str) -> Event {
        let id = format!("{}{number}", run(&self.app));
        Event::default().id(id).event(event).data(data)
    }
}

async fn snapshot(app: &Shared) -> Option<Value> {
    let status = status::status(&app.node, app.hub.revision()).await?;
    let peers = status::peers(&app.node).peers;
    Some(json!({
        "status": status,
        "jobs": app.node.jobs(),
        "peers": peers,
        "asks": app.node.asks(),
    }))
}
