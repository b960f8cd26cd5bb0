//! Builds components from Rust. Used by `cargo xtask`, which installs what is missing, and by build scripts that
//! embed a component.
//!
//! A component is built for `wasm32-unknown-unknown` and linked by the toolchain's own
//! `wasm-component-ld`. So its imports are the contract's and no others: std for `wasm32-wasip2` would
//! bring `wasi:cli` and `wasi:io` along.
//!
//! Where rustup can't add that target, Debian's `rustc-web` and `rust-web-src` build std instead.
//! `MDM_TOOLCHAIN=rustup` or `MDM_TOOLCHAIN=debian` insists on one of the two.

// Several programs use this file, each only a part of it.
#![allow(dead_code, unreachable_pub)]

use std::{
    env,
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Stack size of components: a sixteenth of Rust's 1 MiB is enough for rules, and halves the time of a fresh instance.
const STACK: &str = "-Clink-arg=-zstack-size=65536";
/// The target of components.
pub const TARGET: &str = "wasm32-unknown-unknown";
const DEBIAN_PACKAGES: [&str; 3] = ["rustc-web", "rust-web-src", "wasi-libc"];
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";

/// A way to build components on this machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Toolchain {
    /// The active toolchain, with its target added by rustup.
    Rustup,
    /// Debian's compiler, which builds std from Debian's source.
    Debian,
}

/// The error of building a component, with its remedy.
#[derive(Debug)]
pub struct ToolchainError(String);

impl fmt::Display for ToolchainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ToolchainError {}

/// The toolchain that works on this machine without installing anything.
pub fn find() -> Result<Toolchain, ToolchainError> {
    let operation = env::var("MDM_TOOLCHAIN").unwrap_or_default();
    let has_rustup =
        || sysroot(&rustc()).is_some_and(|s| s.join("lib/rustlib").join(TARGET).exists());
    match operation.as_str() {
        "" | "rustup" if has_rustup() => Ok(Toolchain::Rustup),
        "" | "debian" if has_debian() => Ok(Toolchain::Debian),
        _ => Err(ToolchainError(format!(
            "components can't be built here: install its target with `rustup target add {TARGET}`, or \
             on Debian `apt-get install --no-install-recommends {}`; `cargo xtask setup` tries both",
            DEBIAN_PACKAGES.join(" ")
        ))),
    }
}

/// Installs the missing parts by rustup, or else from Debian's packages.
pub fn ensure() -> Result<Toolchain, ToolchainError> {
    if let Ok(toolchain) = find() {
        return Ok(toolchain);
    }
    let operation = env::var("MDM_TOOLCHAIN").unwrap_or_default();
    if operation != "debian" {
        eprintln!("setting up: rustup target add {TARGET}");
        run("rustup", &["target", "add", TARGET]);
    }
    if operation != "rustup" && find().is_err() {
        eprintln!("setting up: apt-get install {}", DEBIAN_PACKAGES.join(" "));
        run("apt-get", &["update"]);
        let mut install = vec!["install", "--yes", "--no-install-recommends"];
        install.extend(DEBIAN_PACKAGES);
        run("apt-get", &install);
    }
    find()
}

/// For a build script: builds the component of this package of `project`, and puts it into the
/// script's own folder, as `<package>.wasm`.
pub fn embed(package: &str, project: &Path, out: &Path) -> Result<(), ToolchainError> {
    println!("cargo::rerun-if-env-changed=MDM_TOOLCHAIN");
    // <target>/<profile>/build/<package>/out: the scripts of all profiles share one build.
    let target = out.ancestors().nth(4).unwrap_or(out);
    let component = build_component(package, project, &target.join("component"))?;
    let copied = std::fs::copy(&component, out.join(format!("{package}.wasm")));
    copied.map_err(|error| ToolchainError(format!("{}: {error}", component.display())))?;
    Ok(())
}

/// Remaps this machine's folders, for reproducible components.
fn without_paths(project: &Path) -> String {
    let cargo = cargo_home();
    let sysroot = sysroot(&rustc()).unwrap_or_default();
    let project = project
        .canonicalize()
        .unwrap_or_else(|_| project.to_owned());
    let folders = [(project, "/project"), (cargo, "/cargo"), (sysroot, "/rust")];
    let remap = |(folder, name): (PathBuf, &str)| {
        format!("\u{1f}--remap-path-prefix={}={name}", folder.display())
    };
    folders.into_iter().map(remap).collect()
}

/// The version of the compiler for components, and its source: rustup or Debian.
pub fn compiler() -> Result<String, ToolchainError> {
    let (rustc, from) = match find()? {
        Toolchain::Rustup => (rustc(), "rustup"),
        Toolchain::Debian => (DEBIAN_RUSTC.into(), "Debian"),
    };
    let version = Command::new(rustc).arg("--version").output();
    let version =
        version.map_err(|error| ToolchainError(format!("rustc can't be run: {error}")))?;
    let version = String::from_utf8_lossy(&version.stdout);
    Ok(format!("{}, by {from}", version.trim()))
}

/// Cargo's folder of crate sources.
pub fn cargo_home() -> PathBuf {
    let home = env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    env::var_os("CARGO_HOME").map_or_else(|| home.join(".cargo"), PathBuf::from)
}

/// Builds the component of this package of `project`, and returns its path.
pub fn build_component(
    package: &str,
    project: &Path,
    target: &Path,
) -> Result<PathBuf, ToolchainError> {
    let toolchain = find()?;
    let linker = linker().ok_or_else(|| {
        ToolchainError(
            "this Rust toolchain has no wasm-component-ld: use Rust 1.95 by rustup".into(),
        )
    })?;
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    forget_the_outer_build(&mut cargo);
    cargo
        .current_dir(project)
        .args([
            "build",
            "--locked",
            "--lib",
            "--release",
            "--package",
            package,
        ])
        .args(["--target", TARGET, "--target-dir"])
        .arg(target)
        .args(["--config", "profile.release.lto=true"])
        .args(["--config", "profile.release.codegen-units=1"])
        .args(["--config", "profile.release.panic='abort'"])
        .args(["--config", "profile.release.strip=true"])
        .env(
            "CARGO_ENCODED_RUSTFLAGS",
            format!(
                "-Clinker={}\u{1f}-Clinker-flavor=wasm-ld\u{1f}{STACK}{}",
                linker.display(),
                without_paths(project)
            ),
        );
    if toolchain == Toolchain::Debian {
        cargo
            .env("RUSTC", DEBIAN_RUSTC)
            .env("RUSTC_BOOTSTRAP", "1")
            .env("PATH", path_with_wasm_ld(&linker))
            .arg("-Zbuild-std=std,panic_abort");
    }
    let name = package.replace('-', "_");
    match cargo.status() {
        Ok(status) if status.success() => Ok(target
            .join(TARGET)
            .join("release")
            .join(name)
            .with_extension("wasm")),
        Ok(status) => Err(ToolchainError(format!(
            "{package} did not build ({status})"
        ))),
        Err(error) => Err(ToolchainError(format!("cargo can't be run: {error}"))),
    }
}

/// Removes the environment variables of an outer cargo, which would mislead the inner one.
fn forget_the_outer_build(cargo: &mut Command) {
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        let of_the_outer_build = name.starts_with("CARGO_CFG_")
            || name.starts_with("CARGO_FEATURE_")
            || name.starts_with("CARGO_PROFILE_")
            || name.starts_with("CARGO_PKG_")
            || name.starts_with("CARGO_MANIFEST_")
            || [
                "RUSTFLAGS",
                "RUSTC",
                "RUSTC_WRAPPER",
                "RUSTC_WORKSPACE_WRAPPER",
                "RUSTDOC",
                "CARGO_ENCODED_RUSTFLAGS",
                "CARGO_TARGET_DIR",
                "CARGO_BUILD_TARGET",
                "CARGO_BUILD_TARGET_DIR",
                "CARGO_MAKEFLAGS",
                "CARGO_INCREMENTAL",
                "CLIPPY_ARGS",
                "TARGET",
                "HOST",
                "PROFILE",
                "OPT_LEVEL",
                "DEBUG",
                "OUT_DIR",
                "NUM_JOBS",
            ]
            .contains(&name.as_ref());
        if of_the_outer_build {
            cargo.env_remove(name.as_ref());
        }
    }
}

fn rustc() -> PathBuf {
    env::var_os("RUSTC").map_or_else(|| "rustc".into(), PathBuf::from)
}

fn sysroot(rustc: &Path) -> Option<PathBuf> {
    let output = Command::new(rustc)
        .args(["--print", "sysroot"])
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(PathBuf::from(text.trim()))
}

/// The linker of components, which is part of every rustup toolchain.
fn linker() -> Option<PathBuf> {
    let rustlib = sysroot(&rustc())?.join("lib/rustlib");
    let hosts = rustlib.read_dir().ok()?.flatten();
    hosts
        .map(|host| host.path().join("bin/wasm-component-ld"))
        .find(|path| path.exists())
}

/// `PATH` with the folder of `wasm-ld`, for a compiler from another toolchain than the linker.
fn path_with_wasm_ld(linker: &Path) -> OsString {
    let beside = linker.with_file_name("gcc-ld");
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(beside).chain(env::split_paths(&path));
    env::join_paths(folders).unwrap_or(path)
}

/// Returns `true` if Debian's compiler is installed, with the source of its std.
fn has_debian() -> bool {
    let source = "lib/rustlib/src/rust/library/std";
    sysroot(Path::new(DEBIAN_RUSTC)).is_some_and(|sysroot| sysroot.join(source).exists())
}

/// Runs a command that may be missing or fail; the caller then checks with `find`.
fn run(program: &str, args: &[&str]) {
    let _ = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .status();
}
