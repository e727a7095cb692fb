//! A disk that is small: a tmpfs in a mount namespace of its own.

use super::Running;
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Whether this is root.
pub fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout == b"0\n"
}

/// A small file system of its own, seen by what runs inside it only.
pub struct Small {
    inside: Running,
    at: PathBuf,
}

impl Small {
    /// A tmpfs of `mib` at `at`; `None`, and a word, where that is not allowed.
    pub fn mount(at: &Path, mib: u64) -> Option<Self> {
        let script = format!(
            "mount -t tmpfs -o size={mib}m small '{}' && echo mounted && exec cat",
            at.display()
        );
        for flags in ["-m", "-rm"] {
            let mut command = Command::new("unshare");
            command.args([flags, "--propagation", "private", "sh", "-c", &script]);
            if let Ok(able) = Command::new("unshare").args([flags, "true"]).output()
                && able.status.success()
            {
                let mut inside = Running::start(&mut command);
                inside.wait("the file system", |line| line == "mounted");
                let at = at.to_owned();
                return Some(Self { inside, at });
            }
        }
        eprintln!("left out: no file system can be mounted here (not root)");
        None
    }

    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        let pid = self.inside.child.id().to_string();
        command.args(["-t", &pid, "-m"]);
        if !is_root() {
            command.args(["-U", "--preserve-credentials"]);
        }
        command.arg(program);
        command
    }

    pub fn enter(&self, command: &Command) -> Command {
        let mut inside = self.command(command.get_program().to_str().unwrap());
        inside.args(command.get_args()).stdin(Stdio::null());
        super::with_environment(&mut inside, command);
        inside
    }

    /// The mounted folder as seen from outside.
    pub fn seen(&self) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.inside.child.id()));
        root.join(self.at.strip_prefix("/").unwrap())
    }

    pub fn resize(&self, mib: u64) {
        let mut command = self.command("mount");
        command
            .args(["-o", &format!("remount,size={mib}m")])
            .arg(&self.at);
        assert!(command.status().unwrap().success());
    }
}
