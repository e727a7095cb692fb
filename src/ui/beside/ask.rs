//! The shell's end: gives a command to the node that runs in the home, and shows what it says.

use super::{
    Given, Which,
    connect::{Beside, there},
    places,
    streams::{give_input, take_output},
};
use crate::ui::{
    cli::{Download, Output, Shared},
    config::Setup,
    draw::Draw,
    escapes::Can,
    exit::Exit,
    face,
    far::Ends,
    output::{Out, terminal_width},
    progress::Bar,
    receive::Receive,
    signals::Signals,
    streams::is_stream,
};
use http_body_util::BodyExt as _;
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    fs,
    io::{self, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    process::Stdio,
};

/// A line of what it says: a list of all that a large swarm offers is one.
const LONGEST: usize = 256 << 20;

/// A part of what a command says.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Said {
    Run(u64),
    Out(String),
    Err(String),
    /// A question: its answer is typed behind it.
    Ask(String),
    Bar(Draw),
    /// The command wants standard input.
    Read,
    /// The command writes a file of this name to standard output.
    Write(String),
    Exit(u8),
}

impl Beside {
    /// Has the node run a command, and shows what it says. The first signal stops it.
    pub async fn run(&mut self, setup: &Setup, command: Which, signals: &mut Signals) -> Exit {
        let out = Out::streams(setup.json);
        let out = match &command {
            Which::Shared(Shared::Download(Download { output, .. }))
            | Which::Receive(Receive { output, .. })
                if output.is_stream() =>
            {
                out.beside_a_file()
            }
            _ => out,
        };
        let mut bar = Bar::default();
        let shown = (&out, &mut bar);
        let ended = self.try_run(setup, command, shown, signals).await;
        bar.clear();
        match ended {
            Ok(exit) => exit,
            Err(error) => {
                out.error(&format!("the node that runs here did not answer: {error}"));
                Exit::Failed
            }
        }
    }

    async fn try_run(
        &mut self,
        setup: &Setup,
        mut command: Which,
        (out, bar): (&Out, &mut Bar),
        signals: &mut Signals,
    ) -> io::Result<Exit> {
        if let Some(why) = not_beside(&command).or_else(|| not_now(&setup.typed)) {
            out.error(&why);
            return Ok(Exit::Usage);
        }
        make_absolute(&mut command)?;
        let given = Given {
            command,
            json: setup.json,
            ends: Ends {
                width: terminal_width(),
                typed: io::stdin().is_terminal(),
                can: Can::here(),
            },
            wait: setup.wait.as_millis() as u64,
            patient: setup.patience.is_some(),
            timeout: setup.timeout.map(|timeout| timeout.as_millis() as u64),
            reuse: places(setup)?,
            progress: setup.progress && io::stderr().is_terminal(),
        };
        let answer = self.post("/api/v1/run", &json!(given)).await?;
        let failed = !answer.status().is_success();
        let mut body = answer.into_body();
        let (mut text, mut number, mut stopped) = (Vec::new(), None, false);
        loop {
            let frame = tokio::select! {
                frame = body.frame() => frame,
                _ = signals.next(), if !stopped => {
                    stopped = true;
                    // A second one ends this program at once, and with it the command.
                    signals.second_quits();
                    self.stop(number, setup).await;
                    continue;
                }
            };
            let Some(frame) = frame else {
                break;
            };
            let Ok(bytes) = frame.map_err(io::Error::other)?.into_data() else {
                continue;
            };
            text.extend_from_slice(&bytes);
            if text.len() > LONGEST {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            if failed {
                continue;
            }
            while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = text.drain(..=end).collect();
                match serde_json::from_slice(&line).map_err(io::Error::other)? {
                    Said::Run(run) => number = Some(run),
                    Said::Out(words) => bar.suspend(|| out.result(&words)),
                    Said::Err(words) => bar.suspend(|| out.note(&words)),
                    Said::Ask(question) => bar.suspend(|| out.ask(&question)),
                    Said::Bar(what) => bar.draw(what),
                    Said::Read => give_input(setup, number.unwrap_or_default()).await?,
                    Said::Write(name) => {
                        let taking = take_output(setup, number.unwrap_or_default(), &name, out);
                        let taken = tokio::select! {
                            taken = taking => taken?,
                            _ = signals.next(), if !stopped => Some(Exit::Interrupted),
                        };
                        // What is left of the command ends with this connection.
                        if let Some(exit) = taken {
                            return Ok(exit);
                        }
                    }
                    Said::Exit(code) => return Ok(Exit::from_code(code)),
                }
            }
        }
        if failed {
            let error: Value = serde_json::from_slice(&text).unwrap_or_default();
            let why = error["message"].as_str().unwrap_or("it refused");
            return Err(io::Error::other(why.to_owned()));
        }
        Err(io::ErrorKind::UnexpectedEof.into())
    }

    async fn stop(&mut self, number: Option<u64>, setup: &Setup) {
        let Some(number) = number else {
            return;
        };
        // This connection is busy with what is said.
        if let Some(mut other) = there(&setup.settings.home).await {
            let path = format!("/api/v1/run/{number}/stop");
            let _ = other.post(&path, &json!({})).await;
        }
    }
}

/// The options that say something to the command, and not to the node.
const OF_COMMANDS: [&str; 9] = [
    "--home",
    "--wait",
    "--timeout",
    "--reuse",
    "--json",
    "--log-format",
    "--no-progress",
    "--no-qr",
    "--verbose",
];

/// Why options cannot be given to a node that runs.
pub(super) fn not_now(typed: &[String]) -> Option<String> {
    let of_the_node = typed
        .iter()
        .map(String::as_str)
        .filter(|option| !OF_COMMANDS.contains(option));
    let options: Vec<&str> = of_the_node.collect();
    (!options.is_empty()).then(|| {
        format!(
            "the node that runs in this home has its options already: leave out {}, or give this one another --home",
            options.join(", ")
        )
    })
}

/// Why a command cannot be done by a node that runs.
fn not_beside(command: &Which) -> Option<String> {
    match command {
        Which::Send { what, .. } if what.later && what.files.iter().any(|file| is_stream(file)) => {
            let why = "the node that runs in this home keeps files for later where they lie: save what comes by standard input first";
            Some(why.to_owned())
        }
        _ => None,
    }
}

/// The node may run in another folder.
fn make_absolute(command: &mut Which) -> io::Result<()> {
    match command {
        Which::Shared(Shared::Download(what)) => make_whole(&mut what.output)?,
        Which::Shared(Shared::Share(what)) => {
            for path in &mut what.paths {
                *path = std::path::absolute(&*path)?;
            }
        }
        // What is there may be meant by its path as well as by its name.
        Which::Shared(Shared::Unshare(what)) => what.make_absolute(),
        Which::Send { what, .. } => {
            for file in what.files.iter_mut().filter(|file| !is_stream(file)) {
                *file = std::path::absolute(&*file)?;
            }
        }
        Which::Receive(what) => make_whole(&mut what.output)?,
        Which::Shared(Shared::Link(what)) => what.find(|word| word.into())?,
        Which::BugReport(Some(file)) => *file = std::path::absolute(&*file)?,
        Which::Shared(_) | Which::Doctor | Which::BugReport(None) => {}
    }
    Ok(())
}

fn make_whole(output: &mut Output) -> io::Result<()> {
    let stream = output.is_stream();
    if let Some(path) = output.path.as_mut().filter(|_| !stream) {
        let folder = path.as_os_str().as_encoded_bytes().ends_with(b"/");
        *path = std::path::absolute(&*path)?;
        if folder {
            path.push(""); // A path that ends so is a folder's.
        }
    }
    Ok(())
}

/// `sprat web`: prints the page's address, with a code that opens it once, and opens it where that
/// can be done.
pub async fn open_page(setup: &Setup) -> Exit {
    let out = Out::streams(setup.json);
    let Some(mut node) = there(&setup.settings.home).await else {
        out.error(
            "no node runs in this home: start one with `sprat --web`, or `sprat serve --web`",
        );
        return Exit::NotFound;
    };
    match page(&mut node).await {
        Ok(address) => {
            face::tell(&out, &address);
            open(&setup.settings.home, &address).await;
            Exit::Done
        }
        Err(error) => {
            out.error(&error.to_string());
            Exit::Failed
        }
    }
}

async fn page(node: &mut Beside) -> io::Result<String> {
    let answer = node.post("/api/v1/codes", &json!({})).await?;
    let body = answer
        .into_body()
        .collect()
        .await
        .map_err(io::Error::other)?;
    let value: Value = serde_json::from_slice(&body.to_bytes()).map_err(io::Error::other)?;
    if let Some(address) = value["address"].as_str() {
        return Ok(address.to_owned());
    }
    let why = value["message"].as_str().unwrap_or("it serves no page");
    Err(io::Error::other(why.to_owned()))
}

/// A private file that leads to the address: other users of the machine see the words of a command,
/// and so would see the code.
fn redirect(home: &Path, address: &str) -> io::Result<PathBuf> {
    let path = std::path::absolute(home)?.join(".sprat").join("open.html");
    let _ = fs::remove_file(&path);
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let page = format!(
        "<!doctype html><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"0; url={address}\">\n"
    );
    options.open(&path)?.write_all(page.as_bytes())?;
    Ok(path)
}

/// Opens an address in a browser, where there is a screen; that there is none is no failure, since
/// it was printed.
async fn open(home: &Path, address: &str) {
    let opener = if cfg!(target_os = "macos") {
        "open"
    } else if std::env::var_os("DISPLAY").is_some() || std::env::var_os("WAYLAND_DISPLAY").is_some()
    {
        "xdg-open"
    } else {
        return;
    };
    let Ok(file) = redirect(home, address) else {
        return;
    };
    let mut command = std::process::Command::new(opener);
    command
        .arg(file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let _ = tokio::task::spawn_blocking(move || command.status()).await;
}
