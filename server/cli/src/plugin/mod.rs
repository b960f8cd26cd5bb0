//! `mdm-server plugin`: which plugin decides on a running server. `mdm-plugin` makes and checks plugins.

pub(super) mod file;
mod shadow;
mod swap;

use clap::Subcommand;

#[derive(Subcommand)]
pub(super) enum Plugin {
    /// Show the plugin of a running server.
    Show(swap::Show),
    /// Make another plugin active on a running server, from the next call on.
    Use(swap::Use),
    /// Change the settings of the active plugin, from the next call on.
    Settings(swap::Settings),
    /// Make the previous plugin active again, with its settings.
    RollBack(swap::RollBack),
    /// Run a plugin in the shadow of the active one, without effect, and show the differences.
    Shadow(shadow::Shadow),
}

impl Plugin {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Show(show) => show.run().await,
            Self::Use(swap) => swap.run().await,
            Self::Settings(settings) => settings.run().await,
            Self::RollBack(roll_back) => roll_back.run().await,
            Self::Shadow(shadow) => shadow.run().await,
        }
    }
}
