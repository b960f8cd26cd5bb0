//! The number of devices by status: a bar, and the same in words and numbers. Each part links to its devices.

use super::{devices_query::DevicesQuery, texts};
use maud::{Markup, html};
use mdm_server_core::store::{FleetSummary, StatusKind};

/// The order of the statuses: those that need attention come first.
const ORDER: [StatusKind; 8] = [
    StatusKind::Failed,
    StatusKind::Pending,
    StatusKind::Success,
    StatusKind::Cancelled,
    StatusKind::Expired,
    StatusKind::Superseded,
    StatusKind::None,
    StatusKind::Revoked,
];

/// These stand in the legend also where there are none.
const ALWAYS: [StatusKind; 4] = [
    StatusKind::Failed,
    StatusKind::Pending,
    StatusKind::Success,
    StatusKind::None,
];

/// The bar is as wide as the page; its parts are parts of this.
const WIDTH: u64 = 1000;

/// A part of it is seen, however few its devices are.
const NARROWEST: u64 = 6;

/// The chart of these devices.
pub(super) fn view(asked: &DevicesQuery, summary: &FleetSummary) -> Markup {
    let is_overridden = asked.policy == "overridden";
    let overridden = DevicesQuery {
        policy: if is_overridden { "" } else { "overridden" }.to_owned(),
        ..asked.first()
    };
    html! {
        (bar(asked, summary))
        ul .legend aria-label="Devices by status" {
            @for status in ORDER.into_iter().filter(|it| is_shown(asked, summary, *it)) {
                li {
                    a href=(asked.toggled(status).path())
                        aria-current=[(asked.status == status.as_str()).then_some("true")] {
                        (texts::status_badge(status)) " " strong { (summary.of(status)) }
                    }
                }
            }
            li {
                a href=(overridden.path()) aria-current=[is_overridden.then_some("true")] {
                    (texts::badge("overridden", "‖", "OVERRIDDEN")) " " strong { (summary.overridden) }
                }
            }
            li .quiet { "of " (summary.devices) @if summary.devices == 1 { " device" } @else { " devices" } }
        }
    }
}

/// Those that are rare are shown where there are some, or where they are asked for.
fn is_shown(asked: &DevicesQuery, summary: &FleetSummary, status: StatusKind) -> bool {
    ALWAYS.contains(&status) || summary.of(status) > 0 || asked.status == status.as_str()
}

/// For eyes and pointers alone: the legend has the same links.
fn bar(asked: &DevicesQuery, summary: &FleetSummary) -> Markup {
    let parts = parts(summary);
    html! {
        svg .chart viewBox={ "0 0 " (WIDTH) " 10" } preserveAspectRatio="none" aria-hidden="true" {
            @for (status, from, width) in parts {
                a href=(asked.toggled(status).path()) tabindex="-1" {
                    rect class=(status) x=(from) y="0" width=(width) height="10" {
                        title { (texts::status_kind(status)) ": " (summary.of(status)) }
                    }
                }
            }
        }
    }
}

/// The offset and the width of each part.
fn parts(summary: &FleetSummary) -> Vec<(StatusKind, u64, u64)> {
    let present = ORDER.into_iter().filter(|it| summary.of(*it) > 0);
    let present: Vec<_> = present.collect();
    let spare = WIDTH - NARROWEST * present.len() as u64;
    let mut from = 0;
    let part = |status| {
        let width = NARROWEST + spare * summary.of(status) / summary.devices;
        let part = (status, from, width);
        from += width;
        part
    };
    present.into_iter().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_many_devices_is_seen_and_no_part_lies_outside() {
        let mut summary = FleetSummary::default();
        summary.add(StatusKind::Failed, false, 1);
        summary.add(StatusKind::None, false, 99_999);
        let parts = parts(&summary);
        assert_eq!(parts[0], (StatusKind::Failed, 0, NARROWEST));
        let (_, from, width) = parts[1];
        assert_eq!(from, NARROWEST);
        assert!((990..=WIDTH).contains(&(from + width)));
    }

    #[test]
    fn no_devices_are_no_parts() {
        assert!(parts(&FleetSummary::default()).is_empty());
    }
}
