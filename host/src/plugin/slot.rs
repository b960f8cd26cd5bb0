//! The place of the active plugin. Another one can take it between any two calls; a new one is on trial
//! for its first calls, and gives the place back if too many of them fail.

use super::{Plugin, PluginError};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// When a new plugin is taken out again: when this many of its first calls fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrialTerms {
    /// So many failed calls end the trial.
    pub failures: u32,
    /// Of so many calls.
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
pub struct Trial {
    /// Calls so far.
    pub calls: u32,
    /// Those of them that failed.
    pub failures: u32,
}

/// A plugin in the slot.
#[derive(Clone)]
pub struct Slotted {
    /// The plugin.
    pub plugin: Arc<Plugin>,
    /// Whether it is the one that the host starts with, and not one that an admin chose.
    pub is_default: bool,
}

/// What is in the slot at one moment.
#[derive(Clone)]
pub struct Places {
    /// The plugin that decides.
    pub active: Slotted,
    /// The one before it.
    pub previous: Option<Slotted>,
    /// Set while the active plugin is new.
    pub trial: Option<Trial>,
}

/// The place of the active plugin.
pub struct Slot {
    terms: TrialTerms,
    places: Mutex<Places>,
}

impl Slot {
    /// A slot with a plugin that is on no trial, and the one before it.
    pub fn new(active: Slotted, previous: Option<Slotted>, terms: TrialTerms) -> Self {
        Self {
            terms,
            places: Mutex::new(Places {
                active,
                previous,
                trial: None,
            }),
        }
    }

    /// What is in it now.
    pub fn places(&self) -> Places {
        self.lock().clone()
    }

    /// When a new plugin is taken out again.
    pub fn terms(&self) -> TrialTerms {
        self.terms
    }

    /// Puts a plugin in; the active one becomes the previous one. The new one is on trial, unless it is the
    /// one that the host starts with.
    pub fn swap(&self, plugin: Slotted) {
        let mut places = self.lock();
        let trial = (!plugin.is_default).then(Trial::default);
        let before = std::mem::replace(&mut places.active, plugin);
        places.previous = Some(before);
        places.trial = trial;
    }

    /// Puts the previous plugin back. It is on no trial: it was active before. False: there is none.
    pub fn roll_back(&self) -> bool {
        roll_back(&mut self.lock())
    }

    /// Takes note of how a call of this plugin ended. True: that was one failure too many, and the
    /// previous plugin is back.
    pub fn note(&self, plugin: &Arc<Plugin>, failure: Option<&PluginError>) -> bool {
        let mut places = self.lock();
        let was_not_called = matches!(failure, Some(PluginError::OutOfService));
        if was_not_called || !Arc::ptr_eq(&places.active.plugin, plugin) {
            return false;
        }
        let Some(trial) = &mut places.trial else {
            return false;
        };
        trial.calls += 1;
        trial.failures += u32::from(failure.is_some_and(PluginError::is_the_plugins_fault));
        if trial.failures >= self.terms.failures {
            return roll_back(&mut places);
        }
        if trial.calls >= self.terms.calls {
            places.trial = None;
        }
        false
    }

    fn lock(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn roll_back(places: &mut Places) -> bool {
    let Some(previous) = places.previous.take() else {
        return false;
    };
    let failed = std::mem::replace(&mut places.active, previous);
    places.previous = Some(failed);
    places.trial = None;
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::{Limits, REFERENCE, Runtime};

    fn plugin() -> Slotted {
        let limits = Limits {
            instances: 1,
            ..Limits::default()
        };
        let plugin = Runtime::new(limits).unwrap().load(REFERENCE, None).unwrap();
        Slotted {
            plugin: Arc::new(plugin),
            is_default: false,
        }
    }

    fn slot_on_trial(failures: u32, calls: u32) -> (Slot, Slotted, Slotted) {
        let (old, new) = (plugin(), plugin());
        let slot = Slot::new(old.clone(), None, TrialTerms { failures, calls });
        slot.swap(new.clone());
        (slot, old, new)
    }

    fn is_active(slot: &Slot, plugin: &Slotted) -> bool {
        Arc::ptr_eq(&slot.places().active.plugin, &plugin.plugin)
    }

    #[test]
    fn a_new_plugin_that_fails_too_often_gives_the_place_back() {
        let (slot, old, new) = slot_on_trial(2, 10);
        let crash = PluginError::Crashed("unreachable".into());
        assert!(!slot.note(&new.plugin, Some(&crash)));
        assert!(!slot.note(&new.plugin, None));
        assert!(is_active(&slot, &new));
        assert!(slot.note(&new.plugin, Some(&crash)));
        assert!(is_active(&slot, &old));
        assert!(
            !slot.note(&new.plugin, Some(&crash)),
            "a call that was under way says nothing of the plugin that is back"
        );
        assert!(is_active(&slot, &old));
    }

    #[test]
    fn a_plugin_that_has_passed_its_trial_stays_whatever_happens() {
        let (slot, _, new) = slot_on_trial(1, 3);
        for _ in 0..3 {
            assert!(!slot.note(&new.plugin, None));
        }
        assert_eq!(slot.places().trial, None);
        let crash = PluginError::Crashed("unreachable".into());
        assert!(!slot.note(&new.plugin, Some(&crash)));
        assert!(is_active(&slot, &new));
    }

    #[test]
    fn a_roll_back_can_itself_be_rolled_back() {
        let (slot, old, new) = slot_on_trial(1, 3);
        assert!(slot.roll_back());
        assert!(is_active(&slot, &old));
        assert!(slot.roll_back());
        assert!(is_active(&slot, &new));
        let alone = Slot::new(old.clone(), None, TrialTerms::default());
        assert!(!alone.roll_back());
        assert!(is_active(&alone, &old));
    }
}
