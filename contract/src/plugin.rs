//! A plugin's description of itself, and the faults of its settings.

use serde::{Deserialize, Serialize};
#[cfg(feature = "component")]
use wasmtime::component::{ComponentType, Lift, Lower};

/// The description of a plugin, by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "component",
    derive(ComponentType, Lift, Lower),
    component(record)
)]
pub struct PluginDescription {
    /// Its name.
    pub name: String,
    /// Its version, by semantic versioning.
    pub version: String,
    /// Its purpose, in a few words for the operator.
    pub summary: String,
    /// The JSON Schema (draft 2020-12) of its settings.
    #[cfg_attr(feature = "component", component(name = "settings-schema"))]
    pub settings_schema: String,
    /// Its settings if the operator chooses none: a JSON object.
    #[cfg_attr(feature = "component", component(name = "default-settings"))]
    pub default_settings: String,
}

/// One fault of a plugin's settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "component",
    derive(ComponentType, Lift, Lower),
    component(record)
)]
pub struct SettingsFault {
    /// The field, as a JSON Pointer (RFC 6901). Empty for the whole.
    pub field: String,
    /// The fault, in words for the operator.
    pub message: String,
}
