//! How much a process makes the processors work.

use anyhow::Context as _;
use std::{fs, time::Duration};

/// How many of its units Linux counts a second, on every machine.
const TICKS: f64 = 100.0;

/// How long a process has had a processor so far.
pub fn used(process: u32) -> anyhow::Result<Duration> {
    Ok(Stat::read(process)?.used)
}

/// How long a process and those that it has started, and that are there still, have had a processor so far.
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

/// What Linux says of a process.
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
