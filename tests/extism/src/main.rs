//! Bench: a reset on a fresh instance of ours, against the same rules in Extism on a reused instance, in turns in one
//! process. `cargo xtask bench` runs it.
//!
//! Extism's plugin gets one JSON document and returns one, and calls no import. The host's work per call counts on both
//! sides: the password metrics, and the command's id.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code)]
#[path = "../guest/src/facts.rs"]
mod facts;
#[path = "../../benches/reset/sample.rs"]
mod sample;
#[path = "../../benches/reset/turns.rs"]
mod turns;

use extism::{Manifest, Wasm, convert::Json};
use facts::{Asked, Decision};
use mdm_password_host::password::Password;
use std::time::Duration;

const GUEST: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/mdm-extism-guest.wasm"));

/// The calls of a measurement.
const CALLS: usize = 100;

fn main() {
    let ours = sample::plugin();
    let manifest = Manifest::new([Wasm::data(GUEST)]);
    let mut extism = extism::Plugin::new(manifest, [], false).expect("Extism's plugin");
    let password = sample::password();

    let mut fresh = || {
        per_call(turns::calls(CALLS, sample::context, |context| {
            sample::fresh(&ours, context)
        }))
    };
    let mut reused = || {
        per_call(turns::calls(CALLS, sample::context, |context| {
            reset(&mut extism, &password, context.situation.now)
        }))
    };
    let [fresh, reused] = turns::medians([&mut fresh, &mut reused]);

    println!("\n| metrics | against | goal | measured |\n| --- | --- | --- | --- |");
    println!(
        "| reset, fresh instance per call: {fresh:.1} µs | Extism 1.30 on a reused instance, JSON: {reused:.1} µs | ≤ 0.6× | {:.2}× |",
        fresh / reused
    );
}

/// In microseconds.
fn per_call(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6 / CALLS as f64
}

/// A reset by Extism's plugin: the command, and its id.
fn reset(plugin: &mut extism::Plugin, password: &Password, now: u64) -> (Decision, String) {
    let measured = password.metrics();
    let asked = Asked {
        device: facts::Device {
            id: "0198c1de-0000-7000-8000-000000000001".into(),
            api_level: 34,
            agent_version: "6.9.0".into(),
            management_mode: facts::ManagementMode::DeviceOwner,
            managed_profile: false,
            groups: vec!["sales".into()],
            condition: facts::Condition {
                password_set: true,
                token: facts::TokenState::Active,
                unlocked_since_boot: true,
                direct_boot_aware: true,
                secure_lock_screen: true,
                other_admin_entry_pending: false,
            },
            last_sync: 1_700_000_000_000,
        },
        pending: None,
        password_rule: facts::PasswordRule {
            minimum_length: 4,
            maximum_length: 4,
        },
        minimum_agent_version: "6.9.0".into(),
        now,
        password: facts::PasswordMetrics {
            length: measured.length,
            digits: measured.digits,
            lower_case: measured.lower_case,
            upper_case: measured.upper_case,
            symbols: measured.symbols,
            others: measured.others,
            longest_sequence: measured.longest_sequence,
            longest_repeat: measured.longest_repeat,
            distinct: measured.distinct,
        },
        options: facts::ResetOptions {
            lock_now: false,
            require_entry: false,
            no_credentials_on_boot: false,
        },
        terms: facts::Terms {
            replaces: None,
            valid_for: None,
        },
    };
    let Json(decision) = plugin
        .call::<Json<Asked>, Json<Decision>>("reset", Json(asked))
        .expect("a decision");
    assert!(matches!(decision, Decision::Send { .. }), "it sends");
    (decision, uuid::Uuid::now_v7().to_string())
}
