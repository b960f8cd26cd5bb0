//! Words, times and badges as pages show them. What a word means is said here; what it leads to is the plugin's to
//! say.

use maud::{Markup, html};
use mdm_contract::{
    Action, ManagementMode, Status,
    time::{Timestamp, rfc3339},
};
use mdm_server_core::store::StatusKind;

/// A badge: a sign and a word, because colour alone is not accessible.
pub(super) fn badge(class: &str, sign: &str, word: &str) -> Markup {
    html! {
        span class={ "badge " (class) } { span aria-hidden="true" { (sign) " " } (word) }
    }
}

/// The status of a device, by its latest command. `None` if it never had one.
pub(super) fn status(status: Option<&Status>) -> Markup {
    status_badge(status.map_or(StatusKind::None, StatusKind::from))
}

/// The status of a device.
pub(super) fn status_badge(status: StatusKind) -> Markup {
    let sign = match status {
        StatusKind::None => "–",
        StatusKind::Pending => "◔",
        StatusKind::Success => "✓",
        StatusKind::Failed => "✕",
        StatusKind::Cancelled => "◌",
        StatusKind::Expired => "⧗",
        StatusKind::Superseded => "↷",
        StatusKind::Revoked => "⊘",
    };
    badge(status.as_str(), sign, &status_kind(status).to_uppercase())
}

/// That a device gets no command.
pub(super) fn refused() -> Markup {
    badge("refused", "⊘", "REFUSED")
}

/// The name of a status in a list of choices.
pub(super) fn status_kind(status: StatusKind) -> &'static str {
    match status {
        StatusKind::None => "no command",
        status => status.as_str(),
    }
}

/// The short name of a management mode.
pub(super) fn mode(mode: ManagementMode) -> &'static str {
    match mode {
        ManagementMode::DeviceOwner => "device owner",
        ManagementMode::ProfileOwner => "profile owner",
        ManagementMode::DeviceAdmin => "device admin",
    }
}

/// The name of an action in menus and titles.
pub(super) fn action(action: Action) -> &'static str {
    match action {
        Action::Reset => "Reset Password",
        Action::Remove => "Remove Password",
    }
}

/// A time, in UTC; the script shows it as the admin's own clock has it.
pub(super) fn time(time: Timestamp) -> Markup {
    let exact = rfc3339(time);
    // `2026-11-24T11:13:09.123Z`: what people read ends before the fractions of a second.
    let shown = exact.as_deref().and_then(|exact| {
        let (day, clock) = exact.split_once('T')?;
        Some(format!("{day} {} UTC", clock.get(..8)?))
    });
    html! {
        @if let (Some(exact), Some(shown)) = (exact, shown) { time datetime=(exact) { (shown) } }
        @else { "an unknown time" }
    }
}

/// The management mode in plain words.
pub(super) fn management(mode: ManagementMode, managed_profile: bool) -> &'static str {
    match (mode, managed_profile) {
        (ManagementMode::DeviceOwner, _) => {
            "The organisation owns the whole device: the password is that of its lock screen."
        }
        (ManagementMode::ProfileOwner, true) => {
            "The organisation owns the work profile: the password is that of the work profile, and the \
             device’s own lock stays its user’s."
        }
        (ManagementMode::ProfileOwner, false) => {
            "The organisation owns a profile that is the whole user: the password is that of the lock screen."
        }
        (ManagementMode::DeviceAdmin, _) => {
            "The agent is a legacy device admin: newer Android versions allow it little."
        }
    }
}

/// Android's name of an API level.
pub(super) fn android(api_level: u32) -> String {
    let name = match api_level {
        ..=20 => return format!("API {api_level}"),
        21 => "5.0",
        22 => "5.1",
        23 => "6.0",
        24 => "7.0",
        25 => "7.1",
        26 => "8.0",
        27 => "8.1",
        28 => "9",
        29 => "10",
        30 => "11",
        31 => "12",
        32 => "12L",
        33 => "13",
        34 => "14",
        35 => "15",
        36 => "16",
        37.. => return format!("API {api_level}"),
    };
    format!("{name} (API {api_level})")
}
