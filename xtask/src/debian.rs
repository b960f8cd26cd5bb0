//! The programs that the tests start beside our own, from Debian's packages: unpacked and not installed, so that no
//! service of theirs runs on a developer's machine.

use crate::{run, tools};
use anyhow::{Context as _, ensure};
use std::{fs, path::Path, process::Command};

/// Each package, and where in it the program lies.
const PROGRAMS: [(&str, &str); 3] = [
    ("docker-registry", "usr/bin/docker-registry"),
    ("mosquitto", "usr/sbin/mosquitto"),
    ("postgresql-15", "usr/lib/postgresql/15/bin/postgres"),
];

/// Puts these programs into `target/tools`, if neither that nor the system has them.
pub(crate) fn ensure_programs() -> anyhow::Result<()> {
    PROGRAMS
        .iter()
        .try_for_each(|(package, program)| unpack(package, program))
}

/// Unpacks a package with those that it depends on and this machine lacks, unless the program is there already.
pub(crate) fn unpack(package: &str, program: &str) -> anyhow::Result<()> {
    let root = tools::root();
    if root.join(program).exists() || Path::new("/").join(program).exists() {
        return Ok(());
    }
    println!("setting up: {package}");
    let folder = root.join("packages").join(package);
    fs::create_dir_all(&folder)?;
    // A machine whose lists are new enough needs no update, and one without the network can't have it.
    let _ = Command::new("apt-get").arg("update").status();
    run(Command::new("apt-get")
        .arg("download")
        .args(missing(package)?)
        .current_dir(&folder))?;
    for file in fs::read_dir(&folder)? {
        run(Command::new("dpkg").arg("-x").arg(file?.path()).arg(&root))?;
    }
    fs::remove_dir_all(&folder)?;
    ensure!(
        root.join(program).exists(),
        "Debian's package {package} has no {program}"
    );
    Ok(())
}

/// Returns the packages that apt would install for a package.
fn missing(package: &str) -> anyhow::Result<Vec<String>> {
    let simulated = Command::new("apt-get")
        .args(["install", "--simulate", "--no-install-recommends", package])
        .output()
        .context("apt-get can't be run: the tests' programs are Debian's")?;
    ensure!(
        simulated.status.success(),
        "apt-get knows no package {package}: {}",
        String::from_utf8_lossy(&simulated.stderr).trim()
    );
    Ok(installed(&String::from_utf8_lossy(&simulated.stdout)))
}

/// The packages of lines such as `Inst libwrap0 (7.6.q-32 Debian:12 [amd64])`.
fn installed(simulated: &str) -> Vec<String> {
    let lines = simulated
        .lines()
        .filter_map(|line| line.strip_prefix("Inst "));
    let names = lines.filter_map(|line| line.split_whitespace().next());
    names.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_apt_would_install_is_read_from_what_it_says() {
        let simulated = "The following NEW packages will be installed:\n  libwrap0 mosquitto\n\
            Inst libwrap0 (7.6.q-32 Debian:12 [amd64])\n\
            Inst mosquitto (2.0.11-1.2 Debian:12 [amd64])\n\
            Conf mosquitto (2.0.11-1.2 Debian:12 [amd64])";
        assert_eq!(super::installed(simulated), ["libwrap0", "mosquitto"]);
    }
}
