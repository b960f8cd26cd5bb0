//! The checker on a history that may happen, and on copies of it that were each broken in one way.

use super::{Violation::*, *};
use mdm_contract::{DeviceOutcome, PolicyOverride};

const CANCELLED: Status = Status::Failed(Failure::Cancelled);

fn reset(password: &str, replaces: Option<&str>) -> Operation {
    Operation::Reset {
        password: password.into(),
        replaces: replaces.map(str::to_owned),
    }
}

fn request(device: &str, operation: Operation, answer: Answer) -> Request {
    Request {
        device: device.into(),
        operation,
        answer,
        repeats: Vec::new(),
    }
}

fn accepted(command: &str) -> Answer {
    Answer::Accepted(command.into())
}

fn seen(device: &str, action: Action, outcome: Status) -> Seen {
    Seen {
        device: device.into(),
        action,
        statuses: vec![Status::Pending, outcome],
        late_outcome: None,
    }
}

fn line(action: &str, command: &str, detail: Option<&str>) -> Line {
    Line {
        action: action.into(),
        command: command.into(),
        detail: detail.map(str::to_owned),
    }
}

fn overridden(command: &str) -> PolicyState {
    PolicyState::Overridden(PolicyOverride {
        command: command.into(),
        since: 1,
    })
}

/// The phone was reset, by a request whose answer was lost; reset again, in place of a command that was replaced; and
/// reset by a command that was cancelled too late. The tablet has a policy, was reset, and the password removed.
fn good() -> History {
    let superseded = Status::Failed(Failure::Superseded("c3".into()));
    let mut late = seen("phone", Action::Reset, CANCELLED);
    late.late_outcome = Some(DeviceOutcome::Success);
    let commands = [
        ("c1", seen("phone", Action::Reset, Status::Success)),
        ("c2", seen("phone", Action::Reset, superseded)),
        ("c3", seen("phone", Action::Reset, Status::Success)),
        ("c4", late),
        ("d1", seen("tablet", Action::Reset, Status::Success)),
        ("d2", seen("tablet", Action::Remove, Status::Success)),
    ];
    let lines = [
        line("reset", "c1", Some("request 0")),
        line("report", "c1", Some("success")),
        line("reset", "c2", Some("request 1")),
        line("reset", "c3", Some("request 3")),
        line("reset", "c4", Some("request 4")),
        line("cancel", "c4", None),
        line("report", "c4", Some("success")),
        line("reset", "d1", Some("request 6")),
        line("remove", "d2", None),
    ];
    let phone = AtTheEnd {
        applied: ["c1", "c3", "c4"].map(str::to_owned).to_vec(),
        lock_screen: LockScreen::Password("0004".into()),
        enforces_policy: false,
        has_policy: false,
        policy_state: overridden("c4"),
        latest: Some("c4".into()),
    };
    let tablet = AtTheEnd {
        applied: ["d1", "d2"].map(str::to_owned).to_vec(),
        lock_screen: LockScreen::Open,
        enforces_policy: true,
        has_policy: true,
        policy_state: PolicyState::Enforced,
        latest: Some("d2".into()),
    };
    History {
        requests: vec![
            request("phone", reset("0000", None), Answer::Lost),
            request("phone", reset("0001", None), accepted("c2")),
            request(
                "phone",
                reset("0002", None),
                Answer::Refused("conflict".into()),
            ),
            request("phone", reset("0003", Some("c2")), accepted("c3")),
            request("phone", reset("0004", None), accepted("c4")),
            request("phone", Operation::Cancel("c4".into()), accepted("c4")),
            request("tablet", reset("0006", None), accepted("d1")),
            request("tablet", Operation::Remove { replaces: None }, Answer::Lost),
            request("tablet", reset("0008", None), Answer::Lost),
        ],
        commands: commands
            .into_iter()
            .map(|(id, seen)| (id.to_owned(), seen))
            .collect(),
        devices: [("phone", phone), ("tablet", tablet)]
            .into_iter()
            .map(|(id, end)| (id.to_owned(), end))
            .collect(),
        pending_together: Vec::new(),
        audit: Audit {
            lines: lines.to_vec(),
            broken: None,
        },
    }
}

/// In a history that was broken in this way, this is found.
#[track_caller]
fn finds(break_it: impl FnOnce(&mut History), expected: &[Violation]) {
    let mut history = good();
    break_it(&mut history);
    assert_eq!(check(&history), expected);
}

impl History {
    fn command(&mut self, id: &str) -> &mut Seen {
        self.commands.get_mut(id).unwrap()
    }

    fn device(&mut self, id: &str) -> &mut AtTheEnd {
        self.devices.get_mut(id).unwrap()
    }
}

#[test]
fn a_history_that_may_happen_passes() {
    finds(|_| (), &[]);
}

#[test]
fn a_command_that_was_accepted_and_is_gone_is_found() {
    let lost = |history: &mut History| {
        history.commands.remove("c2");
    };
    finds(lost, &[Lost(1, "c2".into())]);
}

#[test]
fn two_outcomes_of_a_command_are_found_also_if_one_of_them_was_shown_only_for_a_while() {
    let two = |history: &mut History| {
        let statuses = &mut history.command("c1").statuses;
        *statuses = vec![Status::Pending, CANCELLED, Status::Success];
    };
    let found = || TwoOutcomes("c1".into(), "Failed(Cancelled)".into(), "Success".into());
    finds(two, &[found()]);
    let back = |history: &mut History| {
        let statuses = &mut history.command("c1").statuses;
        *statuses = vec![Status::Success, Status::Pending, Status::Success];
    };
    let forgotten = TwoOutcomes("c1".into(), "Success".into(), "Pending".into());
    finds(back, &[forgotten]);
}

#[test]
fn a_command_that_is_pending_for_ever_is_found() {
    let pending = |history: &mut History| history.command("c4").statuses.truncate(1);
    let found = [
        NotEnded(5, "c4".into(), "Some(Pending)".into()),
        NoOutcome("c4".into()),
    ];
    finds(pending, &found);
}

#[test]
fn a_command_that_nobody_asked_for_or_whose_request_was_refused_is_found() {
    let refused = |history: &mut History| {
        history.requests[0].answer = Answer::Refused("store-failed".into());
    };
    let kind = "store-failed".into();
    finds(refused, &[MadeThoughRefused(0, kind, "c1".into())]);
    let nobody = |history: &mut History| {
        history.requests[7].answer = Answer::Refused("conflict".into());
    };
    finds(nobody, &[Unasked("d2".into(), "tablet".into())]);
}

#[test]
fn a_request_that_was_carried_out_twice_is_found() {
    let twice = |history: &mut History| {
        let again = seen("phone", Action::Reset, CANCELLED);
        history.commands.insert("c5".into(), again);
        history
            .audit
            .lines
            .push(line("reset", "c5", Some("request 4")));
        history.device("phone").latest = Some("c5".into());
    };
    finds(twice, &[MadeTwice(4, "c4".into(), "c5".into())]);
}

#[test]
fn a_key_that_was_executed_again_or_forgotten_is_found() {
    let replayed = |history: &mut History| {
        history.requests[4].repeats = vec![accepted("c4"), accepted("c4")];
    };
    finds(replayed, &[]);
    for other in [accepted("c9"), Answer::Refused("conflict".into())] {
        let found = KeyNotReplayed(4, "c4".into(), other.clone());
        finds(
            |history| history.requests[4].repeats = vec![accepted("c4"), other],
            &[found],
        );
    }
}

#[test]
fn two_commands_of_a_device_that_were_pending_at_the_same_time_are_found() {
    let two = ("phone".to_owned(), "c3".to_owned(), "c4".to_owned());
    let found = TwoPending("phone".into(), "c3".into(), "c4".into());
    finds(|history| history.pending_together.push(two), &[found]);
}

#[test]
fn a_command_that_was_cancelled_or_replaced_and_ended_otherwise_is_found() {
    let succeeded = |history: &mut History| {
        let c4 = history.command("c4");
        c4.late_outcome = None;
        c4.statuses[1] = Status::Success;
    };
    finds(
        succeeded,
        &[NotEnded(5, "c4".into(), "Some(Success)".into())],
    );
    let cancelled = |history: &mut History| history.command("c2").statuses[1] = CANCELLED;
    let found = NotEnded(3, "c2".into(), "Some(Failed(Cancelled))".into());
    finds(cancelled, &[found]);
}

#[test]
fn a_command_that_was_applied_twice_is_found() {
    let twice = |history: &mut History| history.device("phone").applied.insert(1, "c1".into());
    finds(twice, &[AppliedTwice("phone".into(), "c1".into())]);
}

#[test]
fn a_command_that_was_applied_and_is_said_to_have_failed_is_found() {
    let unsaid = |history: &mut History| history.command("c4").late_outcome = None;
    let status = "Some(Failed(Cancelled))".into();
    finds(
        unsaid,
        &[AppliedUnsaid("phone".into(), "c4".into(), status)],
    );
}

#[test]
fn a_command_that_is_said_to_have_succeeded_and_was_not_applied_is_found() {
    let unapplied = |history: &mut History| drop(history.device("phone").applied.remove(0));
    finds(unapplied, &[SaidUnapplied("c1".into(), "phone".into())]);
}

#[test]
fn a_lock_screen_that_opens_by_another_password_or_by_none_is_found() {
    for wrong in [
        LockScreen::Password("0003".into()),
        LockScreen::Open,
        LockScreen::Unknown,
    ] {
        let found = WrongLockScreen {
            device: "phone".into(),
            last: "c4".into(),
            found: wrong.clone(),
            expected: LockScreen::Password("0004".into()),
        };
        finds(
            |history| history.device("phone").lock_screen = wrong,
            &[found],
        );
    }
    let wrong = LockScreen::Password("0006".into());
    let found = WrongLockScreen {
        device: "tablet".into(),
        last: "d2".into(),
        found: wrong.clone(),
        expected: LockScreen::Open,
    };
    finds(
        |history| history.device("tablet").lock_screen = wrong,
        &[found],
    );
}

#[test]
fn a_host_that_is_wrong_about_the_override_is_found() {
    let wrong = |history: &mut History| history.device("phone").policy_state = overridden("c3");
    let mut history = good();
    wrong(&mut history);
    let found = check(&history);
    assert!(
        matches!(&found[..], [WrongPolicyState { device, .. }] if device == "phone"),
        "{found:?}"
    );
}

#[test]
fn a_policy_that_is_not_enforced_and_should_be_is_found() {
    let lifted = |history: &mut History| history.device("tablet").enforces_policy = false;
    let found = WrongEnforcement("tablet".into(), "Enforced".into(), "not enforced");
    finds(lifted, &[found]);
}

#[test]
fn an_earlier_command_that_is_shown_as_the_latest_is_found() {
    let earlier = |history: &mut History| history.device("phone").latest = Some("c3".into());
    let found = WrongLatest("phone".into(), Some("c3".into()), "c4".into());
    finds(earlier, &[found]);
}

#[test]
fn a_broken_chain_and_a_command_without_its_one_line_in_the_audit_trail_are_found() {
    let broken = |history: &mut History| history.audit.broken = Some("line 3 is missing".into());
    finds(broken, &[BrokenAudit("line 3 is missing".into())]);
    let untold = |history: &mut History| {
        history.audit.lines.retain(|line| line.command != "d1");
    };
    finds(untold, &[AuditLines("d1".into(), 0)]);
    let told_twice = |history: &mut History| {
        history.audit.lines.push(line("remove", "d2", None));
    };
    finds(told_twice, &[AuditLines("d2".into(), 2)]);
}
