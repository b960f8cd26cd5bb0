//! The options of a server about plugins: the default one, and the terms by which another one is accepted.

use super::plugin_check;
use crate::error::ServerError;
use mdm_password_host::{Artifacts, CanaryTerms, Plugin, Trust, WhenCanaryFails};

/// The options of a server about plugins.
pub struct PluginOptions {
    /// Plugin that is active unless another one was chosen.
    pub default: Plugin,
    /// Folder of compiled plugins.
    pub artifacts: Option<Artifacts>,
    /// Terms for promotion and rollback of a canary.
    pub canary_terms: CanaryTerms,
    /// Handling of a call that fails on a canary.
    pub when_canary_fails: WhenCanaryFails,
    /// Trust rules for plugins.
    pub trust: Trust,
    /// `true` if the conformance kit checks the plugins of the server's start. It always checks a plugin that an admin
    /// chooses.
    pub checked_at_start: bool,
}

impl PluginOptions {
    /// Errors with `DoesNotConform` if the default plugin fails its check at the start.
    pub fn check(&self) -> Result<(), ServerError> {
        match self.checked_at_start {
            true => plugin_check::check_at_start(&self.default, self.artifacts.as_ref()),
            false => Ok(()),
        }
    }
}

impl From<Plugin> for PluginOptions {
    /// Options with this plugin and otherwise the defaults.
    fn from(default: Plugin) -> Self {
        Self {
            default,
            artifacts: None,
            canary_terms: CanaryTerms::default(),
            when_canary_fails: WhenCanaryFails::default(),
            trust: Trust::default(),
            checked_at_start: true,
        }
    }
}
