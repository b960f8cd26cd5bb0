//! Answers as pages for people.

use mdm_contract::{
    Command, DevicePreview, TokenState,
    time::{Timestamp, rfc3339},
};
use mdm_server_core::{
    commands::CommandAnswer,
    store::{FleetSummary, Group, StatusKind},
};
use mdm_server_http::api::model::{ApiTokenView, DeviceList, DeviceView, StatusView, UserView};
use std::fmt::Write as _;

/// Lines of a page. Writing to a string can't fail.
macro_rules! line {
    ($page:expr, $($text:tt)*) => {{
        let _ = writeln!($page, $($text)*);
    }};
}

pub(super) use line;

pub(super) fn time(time: Timestamp) -> String {
    let seconds = time / 1000 * 1000;
    rfc3339(seconds).unwrap_or_else(|| "an unknown time".into())
}

pub(super) fn devices(list: &DeviceList) -> String {
    if list.devices.is_empty() {
        return "no devices: `mdm-server device enroll` makes a token to enroll one with".into();
    }
    let mut page = format!(
        "{:36}  {:20}  {:>3}  {:13}  {:7}  {}\n",
        "DEVICE", "NAME", "API", "MODE", "CONTACT", "LATEST COMMAND"
    );
    for view in &list.devices {
        let device = &view.device;
        line!(
            page,
            "{:36}  {:20}  {:>3}  {:13}  {:7}  {}",
            device.id,
            view.name,
            device.api_level,
            device.management_mode.as_str(),
            if view.online { "online" } else { "away" },
            latest(view),
        );
    }
    if let Some(next) = &list.next {
        line!(page, "more: --after {next}");
    }
    page
}

/// The latest command of a device; of one that was revoked, that it was.
fn latest(view: &DeviceView) -> String {
    match (view.revoked_at, &view.latest) {
        (Some(at), _) => format!("the device was revoked {}", time(at)),
        (None, Some(latest)) => format!("{}: {}", latest.action, latest.status),
        (None, None) => "none".into(),
    }
}

pub(super) fn users(users: &[UserView]) -> String {
    let mut page = format!(
        "{:20}  {:8}  {:20}  {}\n",
        "NAME", "ROLE", "SIGNS IN WITH", "DEVICES"
    );
    for user in users {
        let signs_in_with = match (user.can_sign_in, user.one_time_passwords) {
            (false, _) => "nothing yet: invited",
            (true, false) => "a password",
            (true, true) => "a password and a code",
        };
        let (name, role) = (&user.name, user.role.as_str());
        line!(
            page,
            "{name:20}  {role:8}  {signs_in_with:20}  {}",
            user.groups
        );
    }
    page
}

pub(super) fn tokens(tokens: &[ApiTokenView]) -> String {
    let mut page = format!(
        "{:20}  {:20}  {:20}  {:20}  {}\n",
        "NAME", "VALID UNTIL", "OWNER", "DEVICES", "MAY"
    );
    for token in tokens {
        let owner = token.owner.as_deref().unwrap_or("the host's machine");
        let until = token.expires_at.map_or("revoked".into(), time);
        let may: Vec<&str> = token.permissions.iter().map(|it| it.as_str()).collect();
        let devices = token.groups.to_string();
        line!(
            page,
            "{:20}  {until:20}  {owner:20}  {devices:20}  {}",
            token.name,
            may.join(" ")
        );
    }
    page
}

pub(super) fn summary(summary: &FleetSummary) -> String {
    let mut page = format!("{} devices\n", summary.devices);
    for status in StatusKind::ALL {
        line!(page, "  {:10}  {}", status.as_str(), summary.of(status));
    }
    line!(page, "  {:10}  {}", "overridden", summary.overridden);
    page
}

pub(super) fn groups(groups: &Vec<Group>) -> String {
    if groups.is_empty() {
        return "no groups: `mdm-server device enroll --group NAME` puts a new device in one"
            .into();
    }
    let mut page = format!("{:>8}  {}\n", "DEVICES", "GROUP");
    for group in groups {
        line!(page, "{:>8}  {}", group.devices, group.name);
    }
    page
}

pub(super) fn device(view: &DeviceView) -> String {
    let device = &view.device;
    let condition = &device.condition;
    let yes = |it: bool| if it { "yes" } else { "no" };
    let mut page = format!("{} ({})\n", view.name, device.id);
    line!(page, "  Android API level   {}", device.api_level);
    line!(page, "  agent               {}", device.agent_version);
    let profile = if device.managed_profile {
        ", managed profile"
    } else {
        ""
    };
    line!(
        page,
        "  management mode     {}{profile}, {} device",
        device.management_mode,
        device.ownership
    );
    if !device.groups.is_empty() {
        line!(page, "  groups              {}", device.groups.join(", "));
    }
    if let Some(at) = view.revoked_at {
        line!(page, "  REVOKED             {}", time(at));
    }
    let contact = if view.online { "online" } else { "away" };
    line!(
        page,
        "  contact             {contact}, last sync {}",
        time(device.last_sync)
    );
    line!(
        page,
        "  password set        {}",
        yes(condition.password_set)
    );
    line!(
        page,
        "  unlocked since boot {}",
        yes(condition.unlocked_since_boot)
    );
    if condition.token != TokenState::Missing {
        line!(page, "  reset token         {}", condition.token);
    }
    let policy = device
        .policy
        .as_ref()
        .map_or("none".into(), ToString::to_string);
    line!(page, "  policy              {policy}");
    if let Some(by) = &device.policy_override {
        line!(
            page,
            "  policy override     since {} by reset {}",
            time(by.since),
            by.command
        );
    }
    if let Some(latest) = &view.latest {
        line!(page, "  latest command      {}", command(latest));
    }
    page
}

pub(super) fn command(command: &Command) -> String {
    let mut text = format!("{} {}: {}", command.action, command.id, command.status);
    let _ = match (command.completed_at, command.expires_at) {
        (Some(at), _) => write!(text, " ({})", time(at)),
        (None, Some(end)) => write!(text, " (expires {})", time(end)),
        (None, None) => write!(text, " (since {})", time(command.requested_at)),
    };
    if let Some(late) = &command.late_outcome {
        let _ = write!(text, "; the device said later: {late}");
    }
    text
}

pub(super) fn command_answer(answer: &CommandAnswer) -> String {
    let mut text = command(&answer.command);
    if let Some(notice) = &answer.notice {
        let _ = write!(text, "\nnote: {notice}");
    }
    text
}

pub(super) fn status(view: &StatusView) -> String {
    let status = &view.status;
    let mut page = String::new();
    match &status.latest {
        Some(latest) => line!(page, "{}", command(latest)),
        None => line!(page, "no command was ever made"),
    }
    if let Some(at) = view.revoked_at {
        line!(
            page,
            "revoked {}: nothing reaches the device any more",
            time(at)
        );
        line!(page, "remove: not offered: the device was revoked");
    } else {
        let missing = match view.password_missing {
            true => "; no password is set: the user is asked to set one that meets it",
            false => "",
        };
        line!(page, "policy: {}{missing}", status.policy_state);
        let remove = match status.remove_offered {
            true => "offered",
            false => "not offered: nothing to remove",
        };
        line!(page, "remove: {remove}");
        line!(page, "a new password needs {}", status.password_rule);
    }
    if view.history.len() > 1 {
        line!(page, "history:");
        for entry in &view.history {
            line!(page, "  {}  {}", time(entry.requested_at), command(entry));
        }
    }
    page
}

pub(super) fn preview(preview: &DevicePreview) -> String {
    let mut page = format!("preview: {}\n", preview.verdict);
    if let Some(remedy) = preview.remedy {
        line!(page, "  what to do: {}", remedy.sentence());
    }
    for note in &preview.notes {
        line!(page, "  note: {note}");
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use mdm_contract::{
        Action, Condition, Device, DeviceFailure, DeviceOutcome, DeviceStatus, Failure,
        ManagementMode, Note, Ownership, PasswordRule, Policy, PolicyOverride, PolicyState,
        Quality, Remedy, Requirement, ResetOptions, Status, Verdict,
    };

    const NOON: Timestamp = 1_700_000_000_000;

    fn reset(number: u8, status: Status) -> Command {
        let is_completed = status != Status::Pending;
        Command {
            id: format!("0198c1de-0000-7000-8000-00000000000{number}"),
            action: Action::Reset,
            options: ResetOptions::default(),
            status,
            requested_at: NOON,
            completed_at: is_completed.then_some(NOON + 60_000),
            expires_at: None,
            late_outcome: None,
        }
    }

    fn view() -> DeviceView {
        let command = "0198c1de-0000-7000-8000-000000000001".to_owned();
        DeviceView {
            name: "phone".into(),
            status: StatusKind::Success,
            device: Device {
                id: "0198c1de-0000-7000-8000-0000000000aa".into(),
                api_level: 34,
                agent_version: "6.9.0".into(),
                management_mode: ManagementMode::ProfileOwner,
                managed_profile: true,
                ownership: Ownership::Company,
                groups: vec!["sales".into(), "berlin".into()],
                condition: Condition {
                    password_set: true,
                    token: TokenState::Active,
                    unlocked_since_boot: true,
                    direct_boot_aware: true,
                    secure_lock_screen: true,
                    other_admin_entry_pending: false,
                    other_admin_policy: None,
                },
                last_sync: NOON,
                policy: Some(Policy {
                    requirement: Requirement::Quality(Quality::NumericComplex),
                    minimum_length: 6,
                }),
                policy_override: Some(PolicyOverride {
                    command,
                    since: NOON,
                }),
            },
            online: true,
            enrolled_at: NOON,
            revoked_at: None,
            latest: Some(reset(1, Status::Success)),
        }
    }

    #[test]
    fn a_list_of_devices_is_a_table_and_an_empty_one_says_what_to_do() {
        let list = DeviceList {
            devices: vec![view()],
            next: None,
        };
        insta::assert_snapshot!("devices", devices(&list));
        insta::assert_snapshot!(
            "no-devices",
            devices(&DeviceList {
                devices: vec![],
                next: None
            })
        );
    }

    #[test]
    fn a_device_shows_how_it_is_managed_its_lock_screen_and_its_policy() {
        insta::assert_snapshot!("device", device(&view()));
    }

    #[test]
    fn a_status_shows_the_last_command_with_its_reason_the_policy_and_the_history() {
        let mut cancelled = reset(2, Status::Failed(Failure::Cancelled));
        cancelled.late_outcome = Some(DeviceOutcome::Success);
        let latest = reset(3, Status::Failed(DeviceFailure::ExistingPassword.into()));
        let status = DeviceStatus {
            latest: Some(latest.clone()),
            policy_state: PolicyState::Enforced,
            remove_offered: true,
            password_rule: PasswordRule::default(),
        };
        let history = vec![latest, cancelled, reset(1, Status::Success)];
        let mut view = StatusView {
            status,
            password_missing: false,
            revoked_at: None,
            history,
        };
        insta::assert_snapshot!("status", super::status(&view));
        view.password_missing = true;
        insta::assert_snapshot!("status-without-a-password", super::status(&view));
        view.revoked_at = Some(NOON);
        insta::assert_snapshot!("status-of-a-revoked-device", super::status(&view));
    }

    #[test]
    fn an_preview_shows_the_verdict_what_to_do_and_what_to_know() {
        let told = DevicePreview {
            verdict: Verdict::WillFail(DeviceFailure::TokenNotActive),
            remedy: Some(Remedy::UserUnlocksOnce),
            notes: vec![
                Note::BestEffort,
                Note::OverridesPolicy,
                Note::DeviceOffline(NOON),
            ],
        };
        insta::assert_snapshot!("preview", preview(&told));
    }
}
