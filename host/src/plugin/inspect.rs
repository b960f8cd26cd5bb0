//! What a component file says of itself. It is read, never run.

use super::{LoadError, grants::Import, load};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use wasmparser::{KnownCustom, Parser, Payload};

/// What a component file says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Inspection {
    /// SHA-256 of the file, in hex.
    pub digest: String,
    /// In bytes.
    pub size: usize,
    /// The version of the contract that it implements, if it does.
    pub contract: Option<String>,
    /// What it imports, and what that lets it do.
    pub imports: Vec<Import>,
    /// The names of what it exports.
    pub exports: Vec<String>,
    /// The languages that it says it is made from, with their versions.
    pub languages: Vec<String>,
    /// The tools that it says made it, with their versions.
    pub tools: Vec<String>,
}

/// Reads what a component file says of itself.
pub fn inspect(bytes: &[u8]) -> Result<Inspection, LoadError> {
    load::check_preamble(bytes)?;
    let mut inspection = Inspection {
        digest: hex(&Sha256::digest(bytes)),
        size: bytes.len(),
        contract: None,
        imports: Vec::new(),
        exports: Vec::new(),
        languages: Vec::new(),
        tools: Vec::new(),
    };
    inspection
        .read(bytes)
        .map_err(|error| LoadError::Broken(error.to_string()))?;
    inspection.contract = inspection
        .exports
        .iter()
        .find_map(|export| export.strip_prefix(load::INTERFACE_NAME))
        .map(str::to_owned);
    Ok(inspection)
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
            let field = field?;
            let list = match field.name {
                "language" => &mut self.languages,
                _ => &mut self.tools,
            };
            for value in field.values {
                let value = value?;
                let text = format!("{} {}", value.name, value.version)
                    .trim()
                    .to_owned();
                if !list.contains(&text) {
                    list.push(text);
                }
            }
        }
        Ok(())
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
