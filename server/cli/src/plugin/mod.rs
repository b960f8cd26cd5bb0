//! `mdm-server plugin`: which plugin decides on a running server. `mdm-plugin` makes and checks plugins.

pub(super) mod file;
mod shadow;
mod swap;

use clap::Subcommand;

#[derive(Subcommand)]
pub(super) enum Plugin {
    /// Show which plugin decides on a running host.
    Show(swap::Show),
    /// Let another plugin decide on a running host, from the next call on.
    Use(swap::Use),
    /// Let the plugin decide again that did before.
    RollBack(swap::RollBack),
    /// Run a plugin in the shadow of the active one, without effect, and show where they differ.
    Shadow(shadow::Shadow),
}

impl Plugin {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Show(show) => show.run().await,
            Self::Use(swap) => swap.run().await,
            Self::RollBack(roll_back) => roll_back.run().await,
            Self::Shadow(shadow) => shadow.run().await,
        }
    }
}
