//! Loading: from a file's bytes to a component that is known to fit the contract.

use super::{
    Artifacts, Function, Instance, Plugin, Runtime,
    bindings::{PasswordPlugin, PasswordPluginIndices},
    description::check_description,
    error::{LoadError, PluginError},
    exports::ExportIndices,
    grants::Import,
    imports::HostState,
    inspect::{check_preamble, inspect},
    interface::{COMPATIBLE, CONTRACT, INTERFACE, INTERFACE_NAME, PLUGIN_INTERFACE},
    plugin::{Loaded, PluginFacts},
    wasi,
};
use sha2::{Digest as _, Sha256};
use wasmtime::{
    Engine, Trap,
    component::{Component, HasSelf, Linker, types::ComponentItem},
};

impl Runtime {
    /// Loads a plugin: checks that it is a component that implements the contract and imports only what is granted.
    /// With `artifacts`, its compiled form is cached there, and the bytes may be an artifact of this host.
    pub fn load(&self, bytes: &[u8], artifacts: Option<&Artifacts>) -> Result<Plugin, LoadError> {
        if Artifacts::is_artifact(bytes) {
            let artifacts = artifacts.ok_or(LoadError::Altered)?;
            let (component, digest) = artifacts.load(&self.engine, bytes)?;
            let plugin = self.admit(&component, digest)?;
            artifacts.keep(bytes, &digest);
            return Ok(plugin);
        }
        check_preamble(bytes)?;
        let digest: [u8; 32] = Sha256::digest(bytes).into();
        if let Some(component) = artifacts.and_then(|kept| kept.find(&self.engine, &digest)) {
            return self.admit(&component, digest);
        }
        let component = self.compile(bytes)?;
        let plugin = self.admit(&component, digest)?;
        if let Some(artifacts) = artifacts {
            let artifact = artifacts.make(&self.engine, &component, bytes, &digest)?;
            artifacts.keep(&artifact, &digest);
        }
        Ok(plugin)
    }

    /// Checks a plugin as `load` does, and returns its compiled form, which only this host can load.
    pub fn compile_ahead(&self, bytes: &[u8], artifacts: &Artifacts) -> Result<Vec<u8>, LoadError> {
        check_preamble(bytes)?;
        let digest: [u8; 32] = Sha256::digest(bytes).into();
        let component = self.compile(bytes)?;
        self.admit(&component, digest)?;
        artifacts.make(&self.engine, &component, bytes, &digest)
    }

    /// Compiles a component if its imports and exports fit; others are refused before compilation.
    fn compile(&self, bytes: &[u8]) -> Result<Component, LoadError> {
        let inspection = inspect(bytes)?;
        check_imports(&inspection.imports)?;
        check_interface(inspection.exports.iter().map(String::as_str))?;
        tracing::info!(bytes = bytes.len(), "compiling a plugin");
        Component::new(&self.engine, bytes).map_err(|error| {
            let text = error.root_cause().to_string();
            // The only way to tell: the pool's limits are checked against a component that is sound.
            match text.contains("pooling allocator") {
                true => LoadError::TooLarge(text),
                false => LoadError::Broken(text),
            }
        })
    }

    /// Accepts a component if it fits the contract.
    fn admit(&self, component: &Component, digest: [u8; 32]) -> Result<Plugin, LoadError> {
        let component_type = component.component_type();
        let engine = component.engine();
        let imports = component_type.imports(engine);
        let imports: Vec<Import> = imports.map(|(name, _)| Import::new(name)).collect();
        check_imports(&imports)?;
        let contract = check_exports(engine, component)?;
        let loaded = link(engine, component, &contract)?;
        let indices = PasswordPluginIndices::new(&loaded.pre).map_err(other_types)?;
        self.check_types(&loaded, &indices)?;
        let description = loaded.without_device(&self.limits, Instance::describe);
        let description = description.map_err(LoadError::DoesNotStart)?;
        let schema = check_description(&description)?;
        let facts = PluginFacts {
            digest,
            contract,
            imports,
            description,
            schema,
        };
        Ok(Plugin::new(self.clone(), loaded, facts))
    }

    /// Starts an instance, and compares its types with the contract's.
    fn check_types(
        &self,
        loaded: &Loaded,
        indices: &PasswordPluginIndices,
    ) -> Result<(), LoadError> {
        let instance = loaded.instantiate(&self.limits, None);
        let checked = instance.and_then(|mut it| it.check_types(indices));
        checked.map_err(|error| match PluginError::from_trap(&error, &self.limits) {
            PluginError::Crashed(_) if !error.is::<Trap>() => other_types(error),
            failure => LoadError::DoesNotStart(failure),
        })
    }
}

fn other_types(error: wasmtime::Error) -> LoadError {
    LoadError::OtherTypes(format!("{error:#}"))
}

/// Links a component of this engine, ready for instances.
fn link(engine: &Engine, component: &Component, contract: &str) -> Result<Loaded, LoadError> {
    let linker = linker(engine).map_err(|e| LoadError::Engine(format!("{e:#}")))?;
    let pre = linker.instantiate_pre(component).map_err(other_types)?;
    let indices = ExportIndices::find(component, contract)
        .ok_or(LoadError::MissingInterface(PLUGIN_INTERFACE))?;
    Ok(Loaded { pre, indices })
}

fn linker(engine: &Engine) -> wasmtime::Result<Linker<HostState>> {
    let mut linker = Linker::new(engine);
    PasswordPlugin::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest| guest)?;
    wasi::add_to_linker(&mut linker)?;
    Ok(linker)
}

fn check_imports(imports: &[Import]) -> Result<(), LoadError> {
    let denied: Vec<Import> = imports.iter().filter(|it| !it.granted).cloned().collect();
    match denied.iter().find(|it| it.is_of_another_contract()) {
        Some(other) => Err(LoadError::OtherVersion {
            found: contract_of(&other.name),
            supported: CONTRACT,
        }),
        None if denied.is_empty() => Ok(()),
        None => Err(LoadError::DeniedImports(denied)),
    }
}

/// The package of an interface of a contract: `mdm:password@2.0.0` of `mdm:password/types@2.0.0`.
fn contract_of(interface: &str) -> String {
    let (package, name) = interface.split_once('/').unwrap_or((interface, ""));
    let (_, version) = name.split_once('@').unwrap_or_default();
    format!("{package}@{version}")
}

/// The name of the contract's interface, in the version that the component exports.
fn check_interface<'a>(
    exports: impl Iterator<Item = &'a str> + Clone,
) -> Result<&'a str, LoadError> {
    if let Some(name) = exports.clone().find(|name| name.starts_with(COMPATIBLE)) {
        return Ok(name);
    }
    let other = exports
        .into_iter()
        .find(|name| name.starts_with(INTERFACE_NAME));
    Err(match other {
        Some(name) => LoadError::OtherVersion {
            found: contract_of(name),
            supported: CONTRACT,
        },
        None => LoadError::MissingInterface(INTERFACE),
    })
}

/// The version of the contract that the component implements.
fn check_exports(engine: &Engine, component: &Component) -> Result<String, LoadError> {
    let component_type = component.component_type();
    let exports: Vec<_> = component_type.exports(engine).collect();
    let name = check_interface(exports.iter().map(|(name, _)| *name))?;
    let interface = exports.iter().find(|(it, _)| *it == name);
    let Some(ComponentItem::ComponentInstance(instance)) = interface.map(|(_, item)| &item.ty)
    else {
        return Err(LoadError::MissingInterface(INTERFACE));
    };
    let exported: Vec<&str> = instance.exports(engine).map(|(name, _)| name).collect();
    let missing: Vec<String> = Function::ALL
        .into_iter()
        .map(Function::as_str)
        .filter(|function| !exported.contains(function))
        .map(str::to_owned)
        .collect();
    if missing.is_empty() {
        let version = name.strip_prefix(INTERFACE_NAME).unwrap_or_default();
        return Ok(version.to_owned());
    }
    Err(LoadError::MissingFunctions {
        interface: INTERFACE,
        functions: missing,
    })
}
