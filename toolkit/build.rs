//! Lists the templates of `mdm-plugin new`: the files of the examples, which the link `templates` leads to.

use std::{
    env,
    error::Error,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

/// The examples: their folders, and the names of their lists.
const EXAMPLES: [(&str, &str); 5] = [
    ("rust", "RUST"),
    ("javascript", "JAVASCRIPT"),
    ("typescript", "TYPESCRIPT"),
    ("python", "PYTHON"),
    ("c", "C"),
];

/// Build results in the folder of an example.
const NOT_SOURCE: [&str; 7] = [
    "target",
    "node_modules",
    ".venv",
    "build",
    "types",
    "__pycache__",
    "package-lock.json",
];

fn main() -> Result<(), Box<dyn Error>> {
    let templates = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("templates");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let mut lists = String::new();
    for (folder, list) in EXAMPLES {
        let root = templates.join(folder);
        writeln!(lists, "const {list}: &[File] = &[")?;
        list_files(&root, Path::new(""), &mut lists)?;
        writeln!(lists, "];")?;
    }
    fs::write(out.join("templates.rs"), lists)?;
    Ok(())
}

/// Lists the files of a folder and those below it; links are followed.
fn list_files(root: &Path, below: &Path, list: &mut String) -> Result<(), Box<dyn Error>> {
    let folder = root.join(below);
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder)? {
        names.push(entry?.file_name());
    }
    names.sort();
    for name in names {
        let is_source = name
            .to_str()
            .is_some_and(|name| !NOT_SOURCE.contains(&name) && !name.ends_with(".wasm"));
        if !is_source {
            continue;
        }
        let path = below.join(&name);
        let file = root.join(&path);
        if fs::metadata(&file)?.is_dir() {
            list_files(root, &path, list)?;
        } else {
            writeln!(list, "    ({:?}, include_str!({:?})),", path, file)?;
        }
    }
    Ok(())
}
