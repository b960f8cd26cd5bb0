//! The page of a device.

use super::{
    frame::sentence,
    history,
    page::{Page, form_token},
    preview,
    session::SignedIn,
    texts,
};
use maud::{Markup, html};
use mdm_contract::{Command, DevicePreview, DeviceStatus, Failure, PolicyState, Status, Verdict};
use mdm_server_core::{
    access::Permission,
    audit::AuditEntry,
    error::ServerError,
    store::{Snapshot, StatusKind},
};

/// The contents of the page. If the plugin fails, the page says so and shows the rest.
pub(super) struct DeviceView {
    /// The device.
    pub(super) snapshot: Snapshot,
    /// The device is online.
    pub(super) is_online: bool,
    /// The status that the plugin returned.
    pub(super) status: Result<DeviceStatus, ServerError>,
    /// The preview of a reset.
    pub(super) preview: Result<DevicePreview, ServerError>,
    /// Its commands.
    pub(super) commands: Vec<Command>,
    /// Its part of the audit trail.
    pub(super) audit: Vec<AuditEntry>,
}

/// The page. What has `data-part` is brought up to date where it stands.
pub(super) fn view(signed_in: &SignedIn, shown: &DeviceView) -> Markup {
    let (id, name) = (&shown.snapshot.device.id, &shown.snapshot.name);
    let page = Page {
        title: name,
        place: "/devices",
        live: Some(format!("/live?device={id}")),
    };
    page.with(
        signed_in,
        html! {
            p .trail { a href="/devices" { "Devices" } }
            div .title {
                div {
                    h1 { (name) }
                    p .quiet { code { (id) } }
                }
                (menu(signed_in, shown))
            }
            @if let Some(at) = shown.snapshot.revoked_at {
                p .alert { "This device was revoked " (texts::time(at)) ": nothing reaches it any more." }
            }
            div .cards {
                section .card .wide aria-labelledby="status-title" {
                    h2 #status-title { "Status" }
                    div #part-status data-part aria-live="polite" { (status(shown)) }
                }
                section .card aria-labelledby="policy-title" {
                    h2 #policy-title { "Policy" }
                    div #part-policy data-part aria-live="polite" { (policy(shown)) }
                }
                section .card aria-labelledby="preview-title" {
                    h2 #preview-title { "A reset now" }
                    div #part-preview data-part { (preview::view(&shown.preview)) }
                }
                section .card .wide aria-labelledby="device-title" {
                    h2 #device-title { "Device" }
                    div #part-device data-part { (device(shown)) }
                }
                section .card .wide aria-labelledby="history-title" {
                    h2 #history-title { "History" }
                    div #part-history data-part { (history::timeline(&shown.commands, &shown.audit)) }
                }
            }
        },
    )
}

/// The actions on the device: none that the server would refuse, and Remove only if the plugin offers it.
fn menu(signed_in: &SignedIn, shown: &DeviceView) -> Markup {
    let id = &shown.snapshot.device.id;
    let path = |what: &str| format!("/devices/{id}/{what}");
    let remove_offered = shown.status.as_ref().is_ok_and(|it| it.remove_offered);
    let is_trusted = shown.snapshot.revoked_at.is_none();
    let may_cancel = signed_in.may(Permission::ChangePassword);
    let changes_passwords = is_trusted && may_cancel;
    let manages_devices = is_trusted && signed_in.may(Permission::ManageDevices);
    let pending = shown.snapshot.pending.as_ref().filter(|_| may_cancel);
    if !changes_passwords && !manages_devices && pending.is_none() {
        return html! {};
    }
    html! {
        details #menu .menu {
            summary aria-label="Actions" title="Actions" { span aria-hidden="true" { "⚙" } }
            ul #part-menu data-part {
                @if changes_passwords { li { a href=(path("reset")) { "Reset Password" } } }
                @if changes_passwords && remove_offered { li { a href=(path("remove")) { "Remove Password" } } }
                @if let Some(pending) = pending {
                    li {
                        form method="post" action=(path("cancel")) {
                            (form_token(signed_in))
                            input type="hidden" name="command" value=(pending.id);
                            button type="submit" { "Cancel pending command" }
                        }
                    }
                }
                @if manages_devices { li { a href=(path("policy")) { "Apply policy" } } }
            }
        }
    }
}

fn status(shown: &DeviceView) -> Markup {
    if shown.snapshot.revoked_at.is_some() {
        return html! {
            p .verdict { (texts::status_badge(StatusKind::Revoked)) " The device gets no more commands." }
        };
    }
    let Some(latest) = &shown.snapshot.latest else {
        return html! {
            p .verdict { (texts::status(None)) " No password was ever set or removed from here." }
        };
    };
    html! {
        p .verdict {
            (texts::status(Some(&latest.status))) " " strong { (texts::action(latest.action)) }
            " · " (texts::time(latest.completed_at.unwrap_or(latest.requested_at)))
        }
        @match &latest.status {
            Status::Pending => p { (waiting(shown, latest)) },
            Status::Success => {},
            Status::Failed(failure) => {
                p { (sentence(&failure.to_string())) }
                @match failure {
                    Failure::Cancelled => (advice("Nothing. If the password is still to be changed, ask for it again.")),
                    Failure::Expired => (advice(
                        "Ask again if the password is still to be changed, and let the command be valid for longer \
                         if the device is seldom online."
                    )),
                    Failure::Superseded(_) => (advice("Nothing. The command that replaced it counts.")),
                    _ => (what_to_do(shown)),
                }
            }
        }
    }
}

fn waiting(shown: &DeviceView, pending: &Command) -> Markup {
    html! {
        @match shown.is_online {
            true => "The device is online: it takes the command now. ",
            false => "The device takes the command at its next sync. ",
        }
        @if let Some(end) = pending.expires_at { "It is valid until " (texts::time(end)) ". " }
    }
}

/// The remedy of a failure: the plugin's, for the device as it is now.
fn what_to_do(shown: &DeviceView) -> Markup {
    let Ok(told) = &shown.preview else {
        return html! {};
    };
    match (&told.verdict, told.remedy) {
        (_, Some(remedy)) => preview::what_to_do(remedy),
        (Verdict::WillSucceed, _) => advice("Try again: as the device is now, it will succeed."),
        (_, remedy) => html! { @if let Some(remedy) = remedy { (preview::what_to_do(remedy)) } },
    }
}

/// A remedy that follows from the status.
fn advice(text: &str) -> Markup {
    html! { p .remedy { strong { "What to do: " } (text) } }
}

fn policy(shown: &DeviceView) -> Markup {
    if shown.snapshot.revoked_at.is_some() {
        return html! { p { "The device was revoked: the host enforces nothing on it any more." } };
    }
    let applied = shown.snapshot.device.policy.as_ref();
    let state = match &shown.status {
        Ok(status) => &status.policy_state,
        Err(error) => return html! { p { (sentence(&error.in_public())) } },
    };
    let is_missing = shown.snapshot.device.lacks_password(state);
    html! {
        p .verdict {
            @match state {
                PolicyState::None => (texts::badge("none", "–", "NO POLICY")),
                PolicyState::Enforced if is_missing => (texts::badge("pending", "◔", "NO PASSWORD SET")),
                PolicyState::Enforced => (texts::badge("success", "✓", "ENFORCED")),
                PolicyState::Overridden(_) => (texts::badge("overridden", "‖", "OVERRIDDEN")),
            }
            @if let Some(policy) = applied { " " (sentence(&policy.to_string())) }
        }
        @match state {
            PolicyState::None => p { "No policy is applied." },
            PolicyState::Enforced if is_missing => p {
                "It is enforced, and the device has no password yet: its user is asked to set one that meets it."
            },
            PolicyState::Enforced => p { "The device enforces it." },
            PolicyState::Overridden(by) => {
                p {
                    "Not enforced since " (texts::time(by.since)) ", when a reset succeeded. "
                    "It is enforced again once Remove Password has succeeded."
                }
                p .quiet { "Command " code { (by.command) } }
            }
        }
    }
}

fn device(shown: &DeviceView) -> Markup {
    let device = &shown.snapshot.device;
    let condition = &device.condition;
    let yes_no = |is_so| if is_so { "yes" } else { "no" };
    html! {
        p { (texts::management(device.management_mode, device.managed_profile)) }
        dl .facts {
            div { dt { "Contact" } dd {
                @if shown.is_online { (texts::badge("success", "●", "Online")) }
                @else { (texts::badge("none", "○", "Offline")) }
            } }
            div { dt { "Last sync" } dd { (texts::time(device.last_sync)) } }
            div { dt { "Management mode" } dd { (device.management_mode) } }
            div { dt { "Android" } dd { (texts::android(device.api_level)) } }
            div { dt { "Agent" } dd { (device.agent_version) } }
            div { dt { "Groups" } dd {
                @if device.groups.is_empty() { "none" } @else { (device.groups.join(", ")) }
            } }
            div { dt { "A password is set" } dd { (yes_no(condition.password_set)) } }
            div { dt { "Unlocked since boot" } dd { (yes_no(condition.unlocked_since_boot)) } }
            div { dt { "Reset token" } dd { (condition.token) } }
            div { dt { "Enrolled" } dd { (texts::time(shown.snapshot.enrolled_at)) } }
        }
    }
}
