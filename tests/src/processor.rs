//! The processor time of processes.

use anyhow::Context as _;
use std::{fs, time::Duration};

/// The ticks of Linux in a second, on every machine.
const TICKS: f64 = 100.0;

/// The processor time of a process so far.
pub fn used(process: u32) -> anyhow::Result<Duration> {
    Ok(Stat::read(process)?.used)
}

/// The processor time of a process and of its running children so far.
pub fn used_with_children(process: u32) -> anyhow::Result<Duration> {
    let mut used = used(process)?;
    for entry in fs::read_dir("/proc")? {
        let Ok(other) = entry?.file_name().to_string_lossy().parse() else {
            continue;
        };
        // One may end while it is looked at.
        if let Ok(stat) = Stat::read(other)
            && stat.parent == process
        {
            used += stat.used;
        }
    }
    Ok(used)
}

/// The facts of a process in `/proc`.
struct Stat {
    parent: u32,
    used: Duration,
}

impl Stat {
    fn read(process: u32) -> anyhow::Result<Self> {
        let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
        // The name of the program is in parentheses, and may be anything.
        let (_, fields) = stat.rsplit_once(')').context("no such process")?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let field = |at: usize| fields.get(at).context("no such field");
        let ticks = |at| -> anyhow::Result<f64> { Ok(field(at)?.parse()?) };
        Ok(Self {
            parent: field(1)?.parse()?,
            used: Duration::from_secs_f64((ticks(11)? + ticks(12)?) / TICKS),
        })
    }
}
