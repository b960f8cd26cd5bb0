//! `mdm-plugin new`: makes a complete project from the example of its language.

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use mdm_terminal::out;
use std::{fs, path::PathBuf};

/// A file of a template: its path in the project, and its content.
type File = (&'static str, &'static str);

include!(concat!(env!("OUT_DIR"), "/templates.rs"));

/// The parts of the manifest that the Rust example inherits from this workspace, for a project of its own.
const STANDALONE: &str = r#"
# A workspace of its own, also when it lies in the folder of another.
[workspace]

[profile.release]
lto = true
codegen-units = 1
panic = "abort"
strip = true
"#;

#[derive(Args)]
pub(crate) struct New {
    /// The language.
    #[arg(long, value_enum)]
    lang: Language,
    /// The plugin's name, such as acme-plugin; a folder of that name is made.
    name: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum Language {
    Rust,
    Js,
    Ts,
    Python,
    C,
}

impl Language {
    /// The files of the example, and its name in them.
    fn template(self) -> (&'static [File], &'static str) {
        match self {
            Self::Rust => (RUST, "corporate-plugin"),
            Self::Js => (JAVASCRIPT, "kiosk-plugin"),
            Self::Ts => (TYPESCRIPT, "kiosk-plugin"),
            Self::Python => (PYTHON, "school-plugin"),
            Self::C => (C, "lost-and-found-plugin"),
        }
    }
}

impl New {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let is_kebab = |name: &str| {
            let words = |word: &str| {
                word.starts_with(|it: char| it.is_ascii_lowercase())
                    && word
                        .chars()
                        .all(|it| it.is_ascii_lowercase() || it.is_ascii_digit())
            };
            name.split('-').all(words)
        };
        if !is_kebab(&self.name) {
            bail!(
                "`{}` is not a valid name for a plugin: use lower-case words with hyphens, such as acme-plugin",
                self.name
            );
        }
        let folder = PathBuf::from(&self.name);
        if folder.exists() {
            bail!("{} is there already: choose another name", folder.display());
        }
        let (files, example) = self.lang.template();
        for (path, text) in files {
            let standalone = match *path {
                "Cargo.toml" => STANDALONE,
                _ => "",
            };
            let path = folder.join(path);
            let text = format!("{text}{standalone}")
                .replace(example, &self.name)
                .replace(&example.replace('-', "_"), &self.name.replace('-', "_"));
            write(&path, &text)?;
        }
        out::line(format_args!(
            "{} is ready: its README.md says how to build it",
            folder.display()
        ))?;
        Ok(())
    }
}

fn write(path: &PathBuf, text: &str) -> anyhow::Result<()> {
    let written = match path.parent() {
        Some(parent) => fs::create_dir_all(parent),
        None => Ok(()),
    };
    written
        .and_then(|()| fs::write(path, text))
        .with_context(|| format!("{} can't be written", path.display()))
}
