//! How much a process makes the processors work.

use anyhow::Context as _;
use std::{fs, time::Duration};

/// How many of its units Linux counts a second, on every machine.
const TICKS: f64 = 100.0;

/// How long a process has had a processor so far.
pub fn used(process: u32) -> anyhow::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name of the program is in parentheses, and may be anything.
    let (_, fields) = stat.rsplit_once(')').context("no such process")?;
    let mut fields = fields.split_whitespace().skip(11);
    let mut ticks =
        || -> anyhow::Result<f64> { Ok(fields.next().context("no such field")?.parse()?) };
    Ok(Duration::from_secs_f64((ticks()? + ticks()?) / TICKS))
}
