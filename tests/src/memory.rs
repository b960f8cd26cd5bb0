//! The memory of a process: its size, and its content as in a core dump.

use anyhow::Context as _;
use memchr::memmem::Finder;
use std::{
    fs::{self, File},
    os::unix::fs::FileExt as _,
};

/// Bytes that are read at a time.
const CHUNK: usize = 1 << 20;

/// Which of these byte strings are in the memory of a process now, in a part that it can write to. The process
/// must be a child of this one, or this one must be root.
pub fn found_in(process: u32, sought: &[Vec<u8>]) -> anyhow::Result<Vec<&[u8]>> {
    let folder = format!("/proc/{process}");
    let maps = fs::read_to_string(format!("{folder}/maps"))?;
    let memory = File::open(format!("{folder}/mem"))
        .with_context(|| format!("the memory of process {process} may not be read"))?;
    let finders: Vec<Finder<'_>> = sought.iter().map(Finder::new).collect();
    // The overlap finds matches across the end of a chunk.
    let overlap = sought.iter().map(Vec::len).max().unwrap_or(0);
    let mut is_found = vec![false; sought.len()];
    let mut chunk = vec![0; CHUNK + overlap];
    for (start, end) in maps.lines().filter_map(writable) {
        let mut at = start;
        while at < end {
            let length = usize::try_from(end - at)
                .unwrap_or(CHUNK)
                .min(CHUNK + overlap);
            // A region that was unmapped meanwhile holds nothing.
            let read = memory.read_at(&mut chunk[..length], at).unwrap_or(0);
            for (is_found, finder) in is_found.iter_mut().zip(&finders) {
                *is_found = *is_found || finder.find(&chunk[..read]).is_some();
            }
            at += CHUNK as u64;
        }
    }
    let found = sought.iter().zip(is_found);
    Ok(found
        .filter_map(|(bytes, is_found)| is_found.then_some(bytes.as_slice()))
        .collect())
}

/// The bounds of a part of the memory that can be read and written, from its line in `maps`.
fn writable(line: &str) -> Option<(u64, u64)> {
    let (bounds, rest) = line.split_once(' ')?;
    let (start, end) = bounds.split_once('-')?;
    let bound = |text| u64::from_str_radix(text, 16).ok();
    rest.starts_with("rw").then_some(())?;
    Some((bound(start)?, bound(end)?))
}

/// The most memory that a process has had so far, in bytes.
pub fn peak(process: u32) -> anyhow::Result<u64> {
    status(process, "VmHWM:")
}

/// From now on, the [`peak`] of a process is the most that it has from now on.
pub fn forget_peak(process: u32) -> anyhow::Result<()> {
    Ok(fs::write(format!("/proc/{process}/clear_refs"), "5")?)
}

/// The memory that a process has now, in bytes.
pub fn resident(process: u32) -> anyhow::Result<u64> {
    status(process, "VmRSS:")
}

fn status(process: u32, field: &str) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let mut lines = status.lines();
    let value = lines.find_map(|line| line.strip_prefix(field));
    let kibibytes = value.and_then(|value| value.trim().strip_suffix(" kB"));
    let kibibytes: u64 = kibibytes.context("no such field")?.parse()?;
    Ok(kibibytes << 10)
}
