//! The ways in which the program breaks a promise, for tests of the kit.

/// A broken promise.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// A commit writes over what another writer committed.
    IgnoresVersions,
    /// The store keeps the password as it is.
    StoresPlaintext,
    /// The sealed password of a command that has ended stays in the store.
    KeepsSealed,
    /// Settings that are refused take the plugin back to its default settings.
    ForgetsSettings,
    /// Messages are shown as the plugin wrote them.
    ShowsControlCharacters,
    /// A call may run for a minute.
    HasNoTimeLimit,
}

impl Wrong {
    /// Reads a name.
    pub(crate) fn parse(name: &str) -> anyhow::Result<Self> {
        Ok(match name {
            "ignores-versions" => Self::IgnoresVersions,
            "stores-plaintext" => Self::StoresPlaintext,
            "keeps-sealed" => Self::KeepsSealed,
            "forgets-settings" => Self::ForgetsSettings,
            "shows-control-characters" => Self::ShowsControlCharacters,
            "has-no-time-limit" => Self::HasNoTimeLimit,
            other => anyhow::bail!("there is no wrong host {other}"),
        })
    }
}
