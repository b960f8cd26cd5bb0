//! Mistakes of one admin, and conflicts between two admins.

use crate::{history, start};
use mdm_tests::{
    browser::Browser,
    test_environment::{Device, Make},
};

fn open_reset(browser: &Browser, device: &Device) {
    let path = format!("/devices/{}/reset", device.id);
    browser.open(&path).unwrap();
}

#[test]
fn the_browser_does_not_send_a_password_that_breaks_the_rule() {
    let (env, device, browser) = start(Make::default());
    open_reset(&browser, &device);
    browser.sees("exactly 4 digits").unwrap();
    browser.fill("New password", "12").unwrap();
    browser.click("CONFIRM").unwrap();
    let invalid = browser
        .run("return document.querySelector('input:invalid').id")
        .unwrap();
    assert_eq!(invalid, "password");
    assert!(history(&env, &device).is_empty());
}

#[test]
fn the_error_of_a_refused_password_is_shown_beside_its_field_and_the_form_keeps_all_but_the_password()
 {
    let (env, device, browser) = start(Make::default());
    open_reset(&browser, &device);
    let blindly = "document.getElementById('reset').noValidate = true";
    browser.run(blindly).unwrap();
    browser.fill("New password", "7k").unwrap();
    browser.fill("Reason", "Left in a taxi").unwrap();
    browser.click("CONFIRM").unwrap();
    browser.sees("Only digits").unwrap();
    let beside = browser
        .run("return document.getElementById('password-fault').innerText")
        .unwrap();
    assert!(beside.as_str().unwrap().contains("digits"), "{beside}");
    assert_eq!(browser.value("Reason").unwrap(), "Left in a taxi");
    assert_eq!(browser.value("New password").unwrap(), "");
    assert!(!browser.source().unwrap().contains("7k"));
    assert!(history(&env, &device).is_empty());
}

#[test]
fn a_double_click_on_confirm_makes_one_command() {
    let (env, device, browser) = start(Make::default());
    open_reset(&browser, &device);
    browser.fill("New password", "1234").unwrap();
    browser.double_click("CONFIRM").unwrap();
    browser.sees_in("Status", "PENDING").unwrap();
    assert_eq!(history(&env, &device).len(), 1);
}

#[test]
fn a_form_that_is_sent_twice_at_once_makes_one_command_and_no_refusal() {
    let (env, device, browser) = start(Make::default());
    open_reset(&browser, &device);
    browser.fill("New password", "1234").unwrap();
    let twice = "const form = document.getElementById('reset'); \
                 const body = new URLSearchParams(new FormData(form)); \
                 const send = () => fetch(form.action, { method: 'POST', body }).then((it) => it.status); \
                 return Promise.all([send(), send()])";
    assert_eq!(browser.run(twice).unwrap(), serde_json::json!([200, 200]));
    assert_eq!(history(&env, &device).len(), 1);
}

#[test]
fn a_reset_from_an_outdated_page_is_refused_and_the_form_is_shown_again() {
    let (env, device, browser) = start(Make::default());
    open_reset(&browser, &device);
    let other = ["password", "reset", &device.id, "--yes"];
    env.ask(&other, "4321").unwrap();
    browser.fill("New password", "1234").unwrap();
    browser.click("CONFIRM").unwrap();
    browser.sees("The device has changed since").unwrap();
    assert_eq!(history(&env, &device).len(), 1);

    browser.fill("New password", "1234").unwrap();
    browser.tick("Replace the pending command").unwrap();
    browser.click("CONFIRM").unwrap();
    browser.sees_in("Status", "PENDING").unwrap();
    let history = history(&env, &device);
    let replaced = history
        .iter()
        .filter(|it| !it["status"]["failed"]["superseded"].is_null());
    assert_eq!((history.len(), replaced.count()), (2, 1));
}

#[test]
fn a_failed_sign_in_shows_an_error_and_signs_nobody_in() {
    let (_lab, device, browser) = start(Make::default());
    browser.click("Sign out").unwrap();
    let path = format!("/devices/{}", device.id);
    browser.open(&path).unwrap();
    assert_eq!(browser.path().unwrap(), "/sign-in");
    browser.fill("Name", "admin").unwrap();
    browser.fill("Password", "guessed").unwrap();
    browser.click("Sign in").unwrap();
    browser.sees("Wrong name or password").unwrap();
    assert!(!browser.source().unwrap().contains("guessed"));
}
