//! The place of the active plugin. Another one can take it between any two calls; a new one is on trial
//! until it has decided some calls, and gives the place back if too many of them fail.

use super::{Function, Plugin, PluginError};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// When a new plugin is taken out again: when this many of its first calls fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TrialTerms {
    /// So many failed calls, of whatever function, end the trial.
    pub failures: u32,
    /// So many calls pass it. Those that only ask don't count: agents make a hundred of them in a second.
    pub calls: u32,
}

impl Default for TrialTerms {
    fn default() -> Self {
        Self {
            failures: 3,
            calls: 100,
        }
    }
}

/// How far the trial of a new plugin is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Trial {
    /// Calls so far that decided something.
    pub calls: u32,
    /// Calls so far that failed.
    pub failures: u32,
}

/// How a trial ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrialEnd {
    /// The plugin stays.
    Passed,
    /// Too many of its calls failed: the plugin before it is to be put back.
    Failed,
}

/// A plugin in the slot.
#[derive(Clone)]
pub struct Slotted {
    /// The plugin.
    pub plugin: Arc<Plugin>,
    /// Whether it is the one that the host starts with, and not one that an admin chose.
    pub is_default: bool,
    /// Whether it has passed a trial, or needs none. Until then it is on trial whenever it is active.
    pub is_proven: bool,
}

/// What is in the slot at one moment.
#[derive(Clone)]
pub struct Places {
    /// The plugin that decides.
    pub active: Slotted,
    /// The one that a roll back puts back. While the active one is on trial, it is a proven one.
    pub previous: Option<Slotted>,
}

impl Places {
    /// The places once this plugin is active. The one that it replaces can be had back by a roll back; but
    /// an unproven one can't be what another unproven one falls back on.
    pub fn with(&self, plugin: Slotted) -> Self {
        let is_previous = |it: &&Slotted| it.plugin.digest() == plugin.plugin.digest();
        if self.previous.as_ref().filter(is_previous).is_some() {
            return self.rolled_back().unwrap_or_else(|| self.clone());
        }
        let previous = match self.active.is_proven {
            true => Some(self.active.clone()),
            false => self.previous.clone(),
        };
        Self {
            active: plugin,
            previous,
        }
    }

    /// The places once the previous plugin is active again; none: there is no such plugin.
    pub fn rolled_back(&self) -> Option<Self> {
        Some(Self {
            active: self.previous.clone()?,
            previous: Some(self.active.clone()),
        })
    }

    /// The places once the active plugin has passed its trial.
    pub fn proven(&self) -> Self {
        let mut places = self.clone();
        places.active.is_proven = true;
        places
    }

    /// What decides in place of the active plugin where that fails, while it is on trial.
    pub fn substitute(&self) -> Option<Arc<Plugin>> {
        let proven = self.previous.as_ref().filter(|it| it.is_proven)?;
        (!self.active.is_proven).then(|| Arc::clone(&proven.plugin))
    }

    /// Whether this plugin is the active one, and on trial.
    pub fn is_on_trial(&self, plugin: &Arc<Plugin>) -> bool {
        !self.active.is_proven && Arc::ptr_eq(&self.active.plugin, plugin)
    }
}

/// The place of the active plugin.
pub struct Slot {
    terms: TrialTerms,
    content: Mutex<(Places, Trial)>,
}

impl Slot {
    /// A slot with these plugins in it.
    pub fn new(places: Places, terms: TrialTerms) -> Self {
        Self {
            terms,
            content: Mutex::new((places, Trial::default())),
        }
    }

    /// What is in it now.
    pub fn places(&self) -> Places {
        self.lock().0.clone()
    }

    /// How far the trial of the active plugin is; none: it is on none.
    pub fn trial(&self) -> Option<Trial> {
        let (places, trial) = &*self.lock();
        (!places.active.is_proven).then_some(*trial)
    }

    /// When a new plugin is taken out again.
    pub fn terms(&self) -> TrialTerms {
        self.terms
    }

    /// Puts plugins in. A trial begins anew.
    pub fn put(&self, places: Places) {
        *self.lock() = (places, Trial::default());
    }

    /// Takes note of how a call of this plugin ended, and says so if that ends its trial: whoever keeps
    /// what was chosen then puts the places in that follow.
    pub fn note(
        &self,
        plugin: &Arc<Plugin>,
        function: Function,
        failure: Option<&PluginError>,
    ) -> Option<TrialEnd> {
        let (places, trial) = &mut *self.lock();
        if !places.is_on_trial(plugin) {
            return None;
        }
        trial.calls += u32::from(function.decides());
        trial.failures += u32::from(failure.is_some_and(PluginError::is_the_plugins_fault));
        if trial.failures >= self.terms.failures {
            Some(TrialEnd::Failed)
        } else if trial.calls >= self.terms.calls {
            Some(TrialEnd::Passed)
        } else {
            None
        }
    }

    fn lock(&self) -> MutexGuard<'_, (Places, Trial)> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, Runtime};
    use mdm_password_component::REFERENCE;

    /// Plugins of one build are told apart by their places in memory.
    fn plugin(is_proven: bool) -> Slotted {
        let limits = Limits {
            instances: 1,
            ..Limits::default()
        };
        let plugin = Runtime::new(limits).unwrap().load(REFERENCE, None).unwrap();
        Slotted {
            plugin: Arc::new(plugin),
            is_default: false,
            is_proven,
        }
    }

    fn on_trial(failures: u32, calls: u32) -> (Slot, Slotted, Slotted) {
        let (old, new) = (plugin(true), plugin(false));
        let places = Places {
            active: new.clone(),
            previous: Some(old.clone()),
        };
        (Slot::new(places, TrialTerms { failures, calls }), old, new)
    }

    fn is(places: &Slotted, plugin: &Slotted) -> bool {
        Arc::ptr_eq(&places.plugin, &plugin.plugin)
    }

    fn crash() -> PluginError {
        PluginError::Crashed("unreachable".into())
    }

    #[test]
    fn too_many_failures_of_whatever_function_end_a_trial() {
        let (slot, old, new) = on_trial(2, 10);
        let crash = crash();
        let note = |function, failure| slot.note(&new.plugin, function, failure);
        assert_eq!(note(Function::Status, Some(&crash)), None);
        assert_eq!(note(Function::Reset, None), None);
        let not_its_fault = PluginError::OutOfService(Function::Reset);
        assert_eq!(note(Function::Reset, Some(&not_its_fault)), None);
        assert_eq!(note(Function::Report, Some(&crash)), Some(TrialEnd::Failed));
        slot.put(slot.places().rolled_back().unwrap());
        assert!(is(&slot.places().active, &old));
        assert_eq!(
            slot.note(&new.plugin, Function::Reset, Some(&crash)),
            None,
            "a call that was under way says nothing of the plugin that is back"
        );
        assert_eq!(slot.trial(), None);
    }

    #[test]
    fn calls_that_only_ask_pass_no_trial() {
        let (slot, _, new) = on_trial(1, 2);
        for _ in 0..1000 {
            assert_eq!(slot.note(&new.plugin, Function::PolicyOverride, None), None);
        }
        assert_eq!(slot.note(&new.plugin, Function::Reset, None), None);
        assert_eq!(
            slot.note(&new.plugin, Function::Report, None),
            Some(TrialEnd::Passed)
        );
        slot.put(slot.places().proven());
        assert_eq!(slot.trial(), None);
        assert_eq!(
            slot.note(&new.plugin, Function::Reset, Some(&crash())),
            None,
            "it stays, whatever happens"
        );
    }

    #[test]
    fn a_plugin_on_trial_falls_back_on_a_proven_one_and_on_no_other() {
        let (slot, old, _) = on_trial(1, 2);
        let mut newer = plugin(false);
        // Of the same build as the others: `with` would take it for the previous one.
        let places = slot.places();
        assert!(Arc::ptr_eq(&places.substitute().unwrap(), &old.plugin));
        newer.is_default = true;
        let back = places.with(newer);
        assert!(
            is(&back.active, &old),
            "the previous one was chosen by name"
        );
        assert!(back.substitute().is_none(), "a proven one needs none");
        let again = back.rolled_back().unwrap();
        assert!(
            !again.active.is_proven,
            "a plugin that never passed its trial is on trial again"
        );
    }
}
