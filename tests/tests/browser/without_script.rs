//! A browser that runs no script: the pages are complete without it.

use mdm_tests::{
    browser::Browser,
    test_environment::{Make, TestEnvironment},
};

#[test]
fn a_reset_works_without_a_script_and_its_outcome_shows_after_a_reload() {
    let env = TestEnvironment::start().unwrap();
    let mut device = env.enroll(Make::default()).unwrap();
    let browser = Browser::without_script(&env).unwrap();
    browser.sign_in(&env).unwrap();
    browser.click("phone").unwrap();
    // With a script, times are as the admin's own clock has them.
    assert!(browser.page().unwrap().contains(" UTC"), "scripts run");
    browser.click("Actions").unwrap();
    browser.click("Reset Password").unwrap();
    browser.fill("New password", "1234").unwrap();
    browser.click("CONFIRM").unwrap();
    browser.sees_in("Status", "PENDING").unwrap();
    let command = crate::history(&env, &device).remove(0);
    device.switch_on().unwrap();
    env.outcome(&device, &command).unwrap();
    browser.reload().unwrap();
    browser.sees_in("Status", "SUCCESS").unwrap();
    browser.click("Actions").unwrap();
    browser.click("Remove Password").unwrap();
    browser.click("CONFIRM").unwrap();
    browser.sees_in("Status", "Remove Password").unwrap();
}
