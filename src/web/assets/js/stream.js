// One event stream for all tabs of this browser: browsers open six connections a host, so a seventh stream would hang.
// One tab leads (Web Locks): it holds the stream and passes on what comes (BroadcastChannel). When it is closed, another
// leads. Where there are no locks, each tab has a stream of its own.
// Invariant: `onEvent(name, data)` sees the events in order; after any gap a snapshot comes first.

const CHANNEL = "sprat-events";

/**
 * Opens the stream at `url`. `names`: the events to take. `dump` gives a snapshot of what this tab knows, as the server
 * would, for a tab that was just opened.
 */
export function follow({ url, names, onEvent, onState, dump }) {
  if (!navigator.locks || typeof BroadcastChannel === "undefined") return lead({ url, names, onEvent, onState });
  const channel = new BroadcastChannel(CHANNEL);
  const closed = new AbortController();
  let leading = null;
  let state = "late";
  const pass = (kind, rest) => channel.postMessage({ kind, ...rest });

  channel.onmessage = ({ data: message }) => {
    if (leading) {
      if (message.kind !== "hello") return;
      const known = dump();
      if (known) pass("event", { name: "snapshot", data: known });
      pass("state", { state });
      return;
    }
    if (message.kind === "event") onEvent(message.name, message.data);
    else if (message.kind === "state") onState(message.state);
  };
  navigator.locks
    .request(CHANNEL, { signal: closed.signal }, () => new Promise((release) => {
      const stream = lead({
        url,
        names,
        onEvent: (name, data) => (onEvent(name, data), pass("event", { name, data })),
        onState: (now) => ((state = now), onState(now), pass("state", { state })),
      });
      leading = () => (stream.close(), release());
    }))
    .catch(() => {});
  channel.postMessage({ kind: "hello" });
  return {
    close() {
      closed.abort();
      leading?.();
      channel.close();
    },
  };
}

/** A stream of this tab. The browser connects again by itself; after a refusal this does, ever more slowly. */
function lead({ url, names, onEvent, onState }) {
  let source = null;
  let timer = 0;
  let wait = 1000;

  const open = () => {
    clearTimeout(timer);
    source?.close();
    source = new EventSource(url);
    source.onopen = () => {
      wait = 1000;
      onState("live");
    };
    source.onerror = () => {
      const refused = source.readyState === EventSource.CLOSED;
      onState(refused ? "refused" : "late");
      if (refused) {
        timer = setTimeout(open, wait);
        wait = Math.min(wait * 2, 15_000);
      }
    };
    for (const name of names) {
      source.addEventListener(name, (event) => {
        let data;
        try {
          data = JSON.parse(event.data);
        } catch {
          return;
        }
        onEvent(name, data);
      });
    }
  };
  open();
  return {
    close() {
      clearTimeout(timer);
      source?.close();
    },
  };
}
