//! The examples in other languages, as `cargo xtask examples` has built them: each conforms, and has the
//! rule of its own that its README tells of.

use crate::kit::{assert_conforms, check};
use mdm_conformance::{Call, OwnCases, Situation};
use mdm_contract::Action;
use mdm_password_host::{Limits, Plugin, Runtime, inspect};
use serde_json::{Value, json};
use std::{env, fs, path::PathBuf};

/// The target folder.
pub(crate) fn target() -> PathBuf {
    let default = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target"));
    env::var_os("CARGO_TARGET_DIR").map_or_else(default, PathBuf::from)
}

fn example(language: &str) -> Vec<u8> {
    let file = target()
        .join("examples")
        .join(language)
        .with_extension("wasm");
    fs::read(&file).unwrap_or_else(|error| {
        panic!(
            "{}: {error}: build it with `cargo xtask examples`",
            file.display()
        )
    })
}

fn load(component: &[u8]) -> (Plugin, Situation) {
    let limits = Limits {
        instances: 2,
        ..Limits::default()
    };
    let plugin = Runtime::new(limits).unwrap().load(component, None).unwrap();
    let situation = mdm_conformance::acceptable(&plugin).unwrap().unwrap();
    (plugin, situation)
}

#[test]
fn the_own_cases_of_each_example_pass() {
    for (language, folder) in [
        ("rust", "rust"),
        ("c", "c"),
        ("js", "javascript"),
        ("ts", "typescript"),
        ("python", "python"),
    ] {
        let (plugin, _) = load(&example(language));
        let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");
        let file = format!("{examples}/{folder}/cases/own-rule.json");
        let own = OwnCases::parse(&fs::read_to_string(file).unwrap()).unwrap();
        let settings = own.settings.as_deref();
        let settings = settings.unwrap_or(&plugin.description().default_settings);
        let findings = own.run(&plugin.with_settings(settings).unwrap());
        assert_eq!(findings.len(), 2, "{language}");
        let failed: Vec<_> = findings.iter().filter(|it| it.is_failed()).collect();
        assert!(failed.is_empty(), "{language}: {failed:#?}");
    }
}

fn returned(plugin: &Plugin, situation: &Situation, call: &Call) -> Value {
    call.run(plugin, situation).unwrap().returned
}

fn preview_of_a_reset() -> Call {
    Call::Preview {
        action: Action::Reset,
        request: mdm_conformance::base_request().unwrap(),
    }
}

/// The refusal, which the preview of the same reset previews.
#[track_caller]
fn assert_refused(plugin: &Plugin, situation: &Situation, refusal: &Value) {
    assert_eq!(
        returned(plugin, situation, &Call::reset().unwrap()),
        json!({ "err": refusal })
    );
    let preview = returned(plugin, situation, &preview_of_a_reset());
    assert_eq!(preview["verdict"], json!({ "would-be-refused": refusal }));
}

#[track_caller]
fn assert_conforms_and_is_in(language: &str, component: &[u8]) {
    assert_conforms(&check(component));
    assert_eq!(
        inspect(component).unwrap().language.as_deref(),
        Some(language)
    );
}

#[test]
fn rust_the_project_that_a_newcomer_makes_conforms() {
    assert_conforms_and_is_in("Rust", &example("rust"));
}

#[test]
fn javascript_a_kiosk_is_reset_only_by_day() {
    kiosks_are_reset_only_by_day("js");
}

#[test]
fn typescript_a_kiosk_is_reset_only_by_day() {
    kiosks_are_reset_only_by_day("ts");
}

fn kiosks_are_reset_only_by_day(language: &str) {
    let component = example(language);
    assert_conforms_and_is_in("JavaScript", &component);
    let (plugin, mut situation) = load(&component);
    let refusal = json!({"other": "devices in kiosk are reset between 06:00 and 22:00 UTC"});
    let midnight = situation.now - situation.now % (24 * 3600 * 1000);
    for (group, seconds, is_refused) in [
        ("kiosk", 6 * 3600 - 1, true),
        ("kiosk", 6 * 3600, false),
        ("kiosk", 22 * 3600 - 1, false),
        ("kiosk", 22 * 3600, true),
        ("office", 3600, false),
    ] {
        situation.device.groups = vec![group.to_owned()];
        situation.now = midnight + seconds * 1000;
        if is_refused {
            assert_refused(&plugin, &situation, &refusal);
        } else {
            let told = returned(&plugin, &situation, &Call::reset().unwrap());
            assert!(told.get("ok").is_some(), "{group} {seconds}: {told}");
        }
    }
}

#[test]
fn python_a_school_refuses_runs_and_lets_a_reset_expire_after_a_week() {
    let component = example("python");
    assert_conforms_and_is_in("Python", &component);
    let (plugin, mut situation) = load(&component);
    let told = Call::reset().unwrap().run(&plugin, &situation).unwrap();
    let week = mdm_contract::time::rfc3339(situation.now + 7 * 24 * 3600 * 1000);
    assert_eq!(told.effects[0]["send"]["expires_at"], json!(week));
    for password in ["1239", "7779", "9642"] {
        situation.set_password(password);
        let refusal = json!({"password-refused": [{"other": "no runs such as 123 or 777"}]});
        assert_refused(&plugin, &situation, &refusal);
    }
}

#[test]
fn c_a_device_that_has_not_been_heard_of_for_a_month_is_not_reset() {
    let component = example("c");
    assert_conforms_and_is_in("C", &component);
    let (plugin, mut situation) = load(&component);
    let month = 30 * 24 * 3600 * 1000;
    situation.device.last_sync = situation.now - month;
    let told = returned(&plugin, &situation, &Call::reset().unwrap());
    assert!(told.get("ok").is_some(), "{told}");
    situation.device.last_sync -= 1;
    let text = "the device has not been heard of for 30 days: find it first";
    assert_refused(&plugin, &situation, &json!({ "other": text }));
}

#[test]
fn every_example_runs_on_as_many_instances_at_one_time_as_a_host_allows() {
    let limits = Limits {
        instances: 6,
        ..Limits::default()
    };
    for language in ["rust", "js", "ts", "python", "c"] {
        let runtime = Runtime::new(limits).unwrap();
        let plugin = runtime.load(&example(language), None).unwrap();
        let live: Vec<_> = (0..limits.instances)
            .map(|number| match plugin.instance() {
                Ok(instance) => instance,
                Err(error) => panic!("{language}, instance {number}: {error}"),
            })
            .collect();
        // A swap loads another plugin while all of them run.
        runtime.load(&example("rust"), None).unwrap();
        drop(live);
    }
}
