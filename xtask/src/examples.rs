//! Builds the example plugins as a newcomer does: `mdm-plugin new`, then the commands of the README
//! that it makes. What comes of it lies in `target/examples`, for the tests and the benches.

use super::{
    files::{is_unchanged, remove},
    run, tools,
};
use anyhow::Context as _;
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// An example, with the build commands of its README.
struct Example {
    language: &'static str,
    name: &'static str,
    /// In the project's folder.
    commands: &'static [&'static [&'static str]],
    /// The component, once it is built.
    component: &'static str,
}

const EXAMPLES: [Example; 5] = [
    Example {
        language: "rust",
        name: "corporate-plugin",
        commands: &[&["cargo", "build", "--release"]],
        component: "target/wasm32-unknown-unknown/release/corporate_plugin.wasm",
    },
    Example {
        language: "js",
        name: "kiosk-plugin",
        commands: &[
            &["npm", "install", "--no-audit", "--no-fund"],
            &["npm", "run", "build"],
        ],
        component: "plugin.wasm",
    },
    Example {
        language: "ts",
        name: "typed-kiosk-plugin",
        commands: &[
            &["npm", "install", "--no-audit", "--no-fund"],
            &["npm", "run", "build"],
        ],
        component: "plugin.wasm",
    },
    Example {
        language: "python",
        name: "school-plugin",
        commands: &[
            &["python3", "-m", "venv", ".venv"],
            &[
                ".venv/bin/pip",
                "install",
                "--quiet",
                "-r",
                "requirements.txt",
            ],
            &["sh", "build.sh"],
        ],
        component: "plugin.wasm",
    },
    Example {
        language: "c",
        name: "lost-and-found-plugin",
        commands: &[&["make"]],
        component: "plugin.wasm",
    },
];

/// The programs that the examples are built with, and the Debian packages that have them.
const PROGRAMS: [(&str, &[&str]); 5] = [
    ("node", &["nodejs"]),
    ("npm", &["npm"]),
    ("python3", &["python3", "python3-venv"]),
    ("make", &["make"]),
    (
        "clang",
        &["clang", "lld", "wasi-libc", "libclang-rt-14-dev-wasm32"],
    ),
];

/// Builds every example that is not built yet as it is now, and checks each against the contract.
pub(crate) fn build() -> anyhow::Result<()> {
    install_programs();
    // As the tests are built, which come next: other parts would want other features of dependencies.
    crate::build(&["--bins", "--tests"])?;
    let folder = folder();
    fs::create_dir_all(&folder)?;
    for example in &EXAMPLES {
        example.build(&folder)?;
    }
    Ok(())
}

/// Measures each example against the reference plugin.
pub(crate) fn bench() -> anyhow::Result<()> {
    let files = EXAMPLES.map(|example| format!("{}.wasm", example.language));
    let program = tools::target().join("release/mdm-plugin");
    run(Command::new(program)
        .arg("bench")
        .args(files)
        .current_dir(folder()))
}

/// The folder of the built examples.
fn folder() -> PathBuf {
    tools::target().join("examples")
}

impl Example {
    fn build(&self, folder: &Path) -> anyhow::Result<()> {
        let program = tools::target().join("debug/mdm-plugin");
        let fresh = folder.join("new");
        remove(&fresh)?;
        fs::create_dir_all(&fresh)?;
        run(Command::new(&program)
            .args(["new", "--lang", self.language, self.name])
            .current_dir(&fresh))?;
        let component = folder.join(self.language).with_extension("wasm");
        let (made, built) = (fresh.join(self.name), folder.join(self.name));
        if component.exists() && is_unchanged(&made, &built)? {
            return Ok(());
        }
        println!("building the example in {}", self.language);
        remove(&built)?;
        fs::rename(&made, &built)?;
        for command in self.commands {
            run(&mut self.in_project(command, &built)?)?;
        }
        let file = built.join(self.component);
        run(Command::new(&program).arg("check").arg(&file))?;
        fs::copy(&file, &component)?;
        Ok(())
    }

    /// A command of the README, where the tools that this project installs are found.
    fn in_project(&self, words: &[&str], project: &Path) -> anyhow::Result<Command> {
        let (program, arguments) = words.split_first().context("an empty command")?;
        let path = env::var_os("PATH").unwrap_or_default();
        let tools = std::iter::once(tools::target().join("debug"));
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(project)
            .env(
                "PATH",
                env::join_paths(tools.chain(env::split_paths(&path)))?,
            )
            .env_remove("CARGO_TARGET_DIR");
        Ok(command)
    }
}

/// Installs what is missing from Debian's packages; where that can't be done, the build says what is
/// missing.
pub(crate) fn install_programs() {
    let mut packages: Vec<&str> = PROGRAMS
        .iter()
        .filter(|(program, _)| !tools::is_there(program))
        .flat_map(|(_, packages)| packages.iter().copied())
        .collect();
    // clang comes without what it needs for WebAssembly.
    if !Path::new("/usr/lib/wasm32-wasi").exists() && !packages.contains(&"wasi-libc") {
        packages.extend(["lld", "wasi-libc", "libclang-rt-14-dev-wasm32"]);
    }
    if packages.is_empty() {
        return;
    }
    tools::install_packages(&packages);
}
