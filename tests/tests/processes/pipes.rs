//! Commands whose output is not read to its end, as in `mdm-server device list | head -1`.

use mdm_password_component::REFERENCE;
use mdm_tests::test_environment::{TestEnvironment, program};
use std::{
    fs,
    io::pipe,
    process::{Command, Stdio},
};

#[test]
fn a_command_whose_reader_is_gone_ends_in_silence() {
    let env = TestEnvironment::start().unwrap();
    let data = env.folder().join("data");
    let data = data.to_str().unwrap();
    let plugin = env.folder().join("plugin.wasm");
    fs::write(&plugin, REFERENCE).unwrap();
    let plugin = plugin.to_str().unwrap();
    for (name, args, is_success) in [
        ("mdm-server", &["device", "list"][..], true),
        ("mdm-server", &["device", "list", "--json"], true),
        ("mdm-server", &["audit", "verify", "--data", data], true),
        ("mdm-server", &["token", "list"], true),
        ("mdm-plugin", &["inspect", plugin], true),
        ("mdm-plugin", &["inspect", plugin, "--json"], true),
        // A refusal is a failure, also if its output is not read.
        ("mdm-server", &["device", "show", "nobody"], false),
        ("mdm-plugin", &["inspect", data], false),
    ] {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let output = Command::new(program(name).unwrap())
            .args(args)
            .env("MDM_URL", env.url())
            .env("MDM_TOKEN_FILE", env.folder().join("admin.token"))
            .stdin(Stdio::null())
            .stdout(writer)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
            .wait_with_output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.success(), is_success, "{args:?}: {said}");
        assert!(!said.contains("panicked"), "{args:?}: {said}");
        assert!(!is_success || said.is_empty(), "{args:?}: {said}");
    }
}
