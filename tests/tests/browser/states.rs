//! The states that pages show: no page calls done, failed or enforced what is not.

use crate::{history, start};
use mdm_tests::{
    browser::Browser,
    test_environment::{Device, Make, TestEnvironment, wait_until},
};

fn in_sales() -> Make<'static> {
    Make {
        group: Some("sales"),
        ..Make::default()
    }
}

fn open(browser: &Browser, device: &Device, page: &str) {
    let path = format!("/devices/{}{page}", device.id);
    browser.open(&path).unwrap();
}

fn reset(env: &TestEnvironment, device: &Device, options: &[&str]) -> String {
    let reset = ["password", "reset", &device.id, "--yes"];
    let made = env.ask(&[&reset[..], options].concat(), "1234").unwrap();
    made["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_bulk_says_what_is_pending_and_is_done_once_nothing_is() {
    let (env, mut device, browser) = start(in_sales());
    let bulk = ["bulk", "reset", "sales", "--yes"];
    let bulk = env.ask(&bulk, "1234").unwrap();
    browser
        .open(&format!("/bulks/{}", bulk["id"].as_str().unwrap()))
        .unwrap();
    browser.sees_in("Progress", "WAITING FOR DEVICES").unwrap();
    let progress = browser.part("Progress").unwrap();
    assert!(
        progress.contains("0 of 1 devices have an outcome") && !progress.contains("DONE"),
        "{progress}"
    );
    device.switch_on().unwrap();
    browser.sees_in("Progress", "DONE").unwrap();
    browser
        .sees_in("Progress", "1 of 1 devices have an outcome")
        .unwrap();
}

#[test]
fn a_command_that_was_cancelled_or_has_expired_is_no_failure_of_the_device() {
    let (env, device, browser) = start(Make::default());
    let cancelled = reset(&env, &device, &[]);
    let cancel = ["password", "cancel", &device.id, &cancelled];
    env.ask(&cancel, "").unwrap();
    open(&browser, &device, "");
    let status = browser.part("Status").unwrap();
    assert!(status.contains("CANCELLED"), "{status}");
    assert!(
        !status.contains("FAILED") && !status.contains("Switch the device on"),
        "{status}"
    );
    let replaced = reset(&env, &device, &[]);
    let last = reset(
        &env,
        &device,
        &["--replaces", &replaced, "--valid-for", "1"],
    );
    wait_until("it has expired", || {
        let history = history(&env, &device);
        let command = history.iter().find(|it| it["id"] == last.as_str());
        Ok(command.is_some_and(|it| it["status"] != "pending"))
    })
    .unwrap();
    browser.sees_in("Status", "EXPIRED").unwrap();
    let status = browser.part("Status").unwrap();
    assert!(!status.contains("FAILED"), "{status}");
    let timeline = browser.part("History").unwrap();
    for badge in ["CANCELLED", "SUPERSEDED", "EXPIRED"] {
        assert!(timeline.contains(badge), "{timeline}");
    }
    assert!(!timeline.contains("FAILED"), "{timeline}");
    browser.open("/devices").unwrap();
    browser.sees("EXPIRED 1").unwrap();
    browser.sees("FAILED 0").unwrap();
}

#[test]
fn a_revoked_device_offers_no_command_and_counts_as_revoked() {
    let (env, mut device, browser) = start(Make::default());
    device.switch_on().unwrap();
    let made = reset(&env, &device, &[]);
    env.outcome(&device, &serde_json::json!({ "id": made }))
        .unwrap();
    env.ask(&["device", "revoke", &device.id], "").unwrap();
    open(&browser, &device, "");
    browser.sees_in("Status", "REVOKED").unwrap();
    for action in [
        "Actions",
        "Reset Password",
        "Remove Password",
        "Apply policy",
    ] {
        assert!(!browser.offers(action), "{action}");
    }
    let policy = browser.part("Policy").unwrap();
    assert!(
        !policy.contains("ENFORCED") && !policy.contains("OVERRIDDEN"),
        "{policy}"
    );
    for page in ["/reset", "/remove", "/policy"] {
        open(&browser, &device, page);
        browser.sees("was revoked").unwrap();
        assert!(!browser.offers("CONFIRM") && !browser.offers("Apply policy"));
    }
    browser.open("/devices").unwrap();
    browser.sees("REVOKED 1").unwrap();
    browser.sees("SUCCESS 0").unwrap();
}

#[test]
fn while_a_command_is_pending_the_page_of_a_device_and_the_form_of_a_reset_preview_the_same() {
    let (env, device, browser) = start(Make::default());
    reset(&env, &device, &[]);
    open(&browser, &device, "");
    let on_the_page = browser.part("A reset now").unwrap();
    open(&browser, &device, "/reset");
    let in_the_form = browser.part("Preview for phone").unwrap();
    let told = |part: &str| part.split_once('\n').unwrap().1.to_owned();
    assert_eq!(told(&on_the_page), told(&in_the_form));
    assert!(on_the_page.contains("WOULD BE REFUSED"), "{on_the_page}");
    assert!(
        on_the_page.contains("cancel it, or replace it"),
        "{on_the_page}"
    );
}

#[test]
fn a_policy_without_a_password_to_meet_it_is_not_shown_as_met() {
    let (env, mut device, browser) = start(Make::default());
    device.switch_on().unwrap();
    env.wait_online(&device).unwrap();
    let set = ["policy", "set", &device.id, "--quality", "numeric"];
    env.ask(&set, "").unwrap();
    open(&browser, &device, "");
    let policy = browser.part("Policy").unwrap();
    assert!(policy.contains("NO PASSWORD SET"), "{policy}");
    assert!(policy.contains("asked to set one"), "{policy}");
    device.must(&["user-sets-password"], "8642").unwrap();
    browser.sees_in("Policy", "ENFORCED").unwrap();
}

#[test]
fn a_minimum_length_that_the_quality_ignores_is_told_beside_the_field() {
    let (env, device, browser) = start(Make::default());
    open(&browser, &device, "/policy");
    browser
        .run("document.getElementById('requirement').value = 'quality something'")
        .unwrap();
    browser.fill("Minimum length", "8").unwrap();
    browser.click("Apply policy").unwrap();
    browser.sees("ignores a minimum length").unwrap();
    assert_eq!(browser.value("Minimum length").unwrap(), "8");
    let shown = env.ask(&["device", "show", &device.id], "").unwrap();
    assert!(shown["policy"].is_null(), "{shown}");
}
