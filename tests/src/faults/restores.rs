//! A store that is replaced by an older backup of itself, under agents that go on.

use super::{fault::Fault, stage::Stage};
use crate::{
    checker::{History, Seen},
    test_environment::{Device, wait_until},
};
use anyhow::{Context as _, ensure};
use mdm_contract::{CommandId, Status};
use std::{fs, path::Path, thread, time::Duration};

/// The file beside `host.key` that shows a restore is written within this time.
const EVIDENCE_TIME: Duration = Duration::from_millis(1_500);

/// Restores an older backup, by the command or by hand; then an admin releases or cancels the held commands.
#[derive(Default)]
pub(super) struct Older {
    rounds: u32,
}

impl Fault for Older {
    fn strike(&mut self, stage: &mut Stage) -> anyhow::Result<()> {
        self.rounds += 1;
        let backup = stage.env.folder().join(format!("{}.backup", self.rounds));
        stage.env.back_up(&backup)?;
        // Makes a change after the backup, independent of the clients.
        stage.env.ask(&["device", "enroll"], "")?;
        stage.pass(20..=600);
        stage.end_load()?;
        thread::sleep(EVIDENCE_TIME);
        let before = stage.look()?;

        stage.env.kill_host()?;
        // An agent applies commands that it has already received.
        stage.pass(300..=600);
        let applied = applied(stage)?;
        let data = stage.env.folder().join("data");
        put_away(&data, self.rounds)?;
        match stage.random.bool() {
            true => stage.env.restore(&backup)?,
            false => drop(fs::copy(&backup, data.join("mdm.db"))?),
        }
        stage.env.start_host()?;
        wait_until("the restore is noticed", || {
            let held = stage.env.ask(&["held", "list"], "")?;
            Ok(held["undecided_since"].is_string())
        })?;
        stage.pass(0..=300);
        let undecided = self::applied(stage)?;
        ensure!(
            undecided == applied,
            "before the restore {applied:?} were applied, and before the decision {undecided:?}"
        );
        let is_cancelled = stage.random.bool();
        let decision = if is_cancelled { "cancel" } else { "release" };
        stage.env.ask(&["held", decision], "")?;
        stage.wait_quiet()?;
        let after = self::applied(stage)?;
        for (device, (before_restore, now)) in applied.iter().zip(&after).enumerate() {
            let device = &stage.devices[device];
            check(device, &before, is_cancelled, before_restore.len(), now)?;
        }
        stage.start_over()?;
        stage.begin();
        Ok(())
    }
}

/// The commands that each device has applied, in their order.
fn applied(stage: &Stage) -> anyhow::Result<Vec<Vec<CommandId>>> {
    let devices = stage.devices.iter();
    devices
        .map(|device| stage.record.applied(&stage.env, device))
        .collect()
}

/// No command was applied twice; and if the admin has cancelled what was held, none that had ended before the restore
/// was applied after it.
fn check(
    device: &Device,
    before: &History,
    is_cancelled: bool,
    applied_before: usize,
    applied: &[CommandId],
) -> anyhow::Result<()> {
    for (place, command) in applied.iter().enumerate() {
        ensure!(
            !applied[..place].contains(command),
            "{} applied {command} twice over a restore",
            device.name
        );
        let status = before.commands.get(command).and_then(Seen::status);
        let had_ended = status.is_some_and(|status| *status != Status::Pending);
        ensure!(
            place < applied_before || !is_cancelled || !had_ended,
            "{}: {command} had ended as {status:?}, and was applied after the restore",
            device.name
        );
    }
    Ok(())
}

/// Moves the store away, as an operator does before a restore.
fn put_away(data: &Path, round: u32) -> anyhow::Result<()> {
    let away = data.join(format!("before-{round}"));
    fs::create_dir(&away)?;
    for file in ["mdm.db", "mdm.db-wal", "mdm.db-shm"] {
        if data.join(file).exists() {
            fs::rename(data.join(file), away.join(file)).context(file)?;
        }
    }
    Ok(())
}
