//! `mdm-plugin test`.

use crate::{
    check::{self, Kit},
    component,
};
use anyhow::{Context as _, bail, ensure};
use clap::Args;
use mdm_conformance::{Conformance, Finding, OwnCases};
use mdm_password_host::Plugin;
use mdm_terminal::{escape, out, values};
use serde::Serialize;
use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

#[derive(Args)]
pub(crate) struct Test {
    /// The component.
    file: PathBuf,
    /// The folder of your cases: JSON files in the form of the kit's cases, with a `title`, `cases`, and perhaps
    /// `settings` in place of a `rule`.
    #[arg(long, value_name = "FOLDER", default_value = "cases")]
    cases: PathBuf,
    #[command(flatten)]
    kit: Kit,
    /// List every case of the kit, too, and the messages that the plugin logged in each case.
    #[arg(long, short)]
    verbose: bool,
    /// Print JSON, for scripts.
    #[arg(long)]
    json: bool,
}

/// The results of a file of cases.
#[derive(Serialize)]
struct Results {
    file: String,
    title: String,
    findings: Vec<Finding>,
}

/// The results of a plugin's own cases and of the kit.
#[derive(Serialize)]
struct Report {
    own_cases: Vec<Results>,
    conformance: Conformance,
}

impl Test {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let plugin = component::load(&self.file)?;
        let own_cases = files(&self.cases)?
            .iter()
            .map(|file| results(&plugin, file))
            .collect::<anyhow::Result<Vec<Results>>>()?;
        let report = Report {
            own_cases,
            conformance: self.kit.check(&plugin)?,
        };
        if self.json {
            out::line(values::json(&report)?)?;
        } else {
            out::text(escape::page(&page(&report, self.verbose)?))?;
        }
        let own = report.own_cases.iter().flat_map(|it| &it.findings);
        let findings = own.chain(&report.conformance.findings);
        let failed = findings.clone().filter(|it| it.is_failed()).count();
        match failed {
            0 => Ok(()),
            failed => bail!(
                "{}: {failed} of {} cases failed",
                self.file.display(),
                findings.count()
            ),
        }
    }
}

/// The files of cases in a folder, by name.
fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let unreadable = || {
        format!(
            "the folder of cases {} can't be read: --cases names another one",
            folder.display()
        )
    };
    let mut files = Vec::new();
    for file in fs::read_dir(folder).with_context(unreadable)? {
        let path = file.with_context(unreadable)?.path();
        if path.extension().is_some_and(|it| it == "json") {
            files.push(path);
        }
    }
    ensure!(
        !files.is_empty(),
        "there is no JSON file in the folder of cases {}",
        folder.display()
    );
    files.sort();
    Ok(files)
}

fn results(plugin: &Plugin, file: &Path) -> anyhow::Result<Results> {
    let wrong = || format!("{} can't be used", file.display());
    let text = String::from_utf8(component::read(file)?).with_context(wrong)?;
    let cases = OwnCases::parse(&text).with_context(wrong)?;
    let findings = match &cases.settings {
        Some(settings) => cases.run(&plugin.with_settings(settings).with_context(wrong)?),
        None => cases.run(plugin),
    };
    Ok(Results {
        file: file.display().to_string(),
        title: cases.title,
        findings,
    })
}

fn page(report: &Report, verbose: bool) -> anyhow::Result<String> {
    let mut page = String::new();
    for results in &report.own_cases {
        let failed = results.findings.iter().filter(|it| it.is_failed()).count();
        let passed = results.findings.len() - failed;
        writeln!(
            page,
            "{}: {passed} passed, {failed} failed  {}",
            results.file, results.title
        )?;
        check::lines(&mut page, "own", &results.findings, verbose)?;
    }
    writeln!(page)?;
    page.push_str(&check::table(&report.conformance)?);
    let findings = report.conformance.findings.iter();
    let shown = findings.filter(|it| verbose || it.is_failed());
    check::lines(&mut page, check::ALL_RULES, shown, verbose)?;
    Ok(page)
}
