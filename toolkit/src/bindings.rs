//! `mdm-plugin bindings`.

use anyhow::Context as _;
use clap::Args;
use mdm_terminal::out;
use std::{fs, path::PathBuf};
use wit_bindgen_c::{Enabled, Opts};
use wit_bindgen_core::{Files, wit_parser::Resolve};

/// The world that a plugin implements.
const WORLD: &str = "password-plugin";
/// The prefix of the contract's types and of the files that are generated.
const PREFIX: &str = "mdm";

#[derive(Args)]
pub(crate) struct Bindings {
    /// The folder of the contract's WIT files.
    #[arg(long, value_name = "FOLDER", default_value = "wit")]
    wit: PathBuf,
    /// The folder to write `mdm.h`, `mdm.c` and `mdm_component_type.o` into. It is created if it does not exist.
    #[arg(long, value_name = "FOLDER", default_value = "build")]
    output: PathBuf,
}

impl Bindings {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let mut resolve = Resolve::default();
        let (package, _) = resolve
            .push_path(&self.wit)
            .with_context(|| format!("{} is not a folder of WIT files", self.wit.display()))?;
        let world = resolve.select_world(&[package], Some(WORLD))?;
        let options = Opts {
            rename: short_names(&resolve),
            rename_world: Some(PREFIX.into()),
            autodrop_borrows: Enabled::Yes,
            ..Opts::default()
        };
        let mut files = Files::default();
        options.build().generate(&mut resolve, world, &mut files)?;
        fs::create_dir_all(&self.output)
            .with_context(|| format!("{} can't be created", self.output.display()))?;
        for (name, contents) in files.iter() {
            let path = self.output.join(name);
            fs::write(&path, contents)
                .with_context(|| format!("{} can't be written", path.display()))?;
            out::line(format_args!("{}", path.display()))?;
        }
        Ok(())
    }
}

/// Maps each interface to its own name in snake case, and `types` to the prefix: `mdm_device_t` and
/// `device_store_get_device` instead of names with the package and its version.
fn short_names(resolve: &Resolve) -> Vec<(String, String)> {
    let names = resolve.interfaces.iter().filter_map(|(id, interface)| {
        let name = interface.name.as_deref()?;
        let short = match name {
            "types" => PREFIX.to_owned(),
            name => name.replace('-', "_"),
        };
        Some((resolve.id_of(id)?, short))
    });
    names.collect()
}
