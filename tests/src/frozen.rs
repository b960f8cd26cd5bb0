//! Processes that are frozen (SIGSTOP) for a while: they keep their connections and their locks, and answer nothing.

use anyhow::ensure;
use std::{fs, process::Command};

/// Processes that go on when this is dropped.
pub struct Frozen(Vec<u32>);

impl Frozen {
    /// Freezes a process.
    pub fn process(process: u32) -> anyhow::Result<Self> {
        signal(process, "STOP")?;
        Ok(Self(vec![process]))
    }

    /// Freezes a process and those that it has started, itself first: so it starts none meanwhile.
    pub fn family(process: u32) -> anyhow::Result<Self> {
        let mut frozen = Self::process(process)?;
        for child in children(process)? {
            // One that has ended since answers nothing either.
            if signal(child, "STOP").is_ok() {
                frozen.0.push(child);
            }
        }
        Ok(frozen)
    }

    /// Lets them go on.
    pub fn thaw(self) {}
}

impl Drop for Frozen {
    fn drop(&mut self) {
        for process in &self.0 {
            let _ = signal(*process, "CONT");
        }
    }
}

/// Sends a signal to a process, by its name without `SIG`.
pub fn signal(process: u32, name: &str) -> anyhow::Result<()> {
    let sent = Command::new("kill")
        .args([format!("-{name}"), process.to_string()])
        .output()?;
    ensure!(
        sent.status.success(),
        "no SIG{name} for {process}: {}",
        String::from_utf8_lossy(&sent.stderr)
    );
    Ok(())
}

/// The processes that a process has started.
fn children(process: u32) -> anyhow::Result<Vec<u32>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Ok(child) = entry?.file_name().to_string_lossy().parse::<u32>() else {
            continue;
        };
        // A process that has ended has no file.
        let status = fs::read_to_string(format!("/proc/{child}/status")).unwrap_or_default();
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"));
        if parent.is_some_and(|it| it.trim() == process.to_string()) {
            found.push(child);
        }
    }
    Ok(found)
}
