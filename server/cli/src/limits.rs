//! The limits of a call of a plugin, as options.

use clap::Args;
use mdm_password_host::Limits;
use std::{num::NonZeroU32, time::Duration};

#[derive(Args)]
pub(super) struct LimitOptions {
    /// The time limit of a plugin for a call, in milliseconds.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    plugin_time: u64,
    /// The memory limit of a plugin for a call, in MiB.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=1024))]
    plugin_memory: u64,
    /// The limit of elements in a table of a plugin.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1000..=1_000_000))]
    plugin_table: u32,
    /// The stack limit of a plugin, in KiB.
    #[arg(long, default_value_t = 512, value_parser = clap::value_parser!(u64).range(64..=1024))]
    plugin_stack: u64,
    /// The limit of data that a plugin passes to the host at one time, in KiB.
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u64).range(1..=65_536))]
    plugin_hostcall_bytes: u64,
    /// The limit of concurrent plugin calls. Further ones wait. By default, two per processor.
    #[arg(long, default_value_t = Limits::default().instances, value_parser = clap::value_parser!(u32).range(1..=1000))]
    plugin_instances: u32,
    /// The limit of log lines per second about plugin failures, with bursts of four times as many. Dropped lines are
    /// counted.
    #[arg(long, value_name = "LINES", default_value_t = Limits::default().log)]
    plugin_log: NonZeroU32,
}

impl LimitOptions {
    pub(super) fn limits(&self) -> Limits {
        let bytes =
            |number: u64, shift: u32| usize::try_from(number << shift).unwrap_or(usize::MAX);
        Limits {
            time: Duration::from_millis(self.plugin_time),
            memory: bytes(self.plugin_memory, 20),
            hostcall_bytes: bytes(self.plugin_hostcall_bytes, 10),
            table_elements: usize::try_from(self.plugin_table).unwrap_or(usize::MAX),
            stack: bytes(self.plugin_stack, 10),
            instances: self.plugin_instances,
            log: self.plugin_log,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[derive(clap::Parser)]
    struct Options {
        #[command(flatten)]
        limits: LimitOptions,
    }

    #[test]
    fn the_options_defaults_are_the_limits_defaults() {
        let options = Options::parse_from(["serve"]).limits.limits();
        assert_eq!(options, Limits::default());
        let options = Options::parse_from(["serve", "--plugin-time", "7"]);
        assert_eq!(options.limits.limits().time, Duration::from_millis(7));
        for bad in [["--plugin-time", "0"], ["--plugin-memory", "2000"]] {
            assert!(Options::try_parse_from([&["serve"], &bad[..]].concat()).is_err());
        }
    }
}
