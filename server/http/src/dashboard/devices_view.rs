//! The list of devices.

use super::{devices_query::DevicesQuery, fleet_chart, page::Page, session::SignedIn, texts};
use maud::{Markup, html};
use mdm_contract::ManagementMode;
use mdm_server_core::{
    access::Permission,
    devices::DevicePage,
    store::{FleetSummary, Group, Snapshot, StatusKind},
};

/// The contents of the page.
pub(super) struct DevicesView {
    pub(super) asked: DevicesQuery,
    pub(super) list: DevicePage,
    /// Of what is asked for, but for the status and the override: so the numbers say where each of them leads.
    pub(super) summary: FleetSummary,
    pub(super) groups: Vec<Group>,
}

/// With more groups than this, a group is typed and not chosen.
const MAX_CHOICES: usize = 200;

/// The page.
pub(super) fn view(signed_in: &SignedIn, shown: &DevicesView) -> Markup {
    let page = Page {
        title: "Devices",
        place: "/devices",
        live: Some("/live".into()),
    };
    let content = html! {
        h1 { "Devices" }
        div #part-summary data-part { (fleet_chart::view(&shown.asked, &shown.summary)) }
        (filters(&shown.asked, &shown.groups))
        div #part-list data-part {
            @if shown.list.devices.is_empty() { (nothing(signed_in, &shown.asked)) }
            @else { (table(shown)) }
            (pages(shown))
        }
    };
    page.with(signed_in, content)
}

fn filters(asked: &DevicesQuery, groups: &[Group]) -> Markup {
    let statuses = StatusKind::ALL.map(|it| (it.as_str(), texts::status_kind(it)));
    let modes = ManagementMode::ALL
        .iter()
        .map(|it| (it.as_str(), texts::mode(*it)));
    let modes: Vec<_> = modes.collect();
    html! {
        form .card .filter method="get" action="/devices" role="search" aria-label="Filter the devices" {
            div {
                label for="search" { "Name or id" }
                input #search type="search" name="search" value=(asked.search) autocapitalize="off"
                    spellcheck="false";
            }
            (choice("status", "Status", &asked.status, &statuses))
            (choice("policy", "Policy", &asked.policy, &[
                ("overridden", "overridden"),
                ("not-overridden", "not overridden"),
            ]))
            div {
                label for="group" { "Group" }
                @if groups.len() > MAX_CHOICES {
                    input #group type="text" name="group" value=(asked.group) autocapitalize="off"
                        spellcheck="false";
                } @else {
                    select #group name="group" {
                        option value="" { "any" }
                        // A group without devices may be chosen too: by the URL.
                        @if !asked.group.is_empty() && groups.iter().all(|it| it.name != asked.group) {
                            option selected { (asked.group) }
                        }
                        @for group in groups {
                            option value=(group.name) selected[group.name == asked.group] {
                                (group.name) " (" (group.devices) ")"
                            }
                        }
                    }
                }
            }
            (choice("mode", "Management mode", &asked.mode, &modes))
            (choice("synced", "Last sync", &asked.synced, &[
                ("day", "within a day"),
                ("week", "within a week"),
                ("longer", "longer ago"),
            ]))
            div .buttons {
                button .primary type="submit" { "Filter" }
                @if asked.is_filtered() { a .button href="/devices" { "Show all" } }
            }
        }
    }
}

fn choice(name: &str, title: &str, chosen: &str, choices: &[(&str, &str)]) -> Markup {
    html! {
        div {
            label for=(name) { (title) }
            select id=(name) name=(name) {
                option value="" { "any" }
                @for (word, text) in choices {
                    option value=(word) selected[*word == chosen] { (text) }
                }
            }
        }
    }
}

fn table(shown: &DevicesView) -> Markup {
    html! {
        section .card .scroll tabindex="0" aria-label="List of devices" {
            table .stacked {
                thead {
                    tr {
                        th { "Name" } th { "Status" } th { "Policy" } th { "Mode" } th { "Android" }
                        th { "Last sync" } th { "Groups" }
                    }
                }
                tbody { @for (snapshot, _) in &shown.list.devices { (row(snapshot)) } }
            }
        }
    }
}

fn row(snapshot: &Snapshot) -> Markup {
    let device = &snapshot.device;
    html! {
        tr {
            td data-head="Name" { a href={ "/devices/" (device.id) } { (snapshot.name) } }
            td data-head="Status" { (texts::status_badge(snapshot.status())) }
            td data-head="Policy" {
                @if snapshot.revoked_at.is_some() { "none" }
                @else if device.policy_override.is_some() { (texts::badge("overridden", "‖", "OVERRIDDEN")) }
                @else if device.policy.is_some() { "applied" }
                @else { "none" }
            }
            td data-head="Mode" { (texts::mode(device.management_mode)) }
            td data-head="Android" { (texts::android(device.api_level)) }
            td data-head="Last sync" { (texts::time(device.last_sync)) }
            td data-head="Groups" { (device.groups.join(", ")) }
        }
    }
}

fn pages(shown: &DevicesView) -> Markup {
    let next = shown.list.next.as_ref().map(|after| DevicesQuery {
        after: after.clone(),
        ..shown.asked.clone()
    });
    let is_first = shown.asked.after.is_empty();
    html! {
        @if !is_first || next.is_some() {
            nav .pages aria-label="Pages of the list" {
                @if !is_first { a .button href=(shown.asked.first().path()) { "First page" } }
                @if let Some(next) = next { a .button rel="next" href=(next.path()) { "Next page" } }
            }
        }
    }
}

/// The empty state: the reason and the next step.
fn nothing(signed_in: &SignedIn, asked: &DevicesQuery) -> Markup {
    let is_limited = signed_in.caller.scope.0.is_some();
    html! {
        section .card {
            @if !asked.after.is_empty() { p { "There are no more devices." } }
            @else if asked.is_filtered() {
                p { "No device matches all filters." }
                p { a href="/devices" { "Show all devices" } }
            }
            @else if is_limited { p { "There is no device in your groups: " (signed_in.caller.scope) "." } }
            @else {
                p { "No device is enrolled yet." }
                @if signed_in.may(Permission::ManageDevices) {
                    p { code { "mdm-server device enroll" } " makes a token that one device can enroll with." }
                }
            }
        }
    }
}
