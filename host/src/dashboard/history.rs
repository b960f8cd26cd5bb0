//! What happened to a device, latest first: its commands, and what else the audit trail has.

use super::{frame::sentence, texts};
use crate::audit::AuditEntry;
use maud::{Markup, html};
use mdm_wire::{
    decisions::{Command, Status},
    time::Timestamp,
};

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
            @if let Some(settled) = command.settled_at { "Ended " (texts::time(settled)) ". " }
            @else if let Some(end) = command.expires_at { "Its time is over " (texts::time(end)) ". " }
            @if !options.is_empty() { "With " (options.join(", ")) ". " }
            "Command " code { (command.id) }
        }
    }
}

fn options(command: &Command) -> Vec<&'static str> {
    let options = &command.options;
    [
        (options.lock_now, "lock now"),
        (options.require_entry, "require entry"),
        (options.no_credentials_on_boot, "no credentials on boot"),
    ]
    .into_iter()
    .filter_map(|(is_set, name)| is_set.then_some(name))
    .collect()
}

fn event(entry: &AuditEntry) -> Markup {
    let what = match (entry.action.as_str(), entry.detail.as_deref()) {
        ("policy", Some("cleared")) => "Policy cleared".to_owned(),
        ("policy", Some(policy)) => format!("Policy applied: {policy}"),
        ("enroll", _) => "Enrolled".to_owned(),
        ("revoke", Some(reason)) => format!("Revoked: {reason}"),
        ("revoke", None) => "Revoked".to_owned(),
        (action, Some(detail)) => format!("{action}: {detail}"),
        (action, None) => action.to_owned(),
    };
    html! { p { strong { (what) } " · " (texts::time(entry.at)) " by " (entry.actor) } }
}
