//! The file system of the database becomes read-only while the host runs, and can be written again later.

use super::{
    fault::Fault,
    stage::{Setting, Stage},
};
use crate::{preload, test_environment::TestEnvironment};
use anyhow::{Context as _, ensure};
use std::{fs, path::PathBuf};

/// The file that makes it read-only while it exists.
pub(super) struct ReadOnly(PathBuf);

impl ReadOnly {
    pub(super) fn set_up(seed: u64) -> anyhow::Result<(Stage, Box<dyn Fault>)> {
        let mut env = TestEnvironment::start()?;
        let library = preload::compile("read_only", env.folder())?;
        let flag = env.folder().join("read-only");
        let data = env.folder().join("data");
        env.kill_host()?;
        for (name, path) in [
            ("LD_PRELOAD", &library),
            ("READ_ONLY", &flag),
            ("READ_ONLY_FOLDER", &data),
        ] {
            env.set_for_host(name, path.to_str().context("no UTF-8")?);
        }
        env.start_host()?;
        let stage = Stage::on(env, seed, &Setting::default())?;
        Ok((stage, Box::new(Self(flag))))
    }
}

impl Fault for ReadOnly {
    fn strike(&mut self, stage: &mut Stage) -> anyhow::Result<()> {
        let before = stage.refusals("store-failed");
        fs::write(&self.0, "")?;
        stage.pass(100..=500);
        // Sooner or later each client wants something written.
        let told = stage.is_refused_for("store-failed", before);
        fs::remove_file(&self.0)?;
        ensure!(told, "no client was told that the store failed");
        Ok(())
    }
}
