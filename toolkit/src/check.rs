//! `mdm-plugin check`.

use crate::component;
use anyhow::{Context as _, bail};
use clap::Args;
use mdm_conformance::{Conformance, Finding, Thoroughness, Verdict};
use mdm_password_host::{Message, Plugin};
use mdm_terminal::{
    escape::{self, Escaped},
    out,
    progress::Progress,
    values,
};
use serde_json::{Value, json};
use std::{fmt::Write as _, path::PathBuf};

#[derive(Args)]
pub(crate) struct Check {
    /// The component.
    file: PathBuf,
    #[command(flatten)]
    kit: Kit,
    /// Check the plugin with these settings, instead of its default settings: a file with a JSON object.
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// List every case, also those that passed, each with the messages that the plugin logged.
    #[arg(long, short)]
    verbose: bool,
    /// Print JSON, for scripts.
    #[arg(long)]
    json: bool,
}

/// The options of the conformance kit.
#[derive(Args)]
pub(crate) struct Kit {
    /// The number of random sequences of calls.
    #[arg(long, default_value_t = 200)]
    sequences: u32,
    /// The seed of the sequences. The seed of a failed check makes the same ones again. Random by default.
    #[arg(long)]
    seed: Option<u64>,
    /// A group of your devices: the cases are run for a device in it, too, because the kit can't know which groups a
    /// plugin treats otherwise. Can be given more than once.
    #[arg(long, value_name = "NAME")]
    group: Vec<String>,
}

impl Kit {
    /// Runs the kit.
    pub(crate) fn check(self, plugin: &Plugin) -> anyhow::Result<Conformance> {
        let seed = match self.seed {
            Some(seed) => seed,
            None => u64::from(getrandom::u32().context("the operating system gave no seed")?),
        };
        let _progress = Progress::of("checking the plugin against the contract");
        let thoroughness = Thoroughness {
            seed,
            sequences: self.sequences,
            shrink: true,
            groups: self.group,
        };
        Ok(mdm_conformance::check(plugin, &thoroughness)?)
    }
}

impl Check {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let plugin = component::load_with_settings(&self.file, self.settings.as_deref())?;
        let conformance = self.kit.check(&plugin)?;
        if self.json {
            out::line(values::json(&conformance)?)?;
        } else {
            out::text(escape::page(&page(&conformance, self.verbose)?))?;
        }
        match conformance.failures().count() {
            0 => Ok(()),
            failed => bail!(
                "{} does not conform: {failed} of {} cases failed",
                self.file.display(),
                conformance.findings.len()
            ),
        }
    }
}

fn page(conformance: &Conformance, verbose: bool) -> anyhow::Result<String> {
    let mut page = table(conformance)?;
    writeln!(page)?;
    lines(&mut page, ALL_RULES, &conformance.findings, verbose)?;
    let verdict = match conformance.is_conforming() {
        true => "it conforms",
        false => "it does not conform",
    };
    writeln!(page, "\n{verdict}")?;
    Ok(page)
}

/// The number of cases by rule and verdict.
pub(crate) fn table(conformance: &Conformance) -> anyhow::Result<String> {
    let mut page = format!(
        "plugin {} implements contract {}\nthe cases were run with passwords of {}\n\n",
        &conformance.digest[..12],
        conformance.contract,
        conformance.password_rule
    );
    writeln!(page, "RULE  PASS  FAIL  OWN RULE")?;
    for (number, title) in mdm_conformance::rules()? {
        let count = |verdict: Verdict| {
            let is = |it: &&Finding| it.rule == Some(number) && it.verdict == verdict;
            conformance.findings.iter().filter(is).count()
        };
        writeln!(
            page,
            "{number:>4}  {:>4}  {:>4}  {:>8}  {title}",
            count(Verdict::Pass),
            count(Verdict::Fail),
            count(Verdict::OwnRule)
        )?;
    }
    Ok(page)
}

/// The place of a rule's number, for findings about all rules.
pub(crate) const ALL_RULES: &str = "all";

/// A line for each finding that is worth one, with the details of those that failed. `no_rule` stands in the place of a
/// rule's number for findings without one.
pub(crate) fn lines<'a>(
    page: &mut String,
    no_rule: &str,
    findings: impl IntoIterator<Item = &'a Finding>,
    verbose: bool,
) -> std::fmt::Result {
    for finding in findings {
        line(page, no_rule, finding, verbose)?;
        if verbose || finding.is_failed() {
            messages(page, finding)?;
        }
    }
    Ok(())
}

fn line(page: &mut String, no_rule: &str, finding: &Finding, verbose: bool) -> std::fmt::Result {
    let rule = finding.rule.map_or(no_rule.into(), |rule| rule.to_string());
    let case = &finding.case;
    match finding.verdict {
        Verdict::Pass if verbose || finding.rule.is_none() => {
            writeln!(page, "pass      {rule:>3}  {case}")
        }
        Verdict::Pass => Ok(()),
        Verdict::OwnRule => {
            writeln!(page, "own rule  {rule:>3}  {case}")?;
            writeln!(page, "               chose     {}", told(&finding.got))
        }
        Verdict::Choice => {
            writeln!(page, "free      {rule:>3}  {case}")?;
            writeln!(page, "               chose     {}", told(&finding.got))
        }
        Verdict::Fail => {
            writeln!(page, "FAIL      {rule:>3}  {case}")?;
            if let Some(failure) = &finding.failure {
                writeln!(page, "               given     {}", failure.given)?;
                writeln!(page, "               call      {}", failure.call)?;
                for line in &failure.difference {
                    writeln!(page, "               differs   {}", told(&json!(line)))?;
                }
            }
            writeln!(page, "               expected  {}", told(&finding.expected))?;
            writeln!(
                page,
                "               got       {}",
                told(&relevant(&finding.expected, &finding.got))
            )
        }
    }
}

/// The messages that the plugin logged, each in a line.
fn messages(page: &mut String, finding: &Finding) -> std::fmt::Result {
    for Message { level, text } in &finding.messages {
        let label = format!("logged {level}");
        writeln!(page, "               {label:12}  {}", Escaped(text))?;
    }
    Ok(())
}

/// The relevant part of a result: the fields with an expectation, and the notes if some are forbidden. Of several
/// alternatives, the first counts.
fn relevant(expected: &Value, got: &Value) -> Value {
    let expected = expected.get(0).unwrap_or(expected);
    let mut relevant = as_far_as(expected, got);
    if expected.get("without_notes").is_some()
        && let Some(notes) = got.pointer("/returns/notes")
        && let Some(Value::Object(returns)) = relevant.get_mut("returns")
    {
        returns.insert("notes".to_owned(), notes.clone());
    }
    relevant
}

/// The fields of a result that have an expectation.
fn as_far_as(expected: &Value, got: &Value) -> Value {
    match (expected, got) {
        (Value::Object(expected), Value::Object(got))
            if expected.keys().any(|name| got.contains_key(name)) =>
        {
            let asked = got.iter().filter_map(|(name, got)| {
                let expected = expected.get(name)?;
                Some((name.clone(), as_far_as(expected, got)))
            });
            Value::Object(asked.collect())
        }
        (Value::Array(expected), Value::Array(got)) if expected.len() == got.len() => {
            // Effects are paired with the expectation of the same kind, in any order.
            let mut left: Vec<&Value> = got.iter().collect();
            let beside = expected.iter().map(|expected| {
                let place = left.iter().position(|got| is_alike(expected, got));
                as_far_as(expected, left.remove(place.unwrap_or(0)))
            });
            Value::Array(beside.collect())
        }
        _ => got.clone(),
    }
}

/// Returns `true` if both are objects with a field of the same name.
fn is_alike(expected: &Value, got: &Value) -> bool {
    match (expected, got) {
        (Value::Object(expected), Value::Object(got)) => {
            expected.keys().any(|name| got.contains_key(name))
        }
        _ => false,
    }
}

/// An expectation or a result in one line: `returns …, effects …`.
fn told(value: &Value) -> String {
    let told = match value {
        Value::String(text) => text.clone(),
        Value::Array(any_of) => any_of.iter().map(told).collect::<Vec<_>>().join("; or "),
        Value::Object(parts) => {
            let told = parts.iter().map(|(name, value)| match value {
                Value::Array(list) if list.is_empty() => format!("no {name}"),
                value => format!("{name} {value}"),
            });
            // The returned value comes first.
            let mut told: Vec<String> = told.collect();
            told.sort_by_key(|part| !part.starts_with("returns"));
            told.join(", ")
        }
        other => other.to_string(),
    };
    told.replace(mdm_conformance::SENT, "the new command")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_that_must_not_be_there_is_shown_though_nothing_else_is_expected_of_the_notes() {
        let expected = json!({
            "returns": {"verdict": "will-succeed"},
            "effects": [],
            "without_notes": ["no-expiry"],
        });
        let got = json!({
            "returns": {"verdict": "will-succeed", "remedy": null, "notes": ["no-expiry"]},
            "effects": [],
        });
        assert_eq!(
            told(&relevant(&expected, &got)),
            r#"returns {"notes":["no-expiry"],"verdict":"will-succeed"}, no effects"#
        );
    }

    #[test]
    fn where_one_of_several_things_is_expected_all_of_them_are_told() {
        let expected = json!([
            {"returns": {"err": "a"}, "effects": []},
            {"returns": {"err": "b"}, "effects": []},
        ]);
        let got = json!({"returns": {"err": "c"}, "effects": []});
        assert_eq!(
            told(&expected),
            r#"returns {"err":"a"}, no effects; or returns {"err":"b"}, no effects"#
        );
        assert_eq!(
            told(&relevant(&expected, &got)),
            r#"returns {"err":"c"}, no effects"#
        );
    }
}
