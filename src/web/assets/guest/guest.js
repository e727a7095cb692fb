// Hands files in: asks first, waits for the yes, then sends each file as it lies on the disk, with progress.
// Invariant: what anybody named is shown as text.

const form = document.getElementById("hand-in");
const status = document.getElementById("status");
const bar = document.getElementById("bar");
const button = form.querySelector("button");
const say = (key, what = "") => {
  status.textContent = (status.dataset[key] ?? "").replace("{}", what);
};
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function json(response) {
  let said = {};
  try {
    said = await response.json();
  } catch {
    // No JSON: the status alone has to do.
  }
  if (!response.ok) throw new Error(said.message ?? String(response.status));
  return said;
}

/** Sends one file; `sent(bytes)` as it goes. */
function send(path, file, sent) {
  return new Promise((yes, no) => {
    const request = new XMLHttpRequest();
    request.open("PUT", path);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.onprogress = (event) => sent(event.loaded);
    request.onload = () => {
      if (request.status < 300) return yes();
      let said = {};
      try {
        said = JSON.parse(request.responseText);
      } catch {
        // As above.
      }
      no(new Error(said.message ?? String(request.status)));
    };
    request.onerror = () => no(new Error("…"));
    request.send(file);
  });
}

async function handIn(files, name) {
  const size = files.reduce((sum, file) => sum + file.size, 0);
  const asked = files.map((file) => ({ name: file.name, size: file.size }));
  say("asking");
  let state = await json(await fetch("asks", {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ name, files: asked }),
  }));
  const path = `asks/${state.ask}`;
  while (state.state === "waiting") {
    await pause(1000);
    state = await json(await fetch(path, { cache: "no-store" }));
  }
  if (state.state !== "accepted") return say("refused");
  bar.hidden = false;
  bar.max = Math.max(1, size);
  let before = 0;
  for (const [at, file] of files.entries()) {
    say("sending", file.name);
    await send(`${path}/${at}`, file, (bytes) => {
      bar.value = before + bytes;
    });
    before += file.size;
    bar.value = before;
  }
  say("done");
}

form.hidden = false;
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  button.disabled = true;
  try {
    await handIn([...form.elements.files.files], form.elements.name.value);
  } catch (error) {
    say("failed", error.message);
  } finally {
    button.disabled = false;
  }
});
