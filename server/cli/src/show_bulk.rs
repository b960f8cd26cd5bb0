//! Bulks as pages for people.

use super::show::{command, line, time};
use mdm_server_core::{bulks::BulkPreview, store::BulkProgress};
use mdm_server_http::api::model::{BulkAnswerList, BulkList, BulkView};
use std::fmt::Write as _;

pub(super) fn bulks(list: &BulkList) -> String {
    if list.bulks.is_empty() {
        return "no bulks: `mdm-server bulk reset` and `mdm-server bulk remove` make one".into();
    }
    let mut page = String::new();
    for bulk in &list.bulks {
        line!(page, "{}", bulk_in_a_line(bulk));
    }
    if let Some(next) = &list.next {
        line!(page, "more: --before {next}");
    }
    page
}

fn bulk_in_a_line(bulk: &BulkView) -> String {
    format!(
        "{}  {}  {} of {} devices of group {}: {}",
        bulk.id,
        time(bulk.requested_at),
        bulk.action,
        bulk.devices,
        bulk.group,
        bulk.state
    )
}

pub(super) fn bulk(bulk: &BulkView) -> String {
    let mut page = bulk_in_a_line(bulk);
    let progress = &bulk.progress;
    line!(page, "");
    line!(page, "  requested by  {}", bulk.requested_by);
    if let Some(by) = &bulk.approved_by {
        line!(page, "  approved by   {by}");
    }
    if let Some(reason) = &bulk.reason {
        line!(page, "  reason        {reason}");
    }
    let all = bulk.devices.max(progress.answered());
    line!(
        page,
        "  so far        {} of {all} devices have an outcome: {}",
        progress.completed(),
        counts(progress)
    );
    if bulk.unique_passwords && progress.pending > 0 {
        line!(
            page,
            "  the exported passwords of devices that are pending count once their status is success: see \
             `mdm-server bulk report {}`",
            bulk.id
        );
    }
    if let Some(by) = &bulk.cancel_requested_by {
        line!(page, "  its pending commands are being cancelled, for {by}");
    }
    page
}

/// The number of devices by outcome. Rare outcomes are shown only if they occur.
fn counts(progress: &BulkProgress) -> String {
    let always = [
        (progress.pending, "pending"),
        (progress.success, "success"),
        (progress.failed, "failed"),
        (progress.refused, "refused"),
    ];
    let rare = [
        (progress.cancelled, "cancelled"),
        (progress.expired, "expired"),
        (progress.superseded, "superseded"),
    ];
    let rare = rare.into_iter().filter(|(devices, _)| *devices > 0);
    let all = always.into_iter().chain(rare);
    let texts: Vec<_> = all
        .map(|(devices, word)| format!("{devices} {word}"))
        .collect();
    texts.join(", ")
}

pub(super) fn bulk_answers(list: &BulkAnswerList) -> String {
    let mut page = String::new();
    for answer in &list.answers {
        let text = match (&answer.command, &answer.problem) {
            (Some(sent), _) => command(sent),
            (None, Some(problem)) => format!("refused: {}", problem.detail),
            (None, None) => continue,
        };
        line!(page, "{} ({}): {text}", answer.name, answer.device);
    }
    if let Some(next) = &list.next {
        line!(page, "more: --after {next}");
    }
    page
}

pub(super) fn bulk_preview(preview: &BulkPreview) -> String {
    let mut page = match preview.asked == preview.devices {
        true => format!("preview for {} devices:\n", preview.devices),
        false => format!(
            "preview for the first {} of {} devices:\n",
            preview.asked, preview.devices
        ),
    };
    for told in &preview.verdicts {
        let why = told.why.as_ref();
        let why = why.map_or(String::new(), |why| format!(": {why}"));
        line!(page, "  {:>6}  {}{why}", told.devices, told.verdict);
    }
    for (note, devices) in &preview.notes {
        line!(page, "  {devices:>6}  note: {note}");
    }
    if preview.needs_approval {
        line!(page, "  somebody else will have to approve it");
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use mdm_contract::{Action, ResetOptions};
    use mdm_server_core::store::{BulkState, BulkTerms};

    const NOON: u64 = 1_700_000_000_000;

    #[test]
    fn a_bulk_shows_how_many_devices_have_an_outcome_and_which() {
        let progress = BulkProgress {
            pending: 2,
            success: 3,
            failed: 1,
            cancelled: 1,
            ..BulkProgress::default()
        };
        let view = BulkView {
            id: "0198c1de-0000-7000-8000-0000000000bb".into(),
            action: Action::Reset,
            group: "sales".into(),
            devices: 8,
            unique_passwords: true,
            options: ResetOptions::default(),
            terms: BulkTerms::default(),
            reason: None,
            requested_by: "user anna".into(),
            requested_at: NOON,
            approved_by: None,
            state: BulkState::WaitingForDevices,
            finished: false,
            cancel_requested_by: None,
            ended_at: None,
            progress,
        };
        insta::assert_snapshot!("bulk", bulk(&view));
    }
}
