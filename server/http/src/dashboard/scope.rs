//! The form fields of a device scope.

use maud::{Markup, html};
use mdm_server_core::access::DeviceScope;
use serde::Deserialize;

/// A device scope as form fields.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Devices {
    /// `all`, or those of the groups.
    devices: String,
    /// Names of groups, with commas between them.
    groups: String,
}

impl Devices {
    /// All devices only where that was chosen: what is missing in a form is none.
    pub(super) fn scope(&self) -> DeviceScope {
        let names = self.groups.split(',').map(str::trim);
        let names = names.filter(|it| !it.is_empty()).map(str::to_owned);
        match self.devices.as_str() {
            "all" => DeviceScope::ALL,
            _ => DeviceScope(Some(names.collect())),
        }
    }

    /// As the form shows it.
    pub(super) fn of(scope: &DeviceScope) -> Self {
        let groups: Vec<&str> = scope.0.iter().flatten().map(String::as_str).collect();
        let devices = if scope.0.is_none() { "all" } else { "groups" };
        Self {
            devices: devices.to_owned(),
            groups: groups.join(", "),
        }
    }

    /// Its fields.
    pub(super) fn fields(&self) -> Markup {
        let choice = |value: &str, name: &str| {
            html! {
                label .check {
                    input type="radio" name="devices" value=(value) required checked[self.devices == value];
                    span { (name) }
                }
            }
        };
        html! {
            fieldset {
                legend { "Devices" }
                (choice("all", "All devices"))
                (choice("groups", "Those of these groups"))
                label for="groups" { "Groups " span .quiet { "(with commas between them)" } }
                input #groups type="text" name="groups" value=(self.groups) autocapitalize="off"
                    spellcheck="false" aria-describedby="fault";
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_devices_are_chosen_and_never_come_of_what_is_missing() {
        let typed = |devices: &str, groups: &str| Devices {
            devices: devices.into(),
            groups: groups.into(),
        };
        assert_eq!(typed("all", "").scope(), DeviceScope::ALL);
        let none = DeviceScope(Some([].into()));
        assert_eq!(typed("groups", " , ").scope(), none);
        assert_eq!(Devices::default().scope(), none);
        let two = typed("groups", "sales, it,,").scope();
        assert_eq!(two, DeviceScope(Some(["it".into(), "sales".into()].into())));
        assert_eq!(Devices::of(&two).groups, "it, sales");
    }
}
