//! A device that changes its keys: no command is lost, whenever the power is cut.

use mdm_tests::{
    as_agent::AsAgent,
    test_environment::{Device, Make, TestEnvironment, text, wait_until},
};
use serde_json::json;
use std::{
    thread,
    time::{Duration, Instant},
};

/// Changes the keys, and says whether that came to its end.
fn rotate(phone: &Device, options: &[&str]) -> bool {
    let rotate = [&["rotate-keys"], options].concat();
    let output = phone.by_hand(&rotate, "").unwrap();
    let cut_off = text(&output).contains("lost its power");
    assert_eq!(cut_off, !options.is_empty(), "{}", text(&output));
    output.status.success()
}

#[test]
fn a_command_that_was_pending_when_the_keys_were_changed_is_carried_out() {
    for held in [false, true] {
        let env = TestEnvironment::start().unwrap();
        let mut phone = env.enroll(Make::default()).unwrap();
        let reset = ["password", "reset", &phone.id.clone(), "--yes"];
        let command = env.ask(&reset, "1234").unwrap();
        if held {
            // Its agent has taken the command, and its power is cut before it has carried it out.
            phone
                .switch_on_with(&["--power-cut-at", "journal"])
                .unwrap();
            wait_until("the power cut", || Ok(!phone.is_on()?)).unwrap();
        }
        assert!(rotate(&phone, &[]));
        assert!(rotate(&phone, &[]), "and once more");
        phone.switch_on().unwrap();
        let outcome = env.outcome(&phone, &command).unwrap();
        assert_eq!(outcome["status"], "success", "{outcome}");
        let next = env.ask(&reset, "4321").unwrap();
        let outcome = env.outcome(&phone, &next).unwrap();
        assert_eq!(outcome["status"], "success", "{outcome}");
    }
}

#[test]
fn a_power_cut_while_the_keys_are_changed_loses_neither_the_device_nor_a_command() {
    for step in ["prepare", "tell"] {
        let env = TestEnvironment::start().unwrap();
        let mut phone = env.enroll(Make::default()).unwrap();
        let reset = ["password", "reset", &phone.id.clone(), "--yes"];
        let command = env.ask(&reset, "1234").unwrap();
        assert!(!rotate(&phone, &["--power-cut-at", step]));
        phone.switch_on().unwrap();
        let outcome = env.outcome(&phone, &command).unwrap();
        assert_eq!(outcome["status"], "success", "{step}: {outcome}");
    }
}

#[test]
fn a_sync_that_waits_with_the_key_from_before_a_rotation_ends_at_the_rotation() {
    let env = TestEnvironment::start().unwrap();
    let phone = env.enroll(Make::default()).unwrap();
    let thief = AsAgent::of(&env, &phone).unwrap();
    let waiting = thread::spawn(move || {
        let body = json!({"device_info": thief.device_info, "wait_seconds": 30});
        thief.sync(&body).unwrap()
    });
    env.wait_online(&phone).unwrap();
    assert!(rotate(&phone, &[]));
    let begin = Instant::now();
    let (status, problem) = waiting.join().unwrap();
    assert!(begin.elapsed() < Duration::from_secs(5), "it waited on");
    let kind = json!("keys-rotated");
    assert_eq!((status, &problem["type"]), (401, &kind), "{problem}");
}

#[test]
fn a_running_agent_goes_on_with_keys_that_are_changed_under_it() {
    let env = TestEnvironment::start().unwrap();
    let mut phone = env.enroll(Make::default()).unwrap();
    phone.switch_on().unwrap();
    for password in ["1234", "4321", "1111"] {
        assert!(rotate(&phone, &[]));
        let reset = ["password", "reset", &phone.id, "--yes"];
        let command = env.ask(&reset, password).unwrap();
        let outcome = env.outcome(&phone, &command).unwrap();
        assert_eq!(outcome["status"], "success", "{outcome}");
    }
}
