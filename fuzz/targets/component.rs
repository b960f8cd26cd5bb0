//! Files that an admin gets as a plugin: any bytes are refused or loaded, within bounds.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mdm_password_host::{Limits, Runtime, inspect};
use std::sync::LazyLock;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let limits = Limits {
        instances: 1,
        ..Limits::default()
    };
    Runtime::new(limits).expect("an engine")
});

fuzz_target!(|bytes: &[u8]| {
    let inspected = inspect(bytes);
    if RUNTIME.load(bytes, None).is_ok() {
        let inspection = inspected.expect("what can be loaded can be inspected");
        assert!(inspection.contract.is_some(), "it has no contract");
    }
});
