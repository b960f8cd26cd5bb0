//! Schemathesis: makes up calls from the document of the API, valid ones and others, and holds every answer against it.
//! Each failure counts that is not on the list in `tests/schemathesis/accepted.py`. `cargo xtask` installs it.

use crate::test_environment::{Device, Make, TestEnvironment};
use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use std::{
    env, fs,
    path::PathBuf,
    process::{Command, Stdio},
};

/// The failures that are none.
const ACCEPTED: &str = include_str!("../schemathesis/accepted.py");

/// The program, installed by `cargo xtask`.
fn program() -> anyhow::Result<PathBuf> {
    let programs = env::current_exe()?;
    let installed = programs
        .ancestors()
        .map(|folder| folder.join("tools/schemathesis/bin/schemathesis"))
        .find(|program| program.exists());
    installed.context("Schemathesis is missing: `cargo xtask test` installs it")
}

/// Tests a new server with up to this many cases per operation and phase, and returns the summary.
pub fn run(cases_per_operation: u32, seed: u32) -> anyhow::Result<String> {
    let env = TestEnvironment::with(&["--rate-per-address", "100000"], "warn")?;
    fs::write(env.folder().join("accepted.py"), ACCEPTED)?;
    fs::write(env.folder().join("schemathesis.toml"), known(&env)?)?;
    let output = Command::new(program()?)
        .arg("run")
        .arg(format!("{}/api/v1/openapi.json", env.url()))
        .args([
            "--header",
            &format!("Authorization: Bearer {}", env.token()?),
        ])
        .args(["--checks", "all", "--mode", "all"])
        .args(["--phases", "examples,coverage,fuzzing,stateful"])
        .args(["--max-examples", &cases_per_operation.to_string()])
        .args(["--seed", &seed.to_string(), "--continue-on-failure"])
        .args([
            "--generation-database",
            "none",
            "--no-color",
            "--warnings",
            "off",
        ])
        .env("SCHEMATHESIS_HOOKS", "accepted")
        .env("PYTHONPATH", env.folder())
        .current_dir(env.folder())
        .stdin(Stdio::null())
        .output()
        .context("Schemathesis can't be run")?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(
        output.status.success(),
        "{said}{}\nthe host's log:\n{}",
        String::from_utf8_lossy(&output.stderr),
        env.host_log()?
    );
    let summary = said.split_once("SUMMARY").map(|(_, summary)| summary);
    Ok(summary
        .context("Schemathesis gives no summary")?
        .trim_matches('=')
        .trim()
        .to_owned())
}

/// Ids of existing objects, so that requests get further than `404`. Schemathesis itself tracks objects that requests
/// create and delete, such as users.
fn known(env: &TestEnvironment) -> anyhow::Result<String> {
    let enroll = |name| {
        let make = Make {
            name,
            group: Some("sales"),
            ..Make::default()
        };
        env.enroll(make)
    };
    let (device, revoked): (Device, Device) = (enroll("phone")?, enroll("stolen")?);
    let bulk = env.ask(&["bulk", "remove", "sales", "--yes"], "")?;
    let id = |of: &Value| of["id"].as_str().map(str::to_owned).context("no id");
    // TOML writes texts as JSON does.
    let revoke = "/api/v1/devices/{device}/revoke";
    Ok(format!(
        "[parameters]\n\
         \"path.device\" = {}\n\
         \"path.bulk\" = {}\n\n\
         [[operations]]\n\
         include-path = {}\n\
         parameters = {{ \"path.device\" = {} }}\n",
        json!(device.id),
        json!(id(&bulk)?),
        json!(revoke),
        json!(revoked.id),
    ))
}
