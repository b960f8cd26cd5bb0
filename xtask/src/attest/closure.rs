//! The crates that cargo builds for a component, with their digests from `Cargo.lock`.

use super::command::output;
use anyhow::{Context as _, ensure};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    process::Command,
};

/// A crate, by name and version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Crate {
    pub(super) name: String,
    pub(super) version: String,
}

/// The facts of a crate.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) license: String,
    /// SHA-256 of its source. `None` if it is part of this project.
    pub(super) checksum: Option<String>,
    pub(super) depends_on: BTreeSet<Crate>,
}

/// A crate with all its dependencies, including macros and their dependencies.
pub(super) struct Closure {
    pub(super) root: Crate,
    pub(super) crates: BTreeMap<Crate, Facts>,
}

impl Crate {
    /// As package URLs have it.
    pub(super) fn purl(&self) -> String {
        format!("pkg:cargo/{}@{}", self.name, self.version)
    }
}

impl Closure {
    /// The crates that cargo builds for this package.
    pub(super) fn of(package: &str) -> anyhow::Result<Self> {
        let tree = output(
            Command::new("cargo")
                .args(["tree", "--locked", "--package", package])
                .args(["--edges", "normal,build", "--no-dedupe"])
                .args(["--target", mdm_toolchain::TARGET])
                .args(["--prefix", "depth", "--format", " {p}|{l}"]),
        )?;
        let lock = fs::read_to_string("Cargo.lock").context("Cargo.lock")?;
        Self::read(&tree, &checksums(&lock))
    }

    /// Reads a tree with a line for each crate: its depth, name, version and licence.
    fn read(tree: &str, checksums: &BTreeMap<Crate, String>) -> anyhow::Result<Self> {
        let mut crates: BTreeMap<Crate, Facts> = BTreeMap::new();
        let mut path: Vec<Crate> = Vec::new();
        for line in tree.lines() {
            let (depth, named, license) = parts(line).with_context(|| format!("`{line}`"))?;
            path.truncate(depth);
            if let Some(parent) = path.last() {
                let facts = crates.entry(parent.clone()).or_default();
                facts.depends_on.insert(named.clone());
            }
            let facts = crates.entry(named.clone()).or_default();
            facts.license = license.to_owned();
            facts.checksum = checksums.get(&named).cloned();
            path.push(named);
        }
        let root = path.first().context("cargo tree lists nothing")?.clone();
        for (named, facts) in &crates {
            ensure!(
                facts.checksum.is_some() || *named == root,
                "Cargo.lock has no checksum of {}: a provenance can't vouch for it",
                named.purl()
            );
        }
        Ok(Self { root, crates })
    }
}

fn parts(line: &str) -> Option<(usize, Crate, &str)> {
    let (depth, rest) = line.split_once(' ')?;
    let (named, license) = rest.split_once('|')?;
    let mut words = named.split(' ');
    let named = Crate {
        name: words.next()?.to_owned(),
        version: words.next()?.strip_prefix('v')?.to_owned(),
    };
    Some((depth.parse().ok()?, named, license))
}

/// The checksums of a `Cargo.lock`.
fn checksums(lock: &str) -> BTreeMap<Crate, String> {
    let field = |package: &str, name: &str| {
        let prefix = format!("{name} = \"");
        let line = package.lines().find_map(|line| line.strip_prefix(&prefix));
        line.map(|value| value.trim_end_matches('"').to_owned())
    };
    lock.split("[[package]]")
        .filter_map(|package| {
            let named = Crate {
                name: field(package, "name")?,
                version: field(package, "version")?,
            };
            Some((named, field(package, "checksum")?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = "version = 4\n\n[[package]]\nname = \"ours\"\nversion = \"0.1.0\"\n\n\
        [[package]]\nname = \"serde\"\nversion = \"1.0.1\"\nchecksum = \"ab\"\n\n\
        [[package]]\nname = \"syn\"\nversion = \"2.0.0\"\nchecksum = \"cd\"\n";

    fn named(name: &str, version: &str) -> Crate {
        Crate {
            name: name.into(),
            version: version.into(),
        }
    }

    #[test]
    fn every_crate_has_its_checksum_and_what_it_depends_on() {
        let tree = "0 ours v0.1.0 (/somewhere)|Apache-2.0\n1 serde v1.0.1|MIT\n\
            2 syn v2.0.0 (proc-macro)|MIT\n1 syn v2.0.0 (proc-macro)|MIT";
        let closure = Closure::read(tree, &checksums(LOCK)).unwrap();
        assert_eq!(closure.root, named("ours", "0.1.0"));
        assert_eq!(closure.crates.len(), 3);
        let (serde, syn) = (named("serde", "1.0.1"), named("syn", "2.0.0"));
        assert_eq!(
            closure.crates[&closure.root].depends_on,
            BTreeSet::from([serde.clone(), syn.clone()])
        );
        assert_eq!(closure.crates[&serde].checksum.as_deref(), Some("ab"));
        assert_eq!(closure.crates[&serde].depends_on, BTreeSet::from([syn]));
    }

    #[test]
    fn a_crate_that_nobody_vouches_for_is_named() {
        let tree = "0 ours v0.1.0|MIT\n1 theirs v9.9.9 (/elsewhere)|MIT";
        let error = Closure::read(tree, &checksums(LOCK)).err().unwrap();
        assert!(error.to_string().contains("pkg:cargo/theirs@9.9.9"));
    }
}
