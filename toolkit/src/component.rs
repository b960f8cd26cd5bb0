//! Component files: reading, loading, and the errors.

use anyhow::{Context as _, anyhow};
use mdm_password_host::{Limits, LoadError, Plugin, Runtime};
use mdm_terminal::{escape::Escaped, progress::Progress};
use std::path::Path;

/// Reads a file.
pub(crate) fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("{} can't be read", file.display()))
}

/// Loads the plugin in a file, for one instance at a time.
pub(crate) fn load(file: &Path) -> anyhow::Result<Plugin> {
    let bytes = read(file)?;
    let _progress = Progress::of(format!(
        "compiling {}",
        Escaped(&file.display().to_string())
    ));
    let loaded = runtime(1)?.load(&bytes, None);
    loaded.map_err(|error| refused(file, &error))
}

/// Loads the plugin in a file, with the settings in another, or with its default settings.
pub(crate) fn load_with_settings(file: &Path, settings: Option<&Path>) -> anyhow::Result<Plugin> {
    let plugin = load(file)?;
    let Some(path) = settings else {
        return Ok(plugin);
    };
    let settings = std::fs::read_to_string(path)
        .with_context(|| format!("{} can't be read", path.display()))?;
    let refused = |error| anyhow!("{} can't be used: {error}", path.display());
    plugin.with_settings(&settings).map_err(refused)
}

/// An engine for some instances at a time, with the default limits of a call.
pub(crate) fn runtime(instances: u32) -> anyhow::Result<Runtime> {
    Ok(Runtime::new(Limits {
        instances,
        ..Limits::default()
    })?)
}

/// The error for a file that is not a plugin.
pub(crate) fn refused(file: &Path, refusal: &LoadError) -> anyhow::Error {
    anyhow!("{} is no plugin: {}", file.display(), explained(refusal))
}

/// A refusal, and the command of this program that helps.
pub(crate) fn explained(refusal: &LoadError) -> String {
    let hint = match refusal {
        LoadError::DeniedImports(_) => {
            ": `mdm-plugin new` makes a project of each language that shows how"
        }
        LoadError::CoreModule => {
            "; `mdm-plugin componentize` does so for a module that is linked with the output of \
             `mdm-plugin bindings`"
        }
        _ => "",
    };
    format!("{refusal}{hint}")
}

/// A size for people.
pub(crate) fn size(bytes: usize) -> String {
    let kibibytes = bytes as f64 / 1024.0;
    if kibibytes < 1024.0 {
        format!("{kibibytes:.1} KiB")
    } else {
        format!("{:.1} MiB", kibibytes / 1024.0)
    }
}
