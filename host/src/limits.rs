//! The limits of a call of a plugin.

use std::{num::NonZeroU32, thread, time::Duration};

/// The interval at which a running plugin is checked for its time limit.
pub(super) const TICK: Duration = Duration::from_millis(5);

/// More changes than any decision needs: a plugin that makes more is broken or hostile.
pub(super) const MAX_CHANGES: usize = 16;

/// The name of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Wall time.
    Time,
    /// Linear memory.
    Memory,
    /// Elements of a table.
    Table,
    /// Stack.
    Stack,
    /// Bytes handed over at one time.
    HostcallBytes,
    /// Changes in one call.
    Changes,
    /// Instances at one time.
    Instances,
    /// Lines in the host's log.
    Log,
}

impl Limit {
    /// Each of them.
    pub const ALL: [Self; 8] = [
        Self::Time,
        Self::Memory,
        Self::Table,
        Self::Stack,
        Self::HostcallBytes,
        Self::Changes,
        Self::Instances,
        Self::Log,
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Memory => "memory",
            Self::Table => "table",
            Self::Stack => "stack",
            Self::HostcallBytes => "hostcall_bytes",
            Self::Changes => "changes",
            Self::Instances => "instances",
            Self::Log => "log",
        }
    }
}

/// The limits of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Wall time.
    pub time: Duration,
    /// Linear memory, in bytes, of all the component's memories together.
    pub memory: usize,
    /// Elements of each table.
    pub table_elements: usize,
    /// Stack, in bytes.
    pub stack: usize,
    /// The data that it passes to the host at one time, as parameters of an import or as its decision, in bytes of the
    /// host's memory.
    pub hostcall_bytes: usize,
    /// Instances at one time; further calls wait, which is not counted as their time.
    pub instances: u32,
    /// The limit of log lines a second about failures of plugins and with their messages, with bursts of four times as
    /// many.
    pub log: NonZeroU32,
}

impl Default for Limits {
    /// Thousands of times what the reference plugin takes, and room for a guest that brings an
    /// interpreter. As many instances as are busy on this machine: with more of them, each would get so
    /// little of a processor that a busy host would look like a slow plugin.
    fn default() -> Self {
        Self {
            time: Duration::from_millis(50),
            memory: 64 << 20,
            table_elements: 100_000,
            stack: 512 << 10,
            hostcall_bytes: 256 << 10,
            instances: 2 * thread::available_parallelism().map_or(2, |it| it.get() as u32),
            log: const { NonZeroU32::new(10).unwrap() },
        }
    }
}

impl Limits {
    /// The time as epoch ticks. A call that begins just before a tick gets no less than its time.
    pub(super) fn ticks(&self) -> u64 {
        let ticks = self.time.as_millis().div_ceil(TICK.as_millis());
        u64::try_from(ticks).unwrap_or(u64::MAX).saturating_add(1)
    }
}
