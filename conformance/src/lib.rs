//! The conformance kit: tests plugins and hosts against the contract.
//!
//! For plugins, the cases ([`cases`]) are data; each is one call in one situation. Random sequences of calls are compared with a
//! model of the rules. Choices that the contract leaves to the implementation are not judged but reported, to help in
//! choosing a plugin. For hosts, a probe tries to break each promise: [`check_host`].

mod base;
mod call;
mod case;
mod difference;
mod finding;
mod host_kit;
mod judge;
mod judge_case;
mod model;
mod own_cases;
mod own_rule;
mod sequence;
mod situation;
mod step;
mod thoroughness;

pub use base::{base_request, base_situation};
pub use call::{Answer, Call, SENT};
pub use case::{Case, Expectation, cases, rules, version};
pub use finding::{CaseFailure, Finding, Verdict};
pub use host_kit::{HostFinding, HostKitError, HostReport, HostVerdict, ProgramError, check_host};
pub use own_cases::OwnCases;
pub use situation::Situation;
pub use thoroughness::Thoroughness;

use self::judge_case::{judge_case, outcome};
use mdm_contract::{Characters, PasswordRule, Request};
use mdm_password_host::{Plugin, password::Password};
use serde::Serialize;
use serde_json::json;

/// The findings of the kit about a plugin.
#[derive(Clone, Debug, Serialize)]
pub struct Conformance {
    /// SHA-256 of the component, in hex.
    pub digest: String,
    /// The version of the contract that it implements.
    pub contract: String,
    /// The seed of the sequences.
    pub seed: u64,
    /// The password rule of the cases: the plugin accepts a password under it.
    pub password_rule: PasswordRule,
    /// One for each case, and one for the sequences.
    pub findings: Vec<Finding>,
}

impl Conformance {
    /// Returns `true` if nothing failed.
    pub fn is_conforming(&self) -> bool {
        self.failures().next().is_none()
    }

    /// The findings that failed.
    pub fn failures(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|it| it.is_failed())
    }
}

/// Password rules, each with a password. The kit uses the first that the plugin accepts.
const PASSWORDS: [(Characters, u32, u32, &str); 6] = [
    (Characters::Digits, 4, 4, "7294"),
    (Characters::Digits, 6, 6, "729418"),
    (Characters::Digits, 8, 8, "72941863"),
    (Characters::Digits, 16, 16, "7294186350417293"),
    (Characters::Alphanumeric, 8, 16, "vE9kq0Lz"),
    (Characters::Alphanumeric, 8, 16, "vE9#kq0LzP2w!xT7"),
];

/// Checks a plugin against the contract.
pub fn check(plugin: &Plugin, thoroughness: &Thoroughness) -> serde_json::Result<Conformance> {
    let mut base = base_situation()?;
    let reset = Call::reset()?;
    let accepted = accepted_password(plugin, &base, &reset);
    let mut findings = vec![default_settings(plugin)];
    if accepted.is_none() {
        let (answer, messages) = reset.run_with_messages(plugin, &base);
        findings.push(Finding {
            rule: Some(1),
            case: "some password is accepted under some rule for passwords".into(),
            verdict: Verdict::Fail,
            expected: json!({"returns": {"ok": SENT}}),
            got: outcome(answer.as_ref().map_err(ToString::to_string)),
            messages: messages.lines,
            failure: None,
        });
    }
    let (password, password_rule) = accepted.unwrap_or_else(|| {
        let (rule, password) = candidate(&PASSWORDS[0]);
        (password, rule)
    });
    let mut in_groups = Vec::new();
    for mut case in cases()? {
        if !case.names_password {
            case.situation.with_password(&password, &password_rule);
        }
        if !thoroughness.groups.is_empty() {
            let case = case.in_groups(&thoroughness.groups);
            in_groups.push(judge_case(plugin, &case, (&password, &password_rule)));
        }
        findings.push(judge_case(plugin, &case, (&password, &password_rule)));
    }
    findings.extend(failed_in_groups(in_groups, &thoroughness.groups));
    base.with_password(&password, &password_rule);
    base.device.groups.clone_from(&thoroughness.groups);
    findings.push(sequences(plugin, (&base, &base_request()?), thoroughness));
    Ok(Conformance {
        digest: plugin.digest(),
        contract: plugin.contract().to_owned(),
        seed: thoroughness.seed,
        password_rule,
        findings,
    })
}

/// The check that the plugin accepts its own default settings: every host begins with them.
fn default_settings(plugin: &Plugin) -> Finding {
    let defaults = &plugin.description().default_settings;
    let met = Finding::met("the plugin accepts its default settings".into());
    match plugin.with_settings(defaults) {
        Ok(_) => met,
        Err(error) => Finding {
            verdict: Verdict::Fail,
            expected: json!("no fault"),
            got: json!(error.to_string()),
            ..met
        },
    }
}

fn candidate(
    (characters, minimum_length, maximum_length, password): &(Characters, u32, u32, &str),
) -> (PasswordRule, Password) {
    let rule = PasswordRule {
        characters: *characters,
        minimum_length: *minimum_length,
        maximum_length: *maximum_length,
    };
    (rule, situation::password(password))
}

fn accepted_password(
    plugin: &Plugin,
    base: &Situation,
    reset: &Call,
) -> Option<(Password, PasswordRule)> {
    PASSWORDS.iter().find_map(|it| {
        let (rule, password) = candidate(it);
        let mut situation = base.clone();
        situation.with_password(&password, &rule);
        let is_accepted = match reset.run(plugin, &situation) {
            Ok(answer) => answer.returned.get("ok").is_some(),
            // It accepted the password; the cases judge the rest.
            Err(error) => error.invariant().is_some(),
        };
        is_accepted.then_some((password, rule))
    })
}

/// The base situation, with a password rule and a password that the plugin accepts. `None` if it accepts none of the
/// kit's.
pub fn acceptable(plugin: &Plugin) -> serde_json::Result<Option<Situation>> {
    let mut situation = base_situation()?;
    let accepted = accepted_password(plugin, &situation, &Call::reset()?);
    Ok(accepted.map(|(password, rule)| {
        situation.with_password(&password, &rule);
        situation
    }))
}

/// The failed ones of the cases that were run again in groups, or one line if none failed.
fn failed_in_groups(mut findings: Vec<Finding>, groups: &[String]) -> Vec<Finding> {
    if findings.is_empty() {
        return findings;
    }
    findings.retain(|finding| finding.verdict == Verdict::Fail);
    if findings.is_empty() {
        let groups = groups.join(", ");
        findings.push(Finding::met(format!(
            "all cases again, for a device in {groups}"
        )));
    }
    findings
}

fn sequences(
    plugin: &Plugin,
    start: (&Situation, &Request),
    thoroughness: &Thoroughness,
) -> Finding {
    let Thoroughness {
        seed, sequences, ..
    } = thoroughness;
    match sequence::find_mismatch(plugin, start, thoroughness) {
        None => Finding::met(format!(
            "{sequences} random sequences of calls, seed {seed}"
        )),
        Some(mismatch) => Finding {
            rule: Some(mismatch.rule),
            case: format!(
                "a random sequence, seed {seed}: {}",
                mismatch.steps.join(", then ")
            ),
            verdict: Verdict::Fail,
            expected: mismatch.expected,
            got: mismatch.got,
            messages: Vec::new(),
            failure: None,
        },
    }
}
