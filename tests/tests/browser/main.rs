//! The dashboard in a real browser, in front of a real host and real agents.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod accessibility;
mod bad_input;
mod states;
mod steps;
mod without_script;

use mdm_tests::{
    browser::Browser,
    test_environment::{Device, Make, TestEnvironment},
};
use serde_json::Value;

/// A host, a device whose agent is not switched on yet, and a browser where the admin is signed in.
fn start(make: Make<'_>) -> (TestEnvironment, Device, Browser) {
    let env = TestEnvironment::start().unwrap();
    let device = env.enroll(make).unwrap();
    let browser = Browser::start(&env).unwrap();
    browser.sign_in(&env).unwrap();
    (env, device, browser)
}

/// The commands that a device ever had, as the host tells them.
fn history(env: &TestEnvironment, device: &Device) -> Vec<Value> {
    let status = env.ask(&["password", "status", &device.id], "").unwrap();
    status["history"].as_array().unwrap().clone()
}
