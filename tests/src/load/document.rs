//! The load lab's part of `docs/BENCHMARKS.md`: it stands between two markers, and each run writes it anew.

use super::{
    mix::{Measured, Mix},
    times::BOUNDS,
};
use anyhow::Context as _;
use std::{fmt::Write as _, fs, path::Path};

/// One run, as rows of tables.
pub struct Run {
    /// The name of the store.
    pub store: &'static str,
    /// The size of the fleet.
    pub devices: usize,
    /// The load.
    pub mix: Mix,
    /// The measurements.
    pub measured: Measured,
}

/// The tables of these runs.
pub fn tables(runs: &[Run]) -> String {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut text = format!("`cargo xtask load {}`\n\n", shown(&arguments));
    text.push_str(
        "| store | devices | agents connected | resets/s | syncs/s | reset: p50 | p99 | longest | with outcome: p50 | p99 | longest | \
         report: p50 | p99 | longest | sync: p50 | p99 | longest | processors of the host | memory of the host |\n",
    );
    text.push_str(&format!("|{}\n", " --- |".repeat(19)));
    for run in runs {
        let Measured {
            resets,
            outcomes,
            reports,
            syncs,
            time,
            processor,
            memory,
            ..
        } = &run.measured;
        let a_second = |count: u64| count as f64 / time.as_secs_f64();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {:.0} | {:.0} | {} | {} | {} | {} | {:.2} | {} MiB |",
            run.store,
            thousands(run.devices),
            thousands(run.mix.agents),
            a_second(resets.count()),
            a_second(syncs.count()),
            resets.cells(),
            outcomes.cells(),
            reports.cells(),
            syncs.cells(),
            processor.as_secs_f64() / time.as_secs_f64(),
            memory >> 20,
        );
    }
    text.push_str("\nHow many took so long:\n\n| store | devices | what |");
    for bound in BOUNDS {
        let _ = write!(text, " ≤ {bound} ms |");
    }
    text.push_str(" longer |\n");
    text.push_str(&format!("|{}\n", " --- |".repeat(BOUNDS.len() + 4)));
    for run in runs {
        for (what, times) in [
            ("reset", &run.measured.resets),
            ("reset with outcome", &run.measured.outcomes),
            ("report", &run.measured.reports),
            ("sync", &run.measured.syncs),
        ] {
            let _ = write!(
                text,
                "| {} | {} | {what} |",
                run.store,
                thousands(run.devices)
            );
            for count in times.counts() {
                let _ = write!(text, " {count} |");
            }
            text.push('\n');
        }
    }
    text
}

/// Puts text between the markers of this name in a file.
pub fn write(file: &Path, name: &str, text: &str) -> anyhow::Result<()> {
    let page = fs::read_to_string(file)?;
    let page = between(&page, name, text)
        .with_context(|| format!("{} has no markers `{name}`", file.display()))?;
    Ok(fs::write(file, page)?)
}

fn between(page: &str, name: &str, text: &str) -> Option<String> {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let (before, rest) = page.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}{text}{end}{after}"))
}

/// The arguments that a user gave.
fn shown(arguments: &[String]) -> String {
    let own = match arguments {
        [write, _, own @ ..] if write == "--write" => own,
        own => own,
    };
    own.join(" ")
}

/// A number as people write it.
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_markers_is_replaced() {
        let page = "a\n<!-- load -->\nold\n<!-- /load -->\nb\n";
        let new = between(page, "load", "new\n").unwrap();
        assert_eq!(new, "a\n<!-- load -->\nnew\n<!-- /load -->\nb\n");
        assert_eq!(between(page, "other", ""), None);
    }

    #[test]
    fn large_numbers_are_readable() {
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1_000_000), "1,000,000");
    }
}
