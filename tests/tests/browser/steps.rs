//! The steps of the feature, as an admin takes them.

use crate::start;
use mdm_tests::test_environment::{Make, wait_until};

/// Marks the page that is loaded: a reload would lose it.
const MARK: &str = "window.marked = true";
const IS_MARKED: &str = "return window.marked === true";

#[test]
fn a_reset_goes_from_pending_to_success_before_the_admins_eyes_and_a_remove_ends_its_override() {
    let (env, mut device, browser) = start(Make::default());
    let policy = ["--quality", "numeric-complex", "--minimum-length", "6"];
    let set = ["policy", "set", &device.id];
    env.ask(&[&set[..], &policy].concat(), "").unwrap();

    browser.click("Devices").unwrap();
    browser.click("phone").unwrap();
    browser.sees_in("Policy", "NO PASSWORD SET").unwrap();
    browser.click("Actions").unwrap();
    browser.click("Reset Password").unwrap();
    browser.fill("New password", "1234").unwrap();
    browser.click("CONFIRM").unwrap();
    browser.sees_in("Status", "PENDING").unwrap();

    browser.run(MARK).unwrap();
    device.switch_on().unwrap();
    browser.sees_in("Status", "SUCCESS").unwrap();
    browser.sees_in("Policy", "OVERRIDDEN").unwrap();
    assert_eq!(browser.run(IS_MARKED).unwrap(), true, "it was reloaded");
    assert!(device.opens_with("1234").unwrap());

    browser.click("Actions").unwrap();
    browser.click("Remove Password").unwrap();
    browser.click("CONFIRM").unwrap();
    browser.sees_in("Status", "Remove Password").unwrap();
    browser.sees_in("Status", "SUCCESS").unwrap();
    browser.sees_in("Policy", "NO PASSWORD SET").unwrap();
    wait_until("the phone prompts its user", || {
        Ok(device.show()?["prompted"] == true)
    })
    .unwrap();
}

#[test]
fn the_list_of_devices_follows_a_command_without_a_reload() {
    let (env, mut device, browser) = start(Make::default());
    browser.sees("NO COMMAND").unwrap();
    browser.run(MARK).unwrap();
    let reset = ["password", "reset", &device.id, "--yes"];
    env.ask(&reset, "1234").unwrap();
    browser.sees("PENDING").unwrap();
    device.switch_on().unwrap();
    browser.sees("SUCCESS").unwrap();
    assert_eq!(browser.run(IS_MARKED).unwrap(), true, "it was reloaded");
}

#[test]
fn a_failed_reset_says_why_and_what_to_do() {
    let (env, mut device, browser) = start(Make {
        user_password: Some("8642"),
        ..Make::default()
    });
    device.switch_on().unwrap();
    env.wait_online(&device).unwrap();
    browser.click("phone").unwrap();
    browser.sees_in("A reset now", "WILL FAIL").unwrap();
    browser.click("Actions").unwrap();
    browser.click("Reset Password").unwrap();
    browser.sees_in("Preview for phone", "What to do").unwrap();
    browser.fill("New password", "1234").unwrap();
    browser.click("CONFIRM").unwrap();
    browser.sees_in("Status", "FAILED").unwrap();
    let status = browser.part("Status").unwrap();
    assert!(
        status.contains("before the reset token was active"),
        "{status}"
    );
    assert!(status.contains("What to do:"), "{status}");
    assert!(device.opens_with("8642").unwrap());
}

#[test]
fn remove_is_offered_only_where_there_is_something_to_remove() {
    let (env, mut device, browser) = start(Make::default());
    device.switch_on().unwrap();
    env.wait_online(&device).unwrap();
    browser.click("phone").unwrap();
    browser.click("Actions").unwrap();
    assert!(browser.offers("Reset Password"));
    assert!(!browser.offers("Remove Password"));
    let set = ["policy", "set", &device.id, "--quality", "numeric"];
    env.ask(&set, "").unwrap();
    wait_until("the open menu offers it", || {
        Ok(browser.offers("Remove Password"))
    })
    .unwrap();
}
