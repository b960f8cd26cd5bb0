//! The history of a device, latest first: its commands and the other lines of the audit trail.

use super::{frame::sentence, texts};
use maud::{Markup, html};
use mdm_contract::{Action, Command, ResetOptions, Status, time::Timestamp};
use mdm_server_core::audit::AuditEntry;

/// The commands, and those lines of the audit trail that are about none of them.
pub(super) fn timeline(commands: &[Command], audit: &[AuditEntry]) -> Markup {
    let of_commands = commands
        .iter()
        .map(|command| (command.requested_at, self::command(command, audit)));
    let others = audit
        .iter()
        .filter(|entry| entry.command.is_none())
        .map(|entry| (entry.at, event(entry)));
    let mut items: Vec<(Timestamp, Markup)> = of_commands.chain(others).collect();
    items.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    html! {
        @if items.is_empty() { p .quiet { "Nothing yet." } }
        ol .timeline { @for (_, item) in items { li { (item) } } }
    }
}

fn command(command: &Command, audit: &[AuditEntry]) -> Markup {
    let asked = audit
        .iter()
        .rfind(|entry| entry.command.as_deref() == Some(&command.id));
    let options = options(command);
    html! {
        p {
            (texts::status(Some(&command.status))) " "
            strong { (texts::action(command.action)) }
            " · asked for " (texts::time(command.requested_at))
            @if let Some(asked) = asked { " by " (asked.actor) }
        }
        @if let Status::Failed(failure) = &command.status {
            p { (sentence(&failure.to_string())) }
        }
        @if let Some(reason) = asked.and_then(|asked| asked.detail.as_deref()) {
            p { "Reason: " (reason) }
        }
        @if let Some(late) = &command.late_outcome {
            p { "The device said later: " (sentence(&late.to_string())) }
        }
        p .quiet {
            @if let Some(completed) = command.completed_at { "Ended " (texts::time(completed)) ". " }
            @else if let Some(end) = command.expires_at { "It expires " (texts::time(end)) ". " }
            @if !options.is_empty() { "With " (options.join(", ")) ". " }
            "Command " code { (command.id) }
        }
    }
}

fn options(command: &Command) -> Vec<&'static str> {
    [
        (ResetOptions::LOCK_NOW, "lock now"),
        (ResetOptions::REQUIRE_ENTRY, "require entry"),
        (
            ResetOptions::NO_CREDENTIALS_ON_BOOT,
            "no credentials on boot",
        ),
    ]
    .into_iter()
    .filter_map(|(option, name)| command.options.contains(option).then_some(name))
    .collect()
}

/// The action of a line of the audit trail, in words.
pub(super) fn what(entry: &AuditEntry) -> String {
    let name = match entry.action.as_str() {
        "reset" => texts::action(Action::Reset),
        "remove" => texts::action(Action::Remove),
        "report" => "The device reported",
        "cancel" => "Cancelled the pending command",
        "expire" => "The command expired",
        "policy" if entry.detail.as_deref() == Some("cleared") => {
            return "Policy cleared".to_owned();
        }
        "policy" => "Policy applied",
        "enroll" => "Enrolled",
        "revoke" => "Revoked",
        "rotate-keys" => "The device changed its keys",
        "use-plugin" => "Changed the plugin",
        "roll-back-plugin" => "Rolled the plugin back",
        "keep-plugin" => "The plugin was promoted",
        "add-enrollment-token" => "Made an enrollment token",
        "start-bulk" => "Requested a bulk",
        "approve-bulk" => "Approved a bulk",
        "download-bulk" => "Downloaded the passwords of a bulk",
        "send-bulk" => "All commands of a bulk are made",
        "end-bulk" => "All commands of a bulk have an outcome",
        "cancel-bulk" => "Cancelled a bulk",
        "sign-in" => "Signed in",
        "sign-in-refused" => "Failed to sign in",
        "confirmation-refused" => "Failed to confirm by password or code",
        "choose-password" => "Chose a password to sign in with",
        "add-user" => "Added a user",
        "change-user" => "Changed a user",
        "remove-user" => "Removed a user",
        "invite-user" => "Made a link for a new password",
        "set-one-time-passwords" => "Signs in with one-time passwords",
        "clear-one-time-passwords" => "Signs in without one-time passwords",
        "add-token" => "Made a token",
        "remove-token" => "Revoked a token",
        "hand-over-token" => "Handed a token over",
        other => other,
    };
    match entry.detail.as_deref() {
        Some(detail) => format!("{name}: {detail}"),
        None => name.to_owned(),
    }
}

fn event(entry: &AuditEntry) -> Markup {
    html! { p { strong { (what(entry)) } " · " (texts::time(entry.at)) " by " (entry.actor) } }
}
