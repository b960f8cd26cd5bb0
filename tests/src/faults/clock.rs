//! Clocks that step back and forward under a host and its agents while they run.

use super::{
    fault::Fault,
    stage::{Setting, Stage},
};
use crate::{preload, test_environment::TestEnvironment};
use anyhow::Context as _;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The largest offset of a clock, in seconds.
const MAX_OFF: i64 = 400 * 24 * 3600;

/// The files that say how far the clocks are off: the host's, and that of all agents.
pub(super) struct Clocks {
    host: PathBuf,
    agents: PathBuf,
}

impl Clocks {
    pub(super) fn set_up(seed: u64) -> anyhow::Result<(Stage, Box<dyn Fault>)> {
        let mut env = TestEnvironment::start()?;
        let library = preload::compile("clocks", env.folder())?;
        let library = library.to_str().context("no UTF-8")?;
        let clocks = Self {
            host: env.folder().join("host.clock"),
            agents: env.folder().join("agents.clock"),
        };
        set(&clocks.host, 0)?;
        set(&clocks.agents, 0)?;
        env.kill_host()?;
        for (name, value) in variables(library, &clocks.host)? {
            env.set_for_host(&name, &value);
        }
        env.start_host()?;
        let setting = Setting {
            agent_variables: variables(library, &clocks.agents)?,
            is_clock_unsteady: true,
            ..Setting::default()
        };
        let stage = Stage::on(env, seed, &setting)?;
        Ok((stage, Box::new(clocks)))
    }
}

impl Fault for Clocks {
    fn strike(&mut self, stage: &mut Stage) -> anyhow::Result<()> {
        for _ in 0..stage.random.u8(1..=3) {
            let off = match stage.random.u8(0..3) {
                // Within the time for which a signature is fresh, out of it, and far away.
                0 => stage.random.i64(-60..=60),
                1 => stage.random.i64(-7200..=7200),
                _ => stage.random.i64(-MAX_OFF..=MAX_OFF),
            };
            match stage.random.bool() {
                true => set(&self.host, off)?,
                false => set(&self.agents, off)?,
            }
            if stage.random.u8(0..4) == 0 {
                stage.env.kill_host()?;
                stage.env.start_host()?;
            }
            stage.pass(50..=400);
        }
        Ok(())
    }
}

fn variables(library: &str, clock: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let clock = clock.to_str().context("no UTF-8")?;
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Ok(vec![pair("LD_PRELOAD", library), pair("CLOCK_FILE", clock)])
}

/// Sets a clock off. Running processes have the file mapped, so it is written in place.
fn set(clock: &Path, off: i64) -> anyhow::Result<()> {
    Ok(fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(clock)
        .and_then(|mut file| std::io::Write::write_all(&mut file, &off.to_ne_bytes()))?)
}
