//! Loading: from a file's bytes to a component that is known to fit the contract.

use super::{
    Artifacts, Plugin, Runtime,
    bindings::{PasswordPlugin, PasswordPluginPre},
    error::{LoadError, PluginError},
    imports::Guest,
    wasi,
};
use sha2::{Digest as _, Sha256};
use std::path::Path;
use wasmtime::{
    Engine, Trap,
    component::{Component, HasSelf, Linker, types::ComponentItem},
};

const INTERFACE: &str = "mdm:password/password@0.1.0";
const FUNCTIONS: [&str; 8] = [
    "reset",
    "remove",
    "outlook",
    "status",
    "policy-override",
    "report",
    "cancel",
    "expire",
];
/// What a plugin may import: the contract, clocks and random, whatever their patch version.
const GRANTED: [&str; 9] = [
    "mdm:password/types@0.1.",
    "mdm:password/secrets@0.1.",
    "mdm:password/device-store@0.1.",
    "mdm:password/transport@0.1.",
    "wasi:clocks/wall-clock@0.2.",
    "wasi:clocks/monotonic-clock@0.2.",
    "wasi:random/random@0.2.",
    "wasi:random/insecure@0.2.",
    "wasi:random/insecure-seed@0.2.",
];

impl Runtime {
    /// Loads a plugin from a file.
    pub fn load_file(
        &self,
        path: &Path,
        artifacts: Option<&Artifacts>,
    ) -> Result<Plugin, LoadError> {
        let bytes = std::fs::read(path).map_err(|source| LoadError::Unreadable {
            path: path.display().to_string(),
            source,
        })?;
        self.load(&bytes, artifacts)
    }

    /// Loads a plugin: checks that it is a component which implements the contract and wants no more
    /// than a plugin gets. With `artifacts`, its compiled form is kept there, and found there the
    /// next time.
    pub fn load(&self, bytes: &[u8], artifacts: Option<&Artifacts>) -> Result<Plugin, LoadError> {
        check_preamble(bytes)?;
        let digest: [u8; 32] = Sha256::digest(bytes).into();
        let component = match artifacts.and_then(|kept| kept.find(&self.engine, &digest)) {
            Some(component) => component,
            None => {
                let component = Component::new(&self.engine, bytes)
                    .map_err(|error| LoadError::Broken(error.root_cause().to_string()))?;
                if let Some(kept) = artifacts {
                    kept.keep(&component, &digest);
                }
                component
            }
        };
        check_imports(&self.engine, &component)?;
        check_exports(&self.engine, &component)?;
        let linker = linker(&self.engine).map_err(|e| LoadError::Engine(format!("{e:#}")))?;
        let other_types = |error: wasmtime::Error| LoadError::OtherTypes(format!("{error:#}"));
        let pre = linker.instantiate_pre(&component).map_err(other_types)?;
        let pre = PasswordPluginPre::new(pre).map_err(other_types)?;
        let plugin = Plugin::new(self.clone(), pre, digest);
        match plugin.instantiate() {
            Ok(_) => Ok(plugin),
            Err(error) => match PluginError::from_trap(&error, &self.limits) {
                PluginError::Crashed(_) if !error.is::<Trap>() => Err(other_types(error)),
                failure => Err(LoadError::DoesNotStart(failure)),
            },
        }
    }
}

fn linker(engine: &Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    PasswordPlugin::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest| guest)?;
    wasi::add_to_linker(&mut linker)?;
    Ok(linker)
}

/// The first eight bytes tell a component from a module, and both from anything else.
fn check_preamble(bytes: &[u8]) -> Result<(), LoadError> {
    match bytes {
        [0, b'a', b's', b'm', _, _, 0, 0, ..] => Err(LoadError::CoreModule),
        [0, b'a', b's', b'm', _, _, 1, 0, ..] => Ok(()),
        _ => Err(LoadError::NotWasm),
    }
}

fn check_imports(engine: &Engine, component: &Component) -> Result<(), LoadError> {
    let forbidden: Vec<String> = component
        .component_type()
        .imports(engine)
        .map(|(name, _)| name.to_owned())
        .filter(|name| !GRANTED.iter().any(|granted| name.starts_with(granted)))
        .collect();
    match forbidden
        .iter()
        .find(|name| name.starts_with("mdm:password/"))
    {
        Some(other) => Err(LoadError::OtherVersion {
            found: other.clone(),
            supported: INTERFACE,
        }),
        None if forbidden.is_empty() => Ok(()),
        None => Err(LoadError::ForbiddenImports(forbidden)),
    }
}

fn check_exports(engine: &Engine, component: &Component) -> Result<(), LoadError> {
    let component_type = component.component_type();
    let exports: Vec<_> = component_type.exports(engine).collect();
    let Some((_, item)) = exports.iter().find(|(name, _)| *name == INTERFACE) else {
        let other = exports
            .iter()
            .find(|(name, _)| name.starts_with("mdm:password/password@"));
        return Err(match other {
            Some((name, _)) => LoadError::OtherVersion {
                found: (*name).to_owned(),
                supported: INTERFACE,
            },
            None => LoadError::MissingInterface(INTERFACE),
        });
    };
    let ComponentItem::ComponentInstance(instance) = &item.ty else {
        return Err(LoadError::MissingInterface(INTERFACE));
    };
    let exported: Vec<&str> = instance.exports(engine).map(|(name, _)| name).collect();
    let missing: Vec<String> = FUNCTIONS
        .iter()
        .filter(|function| !exported.contains(function))
        .map(|function| (*function).to_owned())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(LoadError::MissingFunctions {
        interface: INTERFACE,
        functions: missing,
    })
}
