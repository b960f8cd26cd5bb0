//! What a reset costs: through the component on a live instance and on a fresh one, beside the same
//! rules as native Rust; and what a cold start of the host costs. `cargo xtask bench` runs it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use divan::{Bencher, black_box};
use mdm_host::{
    password::Password,
    plugin::{CallContext, Limits, Plugin, REFERENCE, Runtime},
};
use mdm_plugin::rules::{self, types as contract};
use mdm_tests::lab;
use mdm_wire::{
    decisions::{Capabilities, Device, PasswordRule, Terms},
    words::{Condition, ManagementMode, ResetOptions, TokenState},
};
use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::Duration,
};
use tempfile::TempDir;
use zeroize::Zeroizing;

fn main() {
    divan::main();
}

fn plugin() -> Plugin {
    let runtime = Runtime::new(Limits::default()).expect("an engine");
    runtime.load(REFERENCE, None).expect("the reference plugin")
}

fn context() -> CallContext {
    CallContext {
        device: Device {
            id: "0198c1de-0000-7000-8000-000000000001".into(),
            api_level: 34,
            agent_version: "6.9.0".into(),
            management_mode: ManagementMode::DeviceOwner,
            managed_profile: false,
            groups: vec!["sales".into()],
            condition: Condition {
                password_set: true,
                token: TokenState::Active,
                unlocked_since_boot: true,
                direct_boot_aware: true,
                secure_lock_screen: true,
                other_admin_entry_pending: false,
                other_admin_policy: None,
            },
            last_sync: 1_700_000_000_000,
            policy: None,
            policy_override: None,
        },
        pending: None,
        latest: None,
        subject: None,
        password_rule: PasswordRule::default(),
        capabilities: Capabilities {
            lock_now: true,
            require_entry: true,
            no_credentials_on_boot: true,
            expiry: true,
        },
        online: true,
        now: 1_700_000_000_000,
        password: Some(Password::new(Zeroizing::new("1234".into()))),
        changes: Vec::new(),
    }
}

/// The same facts in the types of the plugin, for the native baseline.
fn situation() -> rules::Situation {
    rules::Situation {
        device: contract::Device {
            id: "0198c1de-0000-7000-8000-000000000001".into(),
            api_level: 34,
            agent_version: "6.9.0".into(),
            management_mode: contract::ManagementMode::DeviceOwner,
            managed_profile: false,
            groups: vec!["sales".into()],
            condition: contract::Condition {
                password_set: true,
                token: contract::TokenState::Active,
                unlocked_since_boot: true,
                direct_boot_aware: true,
                secure_lock_screen: true,
                other_admin_entry_pending: false,
                other_admin_policy: None,
            },
            last_sync: 1_700_000_000_000,
            policy: None,
            policy_override: None,
        },
        pending: None,
        password_rule: contract::PasswordRule {
            characters: contract::Characters::Digits,
            minimum_length: 4,
            maximum_length: 4,
        },
        now: 1_700_000_000_000,
    }
}

/// The baseline: the same rules as native Rust, with what the host does for every call: it hands out
/// copies of what it knows, measures the password, and makes an id for the command.
#[divan::bench(sample_count = 200, sample_size = 100)]
fn native(bencher: Bencher<'_, '_>) {
    let known = situation();
    let password = Password::new(Zeroizing::new("1234".into()));
    let options = contract::ResetOptions {
        lock_now: false,
        require_entry: false,
        no_credentials_on_boot: false,
    };
    let terms = contract::Terms {
        replaces: None,
        valid_for: None,
    };
    bencher.bench_local(|| {
        let situation = rules::Situation {
            device: known.device.clone(),
            pending: known.pending.clone(),
            password_rule: known.password_rule,
            now: known.now,
        };
        let measured = password.measure();
        let measure = contract::Measure {
            length: measured.length,
            digits: measured.digits,
            lower_case: measured.lower_case,
            upper_case: measured.upper_case,
            symbols: measured.symbols,
            others: measured.others,
            longest_sequence: measured.longest_sequence,
        };
        let sending = rules::reset(black_box(&situation), &measure, options, &terms);
        (sending, uuid::Uuid::now_v7().to_string())
    });
}

/// Through the component, on an instance that has served calls before.
#[divan::bench(sample_count = 200, sample_size = 100)]
fn live_instance(bencher: Bencher<'_, '_>) {
    let plugin = plugin();
    let mut instance = plugin.instance().expect("an instance");
    let terms = Terms::default();
    bencher.with_inputs(context).bench_local_values(|context| {
        instance
            .reset(context, ResetOptions::default(), &terms)
            .expect("a decision")
    });
}

/// Through the component, on an instance made for this call: what the service does.
#[divan::bench(sample_count = 200, sample_size = 100)]
fn fresh_instance(bencher: Bencher<'_, '_>) {
    let plugin = plugin();
    let terms = Terms::default();
    bencher.with_inputs(context).bench_local_values(|context| {
        let mut instance = plugin.instance().expect("an instance");
        instance
            .reset(context, ResetOptions::default(), &terms)
            .expect("a decision")
    });
}

/// From the start of the process to the first answer, with the compiled component kept from an
/// earlier start.
#[divan::bench(sample_count = 40, sample_size = 1)]
fn cold_start(bencher: Bencher<'_, '_>) {
    let folder = TempDir::new().expect("a folder");
    let port = TcpListener::bind("127.0.0.1:0")
        .and_then(|it| it.local_addr())
        .expect("a port")
        .port();
    let start = || {
        let mut host = serve(&folder, port);
        first_answer(&mut host, port);
        Running(host)
    };
    drop(start());
    bencher.bench_local(start);
}

/// Ends with the measured time behind it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0
            .kill()
            .and_then(|()| self.0.wait())
            .expect("the host ends");
    }
}

fn serve(folder: &TempDir, port: u16) -> Child {
    Command::new(lab::program("mdm-host").expect("mdm-host is built"))
        .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--data"])
        .arg(folder.path().join("data"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the host starts")
}

fn first_answer(host: &mut Child, port: u16) {
    loop {
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) {
            let request = b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
            let mut answer = String::new();
            stream.write_all(request).expect("a request");
            stream.read_to_string(&mut answer).expect("an answer");
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
            return;
        }
        assert!(
            host.try_wait().expect("a status").is_none(),
            "the host did not start"
        );
        std::thread::sleep(Duration::from_micros(200));
    }
}
