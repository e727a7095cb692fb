//! `sprat service`: a node in the background, for one person, by what the system has for that.
//!
//! Owns the text of the unit and of what is told. The node itself is `sprat serve`. It gets its
//! options from the home's file alone: one that makes no sense keeps it from starting, which is told,
//! and nothing else.

use super::{cli::ServiceWhat, config::Setup, exit::Exit, output::Out};
use crate::core::path::printable;
use serde_json::json;
use service_manager::{
    RestartPolicy, ServiceInstallCtx, ServiceLabel, ServiceLevel, ServiceManager, ServiceStartCtx,
    ServiceStatus, ServiceStatusCtx, ServiceStopCtx, ServiceUninstallCtx,
};
use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
};

/// Seconds between two starts, and without a sign of life.
const RESTART: u32 = 5;
const WATCHDOG: u32 = 60;

/// Does it, and tells.
pub async fn run(setup: &Setup, what: ServiceWhat) -> Exit {
    let out = Out::streams(setup.json);
    if let Some(why) = &setup.broken {
        out.failure("", &format!("no node can start with this: {why}"));
    }
    let (home, can_start) = (setup.settings.home.clone(), setup.broken.is_none());
    let done = tokio::task::spawn_blocking(move || act(what, &home, can_start)).await;
    match done.unwrap_or_else(|error| Err(io::Error::other(error))) {
        Ok(state) => {
            if out.json() {
                out.result(&json!({ "event": "service", "state": state.word() }).to_string());
            } else {
                out.result(&state.sentence());
            }
            match state {
                State::Stopped | State::None => Exit::NotFound,
                State::Waiting(..) => Exit::Partial,
                State::Installed(_) | State::Removed | State::Running => Exit::Done,
            }
        }
        Err(error) => {
            out.failure("", &refused(&error));
            Exit::Failed
        }
    }
}

fn refused(error: &io::Error) -> String {
    let why = error.to_string();
    let hint = if why.contains("connect to bus") {
        "; it works for who has logged in (not by su or sudo)"
    } else {
        ""
    };
    let why = why.trim_end();
    format!("the service manager of this system refused: {why}{hint}")
}

/// How it is, or became.
enum State {
    Installed(PathBuf),
    /// Installed, and not started; why not.
    Waiting(PathBuf, String),
    Removed,
    Running,
    Stopped,
    None,
}

impl State {
    fn word(&self) -> &'static str {
        match self {
            Self::Installed(_) => "installed",
            Self::Waiting(..) => "waiting",
            Self::Removed => "removed",
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::None => "none",
        }
    }

    fn sentence(&self) -> String {
        match self {
            Self::Installed(home) => {
                let home = home.to_string_lossy();
                let stays = if cfg!(target_os = "linux") {
                    "\nIt ends when you log out; `loginctl enable-linger` keeps it running. Its log: `journalctl --user -u sprat`."
                } else {
                    ""
                };
                format!(
                    "a node for {} runs now, and at every login. Commands given in that home are done by it.{stays}",
                    printable(&home)
                )
            }
            Self::Waiting(home, why) => format!(
                "a node for {} is to run at every login, and does not run yet: {why}",
                printable(&home.to_string_lossy())
            ),
            Self::Removed => "the service is removed; the home and what is in it stay".to_owned(),
            Self::Running => "the service runs".to_owned(),
            Self::Stopped => {
                "the service is installed and does not run; `systemctl --user status sprat` may say why"
                    .to_owned()
            }
            Self::None => "there is no service; `sprat service install` makes one".to_owned(),
        }
    }
}

/// `can_start` is whether the node could.
fn act(what: ServiceWhat, home: &Path, can_start: bool) -> io::Result<State> {
    let manager = manager()?;
    match what {
        ServiceWhat::Install => install(&*manager, home, can_start),
        ServiceWhat::Remove => remove(&*manager),
        ServiceWhat::Status => status(&*manager),
    }
}

fn manager() -> io::Result<Box<dyn ServiceManager>> {
    let mut manager = <dyn ServiceManager>::native()?;
    if !manager.available()? {
        return Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "there is none; run `sprat serve` by other means",
        ));
    }
    manager.set_level(ServiceLevel::User)?;
    Ok(manager)
}

fn label() -> ServiceLabel {
    let other = |word: &str| (!cfg!(target_os = "linux")).then(|| word.to_owned());
    ServiceLabel {
        qualifier: other("org"),
        organization: other("sprat"),
        application: "sprat".to_owned(),
    }
}

fn install(manager: &dyn ServiceManager, home: &Path, can_start: bool) -> io::Result<State> {
    let program = std::env::current_exe()?;
    std::fs::create_dir_all(home)?;
    let home = std::fs::canonicalize(home)?;
    let args: Vec<OsString> = vec!["--home".into(), home.clone().into(), "serve".into()];
    let contents = cfg!(target_os = "linux").then(|| unit(&program, &home));
    let install = ServiceInstallCtx {
        label: label(),
        program,
        args,
        contents,
        username: None,
        working_directory: Some(home.clone()),
        environment: None,
        autostart: true,
        restart_policy: RestartPolicy::OnFailure {
            delay_secs: Some(RESTART),
            max_retries: None,
            reset_after_secs: None,
        },
    };
    manager.install(install)?;
    if !can_start {
        let why = "mend its file first, then say `sprat service install` again";
        return Ok(State::Waiting(home, why.to_owned()));
    }
    match manager.start(ServiceStartCtx { label: label() }) {
        Ok(()) => Ok(State::Installed(home)),
        Err(error) => Ok(State::Waiting(home, refused(&error))),
    }
}

fn remove(manager: &dyn ServiceManager) -> io::Result<State> {
    // Who cannot be asked how it is may still be able to take it away.
    if matches!(status(manager), Ok(State::None)) {
        return Ok(State::None);
    }
    // One that does not run cannot be stopped, and need not be.
    let _ = manager.stop(ServiceStopCtx { label: label() });
    manager.uninstall(ServiceUninstallCtx { label: label() })?;
    Ok(State::Removed)
}

fn status(manager: &dyn ServiceManager) -> io::Result<State> {
    Ok(match manager.status(ServiceStatusCtx { label: label() })? {
        ServiceStatus::NotInstalled => State::None,
        ServiceStatus::Running => State::Running,
        ServiceStatus::Stopped(_) => State::Stopped,
    })
}

/// A user unit of systemd. Mistakes in options are not cured by starting again.
fn unit(program: &Path, home: &Path) -> String {
    format!(
        "[Unit]\n\
         Description=sprat file-sharing node\n\
         Documentation=man:sprat(1)\n\
         \n\
         [Service]\n\
         Type=notify\n\
         ExecStart={} --home {} serve\n\
         ExecReload=/bin/kill -HUP $MAINPID\n\
         Restart=on-failure\n\
         RestartSec={RESTART}\n\
         RestartPreventExitStatus=2\n\
         WatchdogSec={WATCHDOG}\n\
         \n\
         [Install]\n\
         WantedBy=default.target\n",
        quoted(program),
        quoted(home)
    )
}

/// A word of a unit: systemd expands `%` and `$` even between quotes.
fn quoted(path: &Path) -> String {
    let mut word = String::from("\"");
    for c in path.to_string_lossy().chars() {
        match c {
            '%' => word.push_str("%%"),
            '$' => word.push_str("$$"),
            '"' | '\\' => word.extend(['\\', c]),
            '\n' => word.push_str("\\n"),
            c => word.push(c),
        }
    }
    word + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_of_any_name_is_one_word_of_the_unit() {
        let unit = unit(
            Path::new("/usr/bin/sprat"),
            Path::new("/home/a b/50% \"$x\"\\\nExecStop=/bin/false"),
        );
        let line = unit.lines().find(|line| line.starts_with("ExecStart="));
        assert_eq!(
            line.unwrap(),
            "ExecStart=\"/usr/bin/sprat\" --home \"/home/a b/50%% \\\"$$x\\\"\\\\\\nExecStop=/bin/false\" serve"
        );
        assert!(!unit.contains("\nExecStop"), "{unit}");
    }
}
