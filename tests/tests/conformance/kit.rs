//! The kit can fail: for each rule there is a plugin that breaks it and no other.

use mdm_host::{
    conformance::{self, Conformance, Finding, Thoroughness, Verdict},
    plugin::{Limits, REFERENCE, Runtime},
};
use mdm_tests::plugins::{CORPORATE, NEXT, breaking};
use std::collections::BTreeSet;

pub(crate) fn check(component: &[u8]) -> Conformance {
    let limits = Limits {
        instances: 2,
        ..Limits::default()
    };
    let plugin = Runtime::new(limits).unwrap().load(component, None).unwrap();
    let thoroughness = Thoroughness {
        seed: 7,
        sequences: 300,
    };
    conformance::check(&plugin, thoroughness).unwrap()
}

#[track_caller]
pub(crate) fn assert_conforms(conformance: &Conformance) {
    let failures: Vec<&Finding> = conformance.failures().collect();
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn the_reference_plugin_conforms() {
    assert_conforms(&check(REFERENCE));
}

#[test]
fn the_corporate_plugin_conforms_with_rules_of_its_own() {
    let conformance = check(CORPORATE);
    assert_conforms(&conformance);
    let is_own = |it: &&Finding| it.verdict == Verdict::OwnRule;
    let own: Vec<_> = conformance.findings.iter().filter(is_own).collect();
    assert!(
        !own.is_empty(),
        "its rules are stricter than the contract's"
    );
    assert!(
        own.iter()
            .all(|it| it.got.to_string().contains("password-refused")),
        "{own:#?}"
    );
}

#[test]
fn a_plugin_of_a_later_contract_conforms_to_this_one() {
    let conformance = check(NEXT);
    assert_conforms(&conformance);
    assert_eq!(conformance.contract, "1.1.0");
}

#[test]
fn the_source_of_the_wrong_plugins_conforms_as_long_as_it_breaks_no_rule() {
    assert_conforms(&check(&breaking(0)));
}

#[test]
fn a_plugin_that_breaks_a_rule_is_caught_by_the_cases_of_that_rule_and_no_others() {
    for rule in conformance::rules().unwrap().into_keys() {
        let conformance = check(&breaking(rule));
        let failures: Vec<&Finding> = conformance.failures().collect();
        let rules: BTreeSet<Option<u8>> = failures.iter().map(|it| it.rule).collect();
        assert_eq!(rules, BTreeSet::from([Some(rule)]), "{failures:#?}");
        let is_case = |it: &&&Finding| !it.case.starts_with("a random sequence");
        assert!(
            failures.iter().filter(is_case).count() > 0,
            "rule {rule} was caught by chance only"
        );
    }
}

/// Rules whose breach shows over a course of calls, and not only in a single one.
#[test]
fn random_sequences_find_a_broken_rule_by_themselves_and_shrink_to_the_point() {
    for (rule, most_steps) in [
        (2, 3),
        (5, 2),
        (6, 2),
        (7, 1),
        (8, 5),
        (9, 4),
        (10, 1),
        (11, 2),
    ] {
        let conformance = check(&breaking(rule));
        let sequence = conformance.findings.last().unwrap();
        assert_eq!(sequence.rule, Some(rule), "{sequence:#?}");
        let (_, steps) = sequence.case.split_once(": ").unwrap();
        let steps = steps.split(", then ").count();
        assert!(steps <= most_steps, "not to the point: {}", sequence.case);
        assert!(sequence.case.contains("seed 7"), "{}", sequence.case);
    }
}

#[test]
fn the_same_seed_finds_the_same_sequence() {
    let find = || check(&breaking(8)).findings.last().unwrap().case.clone();
    assert_eq!(find(), find());
}
