//! The facts of a component file. It is read, never run.

use super::{LoadError, digest::hex, grants::Import, interface::INTERFACE_NAME};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use wasmparser::{KnownCustom, Parser, Payload};

/// The facts of a component file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Inspection {
    /// SHA-256 of the file, in hex.
    pub digest: String,
    /// In bytes.
    pub size: usize,
    /// The version of the contract that it implements, if it does.
    pub contract: Option<String>,
    /// Its imports, with the access that each grants.
    pub imports: Vec<Import>,
    /// The names of what it exports.
    pub exports: Vec<String>,
    /// The author's language, if the component's metadata tells it.
    pub language: Option<String>,
    /// The tools and versions in its metadata, and the languages of all its parts, such as that of an interpreter.
    pub made_by: Vec<String>,
}

/// The tools that identify the author's language. The first match counts: tools that bundle an interpreter come before
/// those that built the interpreter.
const TELLING_TOOLS: [(&str, &str); 5] = [
    ("ComponentizeJS", "JavaScript"),
    ("componentize-py", "Python"),
    // componentize-py leaves this name in place of its own.
    ("component-init-transform", "Python"),
    ("wit-bindgen-rust", "Rust"),
    ("wit-bindgen-c", "C"),
];

/// Reads the facts of a component file.
pub fn inspect(bytes: &[u8]) -> Result<Inspection, LoadError> {
    check_preamble(bytes)?;
    let mut inspection = Inspection {
        digest: hex(&Sha256::digest(bytes)),
        size: bytes.len(),
        contract: None,
        imports: Vec::new(),
        exports: Vec::new(),
        language: None,
        made_by: Vec::new(),
    };
    inspection
        .read(bytes)
        .map_err(|error| LoadError::Broken(error.to_string()))?;
    inspection.contract = inspection
        .exports
        .iter()
        .find_map(|export| export.strip_prefix(INTERFACE_NAME))
        .map(str::to_owned);
    let made_by = |tool: &str| inspection.made_by.iter().any(|it| it.starts_with(tool));
    let telling = TELLING_TOOLS.iter().find(|(tool, _)| made_by(tool));
    inspection.language = telling.map(|(_, language)| (*language).to_owned());
    Ok(inspection)
}

/// The first eight bytes tell a component from a module, and both from anything else.
pub(super) fn check_preamble(bytes: &[u8]) -> Result<(), LoadError> {
    match bytes {
        [0, b'a', b's', b'm', _, _, 0, 0, ..] => Err(LoadError::CoreModule),
        [0, b'a', b's', b'm', _, _, 1, 0, ..] => Ok(()),
        _ => Err(LoadError::NotWasm),
    }
}

impl Inspection {
    fn read(&mut self, bytes: &[u8]) -> wasmparser::Result<()> {
        let mut depth = 0;
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth -= 1,
                Payload::ComponentImportSection(section) if depth == 0 => {
                    for import in section {
                        self.imports.push(Import::new(import?.name.name));
                    }
                }
                Payload::ComponentExportSection(section) if depth == 0 => {
                    for export in section {
                        self.exports.push(export?.name.name.to_owned());
                    }
                }
                Payload::CustomSection(section) => {
                    if let KnownCustom::Producers(producers) = section.as_known() {
                        self.read_producers(producers)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn read_producers(
        &mut self,
        producers: wasmparser::ProducersSectionReader<'_>,
    ) -> wasmparser::Result<()> {
        for field in producers {
            for value in field?.values {
                let value = value?;
                let text = format!("{} {}", value.name, value.version)
                    .trim()
                    .to_owned();
                if !self.made_by.contains(&text) {
                    self.made_by.push(text);
                }
            }
        }
        Ok(())
    }
}
