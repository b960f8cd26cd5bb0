//! Grants: the imports that plugins may have, in words for the admin. Any other import is denied.

/// The contract's own interfaces, of any 1.x: a later one only adds to 1.0.
const CONTRACT: &str = "mdm:password/";

/// The granted imports: the beginning of a name, and the access that it gives.
const GRANTED: [(&str, &str); 11] = [
    ("mdm:password/types@1.", "use the contract's types"),
    (
        "mdm:password/secrets@1.",
        "measure the password that a call was given, never read it",
    ),
    (
        "mdm:password/device-store@1.",
        "read and change the one device that a call is about",
    ),
    (
        "mdm:password/transport@1.",
        "send commands to the device that a call is about",
    ),
    ("mdm:password/settings@1.", "read its own settings"),
    (
        "mdm:password/logging@1.",
        "write a limited number of messages into the host's log",
    ),
    ("wasi:clocks/wall-clock@0.2.", "tell the time"),
    ("wasi:clocks/monotonic-clock@0.2.", "measure time"),
    ("wasi:random/random@0.2.", "get random numbers"),
    ("wasi:random/insecure@0.2.", "get random numbers"),
    ("wasi:random/insecure-seed@0.2.", "get random numbers"),
];

/// The denied imports: the beginning of a name, and the access that it would give.
const DENIED: [(&str, &str); 9] = [
    ("wasi:filesystem/", "read and write files"),
    ("wasi:sockets/", "use the network"),
    ("wasi:http/", "make HTTP requests"),
    ("wasi:cli/environment", "read the host's environment"),
    ("wasi:cli/exit", "end the host's process"),
    ("wasi:cli/", "use the host's terminal"),
    ("wasi:io/", "read and write streams, and wait"),
    ("wasi:clocks/", "tell the time of other zones, and wait"),
    ("mdm:password/", "another version of the contract"),
];

/// An import of a component, and the access that it gives.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Import {
    /// Its name, such as `wasi:random/random@0.2.6`.
    pub name: String,
    /// It is granted.
    pub granted: bool,
    /// The access that it gives.
    pub permission: &'static str,
}

impl Import {
    /// All families of imports that are granted or denied by name, for documentation and user interfaces: `name` is
    /// how names of the family begin. An import belongs to the first family that fits, and is denied if none does.
    pub fn families() -> impl Iterator<Item = Self> {
        let family = |granted| {
            move |&(start, permission): &(&str, &'static str)| Self {
                name: start.to_owned(),
                granted,
                permission,
            }
        };
        let denied = DENIED.iter().map(family(false));
        GRANTED.iter().map(family(true)).chain(denied)
    }

    pub(super) fn new(name: &str) -> Self {
        let words = |list: &[(&str, &'static str)]| {
            list.iter()
                .find(|(start, _)| name.starts_with(start))
                .map(|(_, permission)| *permission)
        };
        let granted = words(&GRANTED);
        Self {
            name: name.to_owned(),
            granted: granted.is_some(),
            permission: granted
                .or_else(|| words(&DENIED))
                .unwrap_or("something that is not of the contract"),
        }
    }

    /// Returns `true` if it is the contract's, in a version that this host doesn't have.
    pub(super) fn is_of_another_contract(&self) -> bool {
        !self.granted && self.name.starts_with(CONTRACT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_granted_by_name_is_denied() {
        for (name, granted) in [
            ("mdm:password/transport@1.0.0", true),
            ("mdm:password/transport@1.7.0", true),
            ("mdm:password/transport@2.0.0", false),
            ("mdm:password/passwords@1.0.0", false),
            ("wasi:clocks/wall-clock@0.2.3", true),
            ("wasi:clocks/timezone@0.2.6", false),
            ("wasi:random/random@0.2.6", true),
            ("wasi:filesystem/types@0.2.6", false),
            ("acme:backdoor/door", false),
            ("", false),
        ] {
            assert_eq!(Import::new(name).granted, granted, "{name}");
        }
    }
}
