//! The names of the interfaces that a plugin exports.

/// The contract, as this host knows it.
pub(crate) const CONTRACT: &str = "mdm:password@1.0.0";
/// The interface that a plugin exports, as this host knows it.
pub(crate) const INTERFACE: &str = "mdm:password/password@1.0.0";
/// The same, without its version.
pub(crate) const INTERFACE_NAME: &str = "mdm:password/password@";
/// The prefix of the interface's name in every version that this host can load.
pub(crate) const COMPATIBLE: &str = "mdm:password/password@1.";

/// The interface by which a plugin describes itself, as this host knows it.
pub(crate) const PLUGIN_INTERFACE: &str = "mdm:password/plugin@1.0.0";
/// The same, without its version.
pub(crate) const PLUGIN_INTERFACE_NAME: &str = "mdm:password/plugin@";
