//! Whatever the user does and whenever the power is cut: a command is applied at most once, has one
//! outcome, and leaves the device with the policy that it should have. And what the agent foresees is
//! what Android answers.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use mdm_agent::{
    apply,
    device::{Device, password::Metrics},
    error::AgentError,
    foresee::{Foreseen, foresee},
    state::{Agent, Home, Step},
    token,
};
use mdm_wire::{
    sealing::{Binding, PrivateKey},
    sync::SealedCommand,
    words::{Action, Failure, ManagementMode, Outcome, Policy, Quality, Requirement, ResetOptions},
};
use proptest::prelude::*;
use tempfile::TempDir;

const DEVICE: &str = "0198c1de-0000-7000-8000-000000000001";

struct Phone {
    home: Home,
    _folder: TempDir,
}

impl Phone {
    fn new(device: Device, direct_boot_aware: bool) -> Self {
        let folder = TempDir::new().unwrap();
        let home = Home::at(&folder.path().join("phone"));
        home.create(&device).unwrap();
        let (private_key, public_key) = PrivateKey::generate();
        let mut agent = Agent::new(
            "host".into(),
            DEVICE.into(),
            "credential".into(),
            (&private_key, public_key),
        );
        agent.direct_boot_aware = direct_boot_aware;
        home.agent.create(&agent).unwrap();
        token::provision(&home).unwrap();
        Self {
            home,
            _folder: folder,
        }
    }

    fn command(&self, id: &str, action: Action, password: &str) -> SealedCommand {
        let options = ResetOptions::default();
        let binding = Binding {
            device: DEVICE,
            command: id,
            action,
            options,
            expires_at: None,
        };
        let key = self.home.agent.read().unwrap().public_key;
        let sealed =
            (action == Action::Reset).then(|| key.seal(password.as_bytes(), &binding).unwrap());
        SealedCommand {
            id: id.into(),
            action,
            options,
            expires_at: None,
            sealed,
        }
    }

    fn receives(&self, command: SealedCommand) {
        self.home
            .agent
            .change(|agent| agent.holding.push(command))
            .unwrap();
    }

    /// The agent runs; if its power is cut, it starts again.
    fn runs(&self, power_cut: Option<Step>) {
        match apply::carry_out_all(&self.home, power_cut) {
            Ok(()) => {}
            Err(AgentError::PowerCut(_)) => {
                apply::recover(&self.home).unwrap();
                apply::carry_out_all(&self.home, None).unwrap();
            }
            Err(error) => panic!("{error}"),
        }
    }

    fn device(&self) -> Device {
        self.home.device.read().unwrap()
    }

    fn agent(&self) -> Agent {
        self.home.agent.read().unwrap()
    }
}

fn policy() -> Policy {
    Policy {
        requirement: Requirement::Quality(Quality::Alphabetic),
        minimum_length: 6,
    }
}

#[derive(Clone, Debug)]
enum Event {
    UserSets,
    UserRemoves,
    Unlock,
    Lock,
    Reboot,
    Command(Action, Option<Step>),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(Step::Journal),
        Just(Step::Lift),
        Just(Step::Set),
        Just(Step::Restore),
        Just(Step::Finish),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        Just(Event::UserSets),
        Just(Event::UserRemoves),
        Just(Event::Unlock),
        Just(Event::Lock),
        Just(Event::Reboot),
        (action(), proptest::option::of(step()))
            .prop_map(|(action, cut)| Event::Command(action, cut)),
        (action(), step()).prop_map(|(action, cut)| Event::Command(action, Some(cut))),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![Just(Action::Reset), Just(Action::Remove)]
}

fn mode() -> impl Strategy<Value = ManagementMode> {
    prop_oneof![
        Just(ManagementMode::DeviceOwner),
        Just(ManagementMode::ProfileOwner),
        Just(ManagementMode::DeviceAdmin),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_command_is_applied_at_most_once_and_the_policy_is_never_lost(
        api_level in 21u32..=36,
        mode in mode(),
        direct_boot_aware: bool,
        events in proptest::collection::vec(event(), 1..12),
    ) {
        let mut device = Device::new(api_level, mode, [7; 32]);
        device.policy = Some(policy());
        let phone = Phone::new(device, direct_boot_aware);
        let mut successes = 0;
        let mut is_overridden = false;
        let mut reported = 0;
        for (number, event) in events.iter().enumerate() {
            match event {
                Event::UserSets => {
                    let _ = phone.home.device.change(|it| it.user_sets_password("secret8")).unwrap();
                }
                Event::UserRemoves => {
                    let _ = phone.home.device.change(Device::user_removes_password).unwrap();
                }
                Event::Unlock => {
                    for password in ["secret8", "1234"] {
                        let _ = phone.home.device.change(|it| it.unlock(password)).unwrap();
                    }
                    phone.runs(None);
                }
                Event::Lock => phone.home.device.change(Device::lock).unwrap(),
                Event::Reboot => phone.home.device.change(Device::reboot).unwrap(),
                Event::Command(action, cut) => {
                    let command = phone.command(&format!("command-{number:02}"), *action, "1234");
                    phone.receives(command);
                    phone.runs(*cut);
                }
            }
            let (agent, device) = (phone.agent(), phone.device());
            prop_assert!(agent.journal.is_none());
            for report in &agent.unreported[reported..] {
                if report.outcome == Outcome::Success {
                    successes += 1;
                    let Event::Command(action, _) = &events[report.command[8..].parse::<usize>().unwrap()] else {
                        unreachable!()
                    };
                    is_overridden = *action == Action::Reset;
                }
            }
            reported = agent.unreported.len();
            prop_assert_eq!(device.agent_resets, successes, "applied once for each success");
            let mut ids: Vec<_> = agent.unreported.iter().map(|report| &report.command).collect();
            ids.sort_unstable();
            ids.dedup();
            prop_assert_eq!(ids.len(), agent.unreported.len(), "one report for each command");
            let (enforced, lifted) = (device.policy, agent.lifted_policy);
            if is_overridden {
                prop_assert_eq!((enforced, lifted), (None, Some(policy())));
            } else {
                prop_assert_eq!((enforced, lifted), (Some(policy()), None));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_the_agent_foresees_is_what_android_answers(
        (api_level, mode, managed) in (21u32..=36, mode(), any::<bool>()),
        action in action(),
        secure_lock_screen in prop::bool::weighted(0.9),
        events in proptest::collection::vec(event(), 0..4),
        other_admin in prop::bool::weighted(0.3),
        entry_pending in prop::bool::weighted(0.2),
        forget in prop::bool::weighted(0.2),
    ) {
        let mut device = Device::new(api_level, mode, [7; 32]);
        device.managed_profile = managed && mode == ManagementMode::ProfileOwner;
        device.secure_lock_screen = secure_lock_screen;
        let phone = Phone::new(device, true);
        phone.home.device.change(|device| {
            for event in events {
                let _ = match event {
                    Event::UserSets => device.user_sets_password("secret8"),
                    Event::UserRemoves => device.user_removes_password(),
                    Event::Unlock => device.unlock("secret8"),
                    Event::Lock => { device.lock(); Ok(()) }
                    Event::Reboot | Event::Command(..) => { device.reboot(); Ok(()) }
                };
            }
            device.other_admin_policy = other_admin.then(policy);
            device.other_admin_entry_pending = entry_pending;
            if forget { device.forget_token(); }
        }).unwrap();
        let (agent, mut device) = (phone.agent(), phone.device());
        let password = if action == Action::Reset { "1234" } else { "" };
        let foreseen = foresee(&agent, &device, action, &Metrics::of(password));
        let token = token::unwrap_token(&agent).unwrap_or_default();
        let says = if device.has_reset_tokens() {
            device.reset_password_with_token(password, &token, ResetOptions::default())
        } else {
            device.reset_password(password, ResetOptions::default())
        };
        prop_assert_eq!(foreseen == Foreseen::Yes, says, "foreseen: {:?}", foreseen);
    }
}

#[test]
fn a_command_whose_time_is_over_is_not_carried_out() {
    let phone = Phone::new(Device::new(34, ManagementMode::DeviceOwner, [7; 32]), true);
    let mut command = phone.command("late", Action::Reset, "1234");
    command.expires_at = Some(1);
    phone.receives(command);
    phone.runs(None);
    assert_eq!(
        phone.agent().unreported[0].outcome,
        Outcome::Failed(Failure::Expired)
    );
    assert_eq!(phone.device().agent_resets, 0);
}

#[test]
fn a_password_that_was_sealed_for_another_command_is_not_set() {
    let phone = Phone::new(Device::new(34, ManagementMode::DeviceOwner, [7; 32]), true);
    let mut command = phone.command("one", Action::Reset, "1234");
    command.id = "another".into();
    phone.receives(command);
    let mut locking = phone.command("locking", Action::Reset, "1234");
    locking.options.lock_now = true;
    phone.receives(locking);
    let mut bare = phone.command("bare", Action::Reset, "1234");
    bare.sealed = None;
    phone.receives(bare);
    let mut relabelled = phone.command("relabelled", Action::Reset, "1234");
    relabelled.action = Action::Remove;
    phone.receives(relabelled);
    phone.runs(None);
    for report in phone.agent().unreported {
        assert_eq!(
            report.outcome,
            Outcome::Failed(Failure::PasswordUnreadable),
            "{report:?}"
        );
    }
    assert_eq!(phone.device().agent_resets, 0);
}

#[test]
fn a_token_that_works_or_will_is_not_set_again_at_every_start() {
    let phone = Phone::new(Device::new(34, ManagementMode::DeviceOwner, [7; 32]), true);
    let before = phone.device();
    token::provision(&phone.home).unwrap();
    assert_eq!(phone.device(), before, "it is active");

    let mut with_password = Device::new(34, ManagementMode::DeviceOwner, [7; 32]);
    with_password.user_sets_password("8642").unwrap();
    let phone = Phone::new(with_password, true);
    let before = phone.device();
    token::provision(&phone.home).unwrap();
    assert_eq!(phone.device(), before, "it waits for the user");
    phone.home.device.change(Device::reboot).unwrap();
    phone
        .home
        .device
        .change(|device| device.unlock("8642"))
        .unwrap()
        .unwrap();
    token::provision(&phone.home).unwrap();
    assert_eq!(
        phone.device().is_reset_password_token_active(),
        Some(false),
        "a reboot lost it"
    );
}
