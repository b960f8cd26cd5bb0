//! The attempts during `check-settings`.

use crate::{
    bindings::{
        exports::mdm::password::plugin::SettingsFault,
        mdm::password::{
            device_store::{self, get_situation},
            settings,
            types::Action,
        },
    },
    commands,
};
use std::hint::black_box;

/// The attempt that the settings name: `{"attempt": "spin"}`. Empty if they name none.
pub(crate) fn named_in(settings: &str) -> &str {
    let mut words = settings.split('"').skip_while(|it| *it != "attempt");
    words.nth(2).unwrap_or_default()
}

/// Makes the attempt that the settings name.
pub(crate) fn make(settings: &str) -> Result<(), Vec<SettingsFault>> {
    let fault = |field: String, message: String| SettingsFault { field, message };
    match named_in(settings) {
        "panic" => panic!("as asked"),
        "spin" => loop {
            black_box(&settings);
        },
        "read-situation" => drop(get_situation()),
        "read-settings" => drop(settings::get()),
        "send" => drop(commands::send(Action::Remove, None, None)),
        "end-override" => device_store::set_policy_override(None),
        "return-long-text" => return Err(vec![fault("x".repeat(2000), String::new())]),
        "return-many-faults" => {
            return Err((0..100)
                .map(|_| fault("/attempt".into(), "no".into()))
                .collect());
        }
        "refuse" => {
            return Err(vec![fault(
                "/attempt".into(),
                "\u{1b}[2J is no attempt".into(),
            )]);
        }
        _ => {}
    }
    Ok(())
}
