//! The plugins that tests load, as `build.rs` has built them.

pub use mdm_probe_component::PROBE;

/// The Rust example: passwords of 8 or more that can't be guessed, and an expiry after a day.
pub const CORPORATE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/corporate-plugin.wasm"));

/// The reference plugin, built against a draft 1.1 of the contract (`tests/next`).
pub const NEXT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/mdm-next.wasm"));

/// The reference plugin with a mark that selects the rule to break (`tests/wrong`).
const WRONG: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/mdm-wrong.wasm"));
const MARK: &[u8] = b"breaks-rule-";

/// The number at the mark of the plugin that looks for no conflict on devices of the group `vip`, and keeps every rule
/// on all others.
pub const SKIPS_CONFLICTS_IN_VIP: u8 = 97;

/// The number at the mark of the plugin that keeps every rule, and crashes on devices of the group
/// `minefield`.
pub const CRASHES: u8 = 99;

/// The number at the mark of the plugin that refuses everything but resets in its own words.
pub const REFUSES_ALL_BUT_RESETS: u8 = 98;

/// The ways in which the wrong plugins break each rule.
pub const BREACHES: [(u8, &str); 12] = [
    (1, "a"),
    (2, "a"),
    (3, "a"),
    (4, "ab"),
    (5, "a"),
    (6, "a"),
    (7, "a"),
    (8, "a"),
    (9, "a"),
    (10, "abcde"),
    (11, "ab"),
    (12, "abcdefghi"),
];

/// The ways in which plugins break no rule, and choose otherwise than the reference.
pub const CHOICES: &str = "bcd";

/// The reference plugin with one rule broken in the first way; 0: with none.
pub fn breaking(rule: u8) -> Vec<u8> {
    breaking_by(rule, 'a')
}

/// The reference plugin with one rule broken in this way.
pub fn breaking_by(rule: u8, way: char) -> Vec<u8> {
    let breach = format!("{rule:02}{way}");
    overwritten(WRONG, only(WRONG, MARK) + MARK.len(), breach.as_bytes())
}

/// The probe with this name in its description, of the length of its own.
pub fn probe_named(name: &[u8; 16]) -> Vec<u8> {
    overwritten(PROBE, only(PROBE, b"the-probe-plugin"), name)
}

/// The place of a text in a component, which has it once.
fn only(component: &[u8], text: &[u8]) -> usize {
    let windows = component.windows(text.len()).enumerate();
    let found = windows.filter(|(_, bytes)| *bytes == text);
    let places: Vec<usize> = found.map(|(place, _)| place).collect();
    assert_eq!(places.len(), 1, "the text is there once");
    places[0]
}

fn overwritten(component: &[u8], place: usize, by: &[u8]) -> Vec<u8> {
    let mut component = component.to_vec();
    component[place..place + by.len()].copy_from_slice(by);
    component
}

/// The text of a component that exports this interface and `plugin`, with functions that do nothing.
pub fn exporting(interface: &str, functions: &[&str]) -> String {
    starting(interface, functions, "")
}

/// The same, of one that does this when it is started.
pub fn starting(interface: &str, functions: &[&str], start: &str) -> String {
    let exports: String = functions
        .iter()
        .map(|name| format!("(export \"{name}\" (func $f))"))
        .collect();
    format!(
        r#"(component
            (core module $m
                (table 1 funcref)
                (func (export "f"))
                (func $start {start})
                (start $start))
            (core instance $i (instantiate $m))
            (func $f (canon lift (core func $i "f")))
            (instance $all {exports})
            (instance $plugin (export "describe" (func $f)) (export "check-settings" (func $f)))
            (export "mdm:password/plugin@1.0.0" (instance $plugin))
            (export "{interface}" (instance $all)))"#
    )
}

/// The functions of the contract's `password`.
pub const FUNCTIONS: [&str; 8] = [
    "reset",
    "remove",
    "preview",
    "status",
    "policy-override",
    "report",
    "cancel",
    "expire",
];
