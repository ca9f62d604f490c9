//! A child process with its output in a file, ended with everything it started.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::{Pid, Signal, kill_process};

use crate::Result;

/// A running child; dropped, it and its descendants are killed.
#[derive(Debug)]
pub struct Process {
    child: Child,
    output: PathBuf,
}

impl Process {
    /// Starts `command`, with what it prints going to a file of its own.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn start(name: &str, mut command: Command) -> Result<Self> {
        static NTH: AtomicU32 = AtomicU32::new(0);
        let nth = NTH.fetch_add(1, Ordering::Relaxed);
        let folder = crate::target().join("rig/output");
        // Unique on the machine, not only in a process id namespace.
        let time = std::time::SystemTime::UNIX_EPOCH
            .elapsed()
            .map_or(0, |age| age.as_nanos());
        let output = folder.join(format!("{name}-{time:x}-{nth}"));
        let io = |error: std::io::Error| format!("{}: {error}", output.display());
        fs::create_dir_all(&folder).map_err(io)?;
        let file = File::create(&output).map_err(io)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().map_err(io)?)
            .stderr(file)
            .spawn()
            .map_err(|error| format!("{}: {error}", command.get_program().display()))?;
        Ok(Self { child, output })
    }

    /// What it has printed so far, standard output and error as they came.
    #[must_use]
    pub fn output(&self) -> String {
        fs::read(&self.output).map_or_else(
            |error| error.to_string(),
            |bytes| String::from_utf8_lossy(&bytes).into_owned(),
        )
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_some())
    }

    /// The end of what it has printed, for a message.
    #[must_use]
    pub fn last_words(&self) -> String {
        let output = self.output();
        let lines: Vec<_> = output.lines().rev().take(6).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("; ")
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Children first: once the parent is gone nothing names them.
        let mut family = vec![self.child.id()];
        let mut at = 0;
        while let Some(&id) = family.get(at) {
            family.extend(children(id));
            at += 1;
        }
        for id in family {
            if let Some(pid) = i32::try_from(id).ok().and_then(Pid::from_raw) {
                // Already gone is as good.
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.output);
    }
}

fn children(id: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{id}/task"))
        .into_iter()
        .flatten();
    tasks
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join("children")).ok())
        .flat_map(|ids| {
            ids.split(' ')
                .filter_map(|id| id.parse().ok())
                .collect::<Vec<_>>()
        })
        .collect()
}
