//! `mdm-plugin check-host`.

use anyhow::{Context as _, bail};
use clap::Args;
use mdm_conformance::{HostFinding, HostReport, HostVerdict, check_host};
use mdm_probe_component::PROBE;
use mdm_terminal::{escape, out, progress::Progress, values};
use std::{ffi::OsString, fmt::Write as _, process::Command};

#[derive(Args)]
pub(crate) struct CheckHost {
    /// Run only this case. Can be given more than once.
    #[arg(long, value_name = "ID")]
    case: Vec<String>,
    /// List every case, also those in which the host kept its promise.
    #[arg(long, short)]
    verbose: bool,
    /// Print JSON, for scripts.
    #[arg(long)]
    json: bool,
    /// The program around your host, and its arguments. It speaks the protocol of `conformance/hosts/README.md`.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
}

impl CheckHost {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let (program, arguments) = self.command.split_first().context("no program")?;
        let mut command = Command::new(program);
        command.args(arguments);
        let progress = Progress::of("checking the host");
        let report = check_host(&mut command, PROBE, &self.case)?;
        drop(progress);
        if self.json {
            out::line(values::json(&report)?)?;
        } else {
            out::text(escape::page(&page(&report, self.verbose)?))?;
        }
        match report.broken().count() {
            0 => Ok(()),
            broken => bail!(
                "{} breaks promises: {broken} of {} cases failed",
                report.host,
                report.findings.len()
            ),
        }
    }
}

fn page(report: &HostReport, verbose: bool) -> anyhow::Result<String> {
    let mut page = format!("host {}\n\n", report.host);
    writeln!(page, "DUTY  KEPT  BROKEN  EXEMPT")?;
    for (number, title) in &report.duties {
        let count = |verdict: HostVerdict| {
            let is = |it: &&HostFinding| it.duty == *number && it.verdict == verdict;
            report.findings.iter().filter(is).count()
        };
        if report.findings.iter().all(|it| it.duty != *number) {
            continue;
        }
        writeln!(
            page,
            "{number:>4}  {:>4}  {:>6}  {:>6}  {title}",
            count(HostVerdict::Kept),
            count(HostVerdict::Broken),
            count(HostVerdict::Exempt)
        )?;
    }
    writeln!(page)?;
    for finding in &report.findings {
        let label = match finding.verdict {
            HostVerdict::Kept if !verbose => continue,
            HostVerdict::Kept => "kept",
            HostVerdict::Broken => "BROKEN",
            HostVerdict::Exempt => "exempt",
        };
        let HostFinding { duty, id, case, .. } = finding;
        writeln!(page, "{label:<6}  {duty:>2}  {id}: {case}")?;
        for reason in &finding.reasons {
            writeln!(page, "            {reason}")?;
        }
    }
    let exempt = report
        .findings
        .iter()
        .filter(|it| it.verdict == HostVerdict::Exempt)
        .count();
    let verdict = match (report.broken().count(), exempt) {
        (0, 0) => "it keeps its promises".to_owned(),
        (0, exempt) => format!("it keeps its promises; exempt cases: {exempt}"),
        (broken, _) => format!("it breaks promises; failed cases: {broken}"),
    };
    writeln!(page, "{verdict}")?;
    Ok(page)
}
