//! `mdm-plugin inspect`.

use crate::component::{self, size};
use clap::Args;
use mdm_contract::PluginDescription;
use mdm_password_host::{Inspection, Plugin, inspect};
use mdm_terminal::{escape::Escaped, out, values};
use serde::Serialize;
use std::{fmt::Write as _, path::PathBuf};

#[derive(Args)]
pub(crate) struct Inspect {
    /// The component.
    file: PathBuf,
    /// Print JSON, for scripts.
    #[arg(long)]
    json: bool,
}

/// The facts of a component file, and the result of loading it.
#[derive(Serialize)]
struct Inspected {
    #[serde(flatten)]
    inspection: Inspection,
    /// The description of the plugin by itself, if it could be loaded.
    description: Option<PluginDescription>,
    /// The error of loading it.
    refusal: Option<String>,
}

impl Inspect {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let bytes = component::read(&self.file)?;
        let inspection = inspect(&bytes).map_err(|error| component::refused(&self.file, &error))?;
        let loaded = component::runtime(1)?.load(&bytes, None);
        let inspected = Inspected {
            inspection,
            description: loaded.as_ref().ok().map(Plugin::description).cloned(),
            refusal: loaded.err().map(|error| component::explained(&error)),
        };
        if self.json {
            out::line(values::json(&inspected)?)?;
        } else {
            out::text(page(&inspected)?)?;
        }
        Ok(())
    }
}

fn page(inspected: &Inspected) -> Result<String, std::fmt::Error> {
    let inspection = &inspected.inspection;
    let mut page = String::new();
    if let Some(description) = &inspected.description {
        writeln!(
            page,
            "plugin     {} {}",
            Escaped(&description.name),
            Escaped(&description.version)
        )?;
        writeln!(page, "summary    {}", Escaped(&description.summary))?;
        let defaults = compact(&description.default_settings);
        writeln!(page, "defaults   {}", Escaped(&defaults))?;
    }
    writeln!(page, "digest     sha256:{}", inspection.digest)?;
    writeln!(page, "size       {}", size(inspection.size))?;
    let contract = inspection.contract.as_deref();
    let contract = contract.unwrap_or("none: it is no plugin");
    writeln!(page, "contract   {}", Escaped(contract))?;
    let language = inspection.language.as_deref();
    writeln!(page, "language   {}", language.unwrap_or("it doesn't tell"))?;
    writeln!(
        page,
        "made by    {}",
        Escaped(&inspection.made_by.join(", "))
    )?;
    writeln!(page, "wants to")?;
    for import in &inspection.imports {
        let grant = if import.granted { "granted" } else { "DENIED" };
        writeln!(
            page,
            "  {grant:8} {:57} {}",
            import.permission,
            Escaped(&import.name)
        )?;
    }
    writeln!(
        page,
        "exports    {}",
        Escaped(&inspection.exports.join(", "))
    )?;
    match &inspected.refusal {
        None => writeln!(page, "this host  loads it"),
        Some(refusal) => writeln!(page, "this host  refuses it: {}", Escaped(refusal)),
    }?;
    Ok(page)
}

/// JSON in one line.
fn compact(json: &str) -> String {
    let parsed = serde_json::from_str::<serde_json::Value>(json);
    parsed.map_or_else(|_| json.to_owned(), |value| value.to_string())
}
