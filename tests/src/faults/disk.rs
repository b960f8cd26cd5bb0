//! The disk of the database is full, while the host runs, and has room again later: a small tmpfs, which this process
//! may mount because it runs in a mount namespace of its own.

use super::{
    fault::Fault,
    stage::{Setting, Stage},
};
use crate::test_environment::{TestEnvironment, text};
use anyhow::{Context as _, ensure};
use std::{
    env, fs,
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
};

/// Free space in MiB, beyond a server's initial need.
const ROOM: &str = "size=24m";

/// Set for a process in a namespace of its own.
const IS_INSIDE: &str = "MDM_FAULTS_NAMESPACE";

/// A disk that gets full.
pub(super) struct FullDisk {
    /// The file that fills the disk.
    filler: PathBuf,
    /// The server has reported it to a client.
    was_told: bool,
}

impl FullDisk {
    pub(super) fn set_up(seed: u64) -> anyhow::Result<(Stage, Box<dyn Fault>)> {
        let mut env = TestEnvironment::start()?;
        env.kill_host()?;
        let (data, kept) = (env.folder().join("data"), env.folder().join("kept"));
        fs::rename(&data, &kept)?;
        fs::create_dir(&data)?;
        run(Command::new("mount")
            .args(["-t", "tmpfs", "-o", ROOM, "tmpfs"])
            .arg(&data))?;
        run(Command::new("cp").arg("-a").arg(kept.join(".")).arg(&data))?;
        env.start_host()?;
        let stage = Stage::on(env, seed, &Setting::default())?;
        let filler = data.join("filler");
        let was_told = false;
        Ok((stage, Box::new(Self { filler, was_told })))
    }
}

impl Fault for FullDisk {
    fn strike(&mut self, stage: &mut Stage) -> anyhow::Result<()> {
        let before = stage.refusals("store-failed");
        let mut filler = fs::File::create(&self.filler)?;
        loop {
            match filler.write_all(&[0; 1 << 16]) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => break,
                Err(error) => return Err(error.into()),
            }
        }
        stage.pass(100..=500);
        // Once its log has grown, the host can go on for long in the room that it has.
        self.was_told |= stage.is_refused_for("store-failed", before);
        drop(filler);
        fs::remove_file(&self.filler)?;
        ensure!(self.was_told, "no client was told that the store failed");
        Ok(())
    }
}

/// Returns `true` if this process may mount file systems.
pub(super) fn is_inside() -> bool {
    env::var_os(IS_INSIDE).is_some()
}

/// This very program with these arguments, in a mount namespace of its own.
pub(super) fn inside(program: &Path, arguments: &[String]) -> anyhow::Result<ExitStatus> {
    // Root needs no user namespace, which some systems forbid to all users.
    let is_root = Command::new("unshare").args(["--mount", "true"]).output();
    let is_root = is_root.is_ok_and(|output| output.status.success());
    let user: &[&str] = if is_root { &[] } else { &["--map-root-user"] };
    Command::new("unshare")
        .args(user)
        .arg("--mount")
        .arg(program)
        .args(arguments)
        .env(IS_INSIDE, "yes")
        .status()
        .context("unshare, of Debian's util-linux, can't be run")
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command.output()?;
    ensure!(output.status.success(), "{command:?}: {}", text(&output));
    Ok(())
}
