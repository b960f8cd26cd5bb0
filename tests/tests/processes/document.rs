//! The API does what its document says: Schemathesis makes up calls from it, and checks every answer against it.
//! `cargo xtask test` installs it.

use anyhow::{Context as _, ensure};
use mdm_tests::lab::{Lab, Make};
use std::{
    env, fs,
    path::PathBuf,
    process::{Command, Stdio},
};

/// Where `cargo xtask test` installs it.
fn schemathesis() -> anyhow::Result<PathBuf> {
    let programs = env::current_exe()?;
    let target = programs.ancestors().nth(3).context("no target folder")?;
    let program = target.join("tools/schemathesis/bin/schemathesis");
    ensure!(
        program.exists(),
        "{} is missing: `cargo xtask test` installs it",
        program.display()
    );
    Ok(program)
}

#[test]
fn answers_are_what_the_document_says() -> anyhow::Result<()> {
    let program = schemathesis()?;
    let lab = Lab::with(&["--rate-per-address", "100000"], "warn")?;
    let device = lab.enroll(Make {
        group: Some("sales"),
        ..Make::default()
    })?;
    let known = format!(
        "[parameters]\n\"path.device\" = \"{}\"\n\"path.group\" = \"sales\"\n",
        device.id
    );
    fs::write(lab.folder().join("schemathesis.toml"), known)?;
    let output = Command::new(program)
        .arg("run")
        .arg(format!("{}/api/v1/openapi.json", lab.url()))
        .args([
            "--header",
            &format!("Authorization: Bearer {}", lab.token()?),
        ])
        .args([
            "--checks",
            "not_a_server_error,status_code_conformance,content_type_conformance,\
             response_schema_conformance,ignored_auth",
        ])
        .args(["--phases", "examples,coverage,fuzzing"])
        .args(["--max-examples", "20", "--max-time", "120", "--seed", "1"])
        .args(["--generation-database", "none", "--no-color"])
        .current_dir(lab.folder())
        .stdin(Stdio::null())
        .output()
        .context("Schemathesis can't be run")?;
    ensure!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
