//! The kit can fail: for each rule there is a plugin that breaks it and no other.

use mdm_conformance::{Call, Conformance, Finding, Thoroughness, Verdict};
use mdm_password_component::REFERENCE;
use mdm_password_host::{Limits, Runtime};
use mdm_tests::plugins::{
    BREACHES, CHOICES, CORPORATE, NEXT, REFUSES_ALL_BUT_RESETS, SKIPS_CONFLICTS_IN_VIP, breaking,
    breaking_by,
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, time::Duration};

const THOROUGH: Thoroughness = Thoroughness {
    seed: 7,
    sequences: 300,
    shrink: true,
    groups: Vec::new(),
};

pub(crate) fn check(component: &[u8]) -> Conformance {
    check_by(component, &THOROUGH)
}

fn check_by(component: &[u8], thoroughness: &Thoroughness) -> Conformance {
    let limits = Limits {
        instances: 2,
        // The kit is about what a plugin decides, and not about how busy this machine is.
        time: Duration::from_secs(5),
        ..Limits::default()
    };
    let plugin = Runtime::new(limits).unwrap().load(component, None).unwrap();
    mdm_conformance::check(&plugin, thoroughness).unwrap()
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
fn a_plugin_that_chooses_otherwise_than_the_reference_where_it_may_conforms() {
    for way in CHOICES.chars() {
        assert_conforms(&check(&breaking_by(0, way)));
    }
}

#[test]
fn a_rule_of_its_own_that_is_asked_first_is_told_of_and_neither_passes_nor_fails() {
    let conformance = check(&breaking_by(0, 'd'));
    for case in [
        "a second reset is refused, and the pending command is named",
        "the preview says that a command is pending, and to complete it",
    ] {
        let found = conformance.findings.iter().find(|it| it.case == case);
        assert_eq!(found.unwrap().verdict, Verdict::OwnRule, "{case}");
    }
}

#[test]
fn a_plugin_that_breaks_a_rule_is_caught_by_the_cases_of_that_rule_and_no_others() {
    let broken = BREACHES.map(|(rule, _)| rule);
    assert!(mdm_conformance::rules().unwrap().into_keys().eq(broken));
    for (rule, way) in BREACHES
        .into_iter()
        .flat_map(|(rule, ways)| ways.chars().map(move |way| (rule, way)))
    {
        let conformance = check(&breaking_by(rule, way));
        let is_case = |it: &&Finding| !it.case.starts_with("a random sequence");
        let failures: Vec<&Finding> = conformance.failures().filter(is_case).collect();
        let rules: BTreeSet<Option<u8>> = failures.iter().map(|it| it.rule).collect();
        assert_eq!(
            rules,
            BTreeSet::from([Some(rule)]),
            "{rule}{way}: {failures:#?}"
        );
    }
}

#[test]
fn in_its_own_words_a_plugin_may_refuse_a_reset_and_nothing_else() {
    let conformance = check(&breaking(REFUSES_ALL_BUT_RESETS));
    let is_no_reset = |call: &Call| {
        matches!(
            call,
            Call::Remove { .. } | Call::Report { .. } | Call::Cancel | Call::Expire
        )
    };
    let cases = mdm_conformance::cases().unwrap();
    let must_fail: BTreeSet<&str> = cases
        .iter()
        .filter(|it| is_no_reset(&it.call) && !it.expect.is_empty())
        .map(|it| it.case.as_str())
        .collect();
    let (sequence, findings) = conformance.findings.split_last().unwrap();
    let failed = findings.iter().filter(|it| it.verdict == Verdict::Fail);
    let failed: BTreeSet<&str> = failed.map(|it| it.case.as_str()).collect();
    assert_eq!(failed, must_fail);
    assert_eq!(sequence.verdict, Verdict::Fail, "{sequence:#?}");
}

#[test]
fn a_rule_of_its_own_is_told_of_by_the_reset_and_its_preview_alike() {
    for (rule, way, case, told) in [
        (
            4,
            'b',
            "a reset is accepted all the same",
            json!({"its preview returns": {"verdict": {"will-fail": "not-supported"}}}),
        ),
        (
            12,
            'b',
            "API 34, device-owner: without a secure lock screen a reset will fail",
            json!({"the reset returns": {"ok": mdm_conformance::SENT}}),
        ),
    ] {
        let conformance = check(&breaking_by(rule, way));
        let found = conformance.findings.iter().find(|it| it.case == case);
        let found = found.unwrap();
        assert_eq!(found.verdict, Verdict::Fail, "{found:#?}");
        for (call, returned) in told.as_object().unwrap() {
            let got = found.got[call].as_object().unwrap();
            let is_told = |(name, value): (&String, &Value)| got.get(name) == Some(value);
            assert!(
                returned.as_object().unwrap().iter().all(is_told),
                "{found:#?}"
            );
            assert!(
                found.expected[call].to_string().contains("other"),
                "{found:#?}"
            );
        }
    }
}

/// Rules whose breach shows over a course of calls, and not only in a single one.
#[test]
fn random_sequences_find_a_broken_rule_by_themselves_and_shrink_to_the_point() {
    for (rule, way, most_steps) in [
        (2, 'a', 3),
        (5, 'a', 2),
        (6, 'a', 3),
        (7, 'a', 1),
        (8, 'a', 5),
        (9, 'a', 4),
        (10, 'a', 1),
        (10, 'c', 1),
        (10, 'd', 1),
        (10, 'e', 1),
        (11, 'a', 2),
        (11, 'b', 2),
    ] {
        let conformance = check(&breaking_by(rule, way));
        let sequence = conformance.findings.last().unwrap();
        assert_eq!(sequence.rule, Some(rule), "{rule}{way}: {sequence:#?}");
        let (_, steps) = sequence.case.split_once(": ").unwrap();
        let steps = steps.split(", then ").count();
        assert!(steps <= most_steps, "not to the point: {}", sequence.case);
        assert!(sequence.case.contains("seed 7"), "{}", sequence.case);
    }
}

#[test]
fn a_check_that_need_not_be_read_shrinks_nothing_and_finds_the_same() {
    let thoroughness = Thoroughness {
        shrink: false,
        ..THOROUGH
    };
    let quick = check_by(&breaking(8), &thoroughness);
    let full = check(&breaking(8));
    let verdicts = |it: &Conformance| it.findings.iter().map(|it| it.verdict).collect::<Vec<_>>();
    assert_eq!(verdicts(&quick), verdicts(&full));
    let steps = |it: &Conformance| it.findings.last().unwrap().case.matches(", then ").count();
    assert!(steps(&quick) > steps(&full), "{:#?}", quick.findings.last());
}

#[test]
fn a_plugin_that_breaks_a_rule_in_one_group_is_caught_if_the_kit_is_told_of_the_group() {
    let wrong = breaking(SKIPS_CONFLICTS_IN_VIP);
    let in_groups = |groups: &[&str]| {
        let thoroughness = Thoroughness {
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            ..THOROUGH
        };
        check_by(&wrong, &thoroughness)
    };
    assert_conforms(&in_groups(&[]));
    assert_conforms(&in_groups(&["sales"]));
    let conformance = in_groups(&["sales", "vip"]);
    let failures: Vec<&Finding> = conformance.failures().collect();
    assert!(
        failures
            .iter()
            .any(|it| it.case.ends_with("for a device in sales, vip")),
        "{failures:#?}"
    );
    assert!(
        failures.iter().all(|it| it.rule == Some(11)),
        "{failures:#?}"
    );
    let sequence = conformance.findings.last().unwrap();
    assert_eq!(sequence.verdict, Verdict::Fail, "{sequence:#?}");
}

#[test]
fn the_same_seed_finds_the_same_sequence() {
    let find = || check(&breaking(8)).findings.last().unwrap().case.clone();
    assert_eq!(find(), find());
}
