//! The dashboard in a real browser, in front of a real host and real agents.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod accessibility;
mod bad_input;
mod states;
mod steps;
mod without_script;

use mdm_tests::{
    browser::Browser,
    lab::{Device, Lab, Make},
};
use serde_json::Value;

/// A host, a device whose agent is not switched on yet, and a browser where the admin is signed in.
fn start(make: Make<'_>) -> (Lab, Device, Browser) {
    let lab = Lab::start().unwrap();
    let device = lab.enroll(make).unwrap();
    let browser = Browser::start(&lab).unwrap();
    browser.sign_in(&lab).unwrap();
    (lab, device, browser)
}

/// The commands that a device ever had, as the host tells them.
fn history(lab: &Lab, device: &Device) -> Vec<Value> {
    let status = lab.ask(&["password", "status", &device.id], "").unwrap();
    status["history"].as_array().unwrap().clone()
}
