//! Rules that hold for every device and every action of its user.

use crate::phone::{Phone, policy, token_key};
use mdm_agent::{
    device::{Device, password::Metrics},
    preflight::{Preflight, preflight},
    state::Step,
    token,
};
use mdm_contract::{Action, DeviceOutcome, ManagementMode, ResetOptions};
use proptest::prelude::*;

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
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_command_is_applied_at_most_once_and_the_policy_is_never_lost(
        api_level in 21u32..=36,
        mode in mode(),
        direct_boot_aware: bool,
        unlocks_after_a_cut: bool,
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
                    phone.runs_with(*cut, &|device| {
                        device.reboot();
                        if unlocks_after_a_cut {
                            let _ = device.unlock("secret8").or_else(|_| device.unlock("1234"));
                        }
                    });
                }
            }
            let (agent, device) = (phone.agent(), phone.device());
            prop_assert!(agent.journal.is_none());
            for report in &agent.unreported[reported..] {
                if report.outcome == DeviceOutcome::Success {
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
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_the_preflight_says_is_what_android_answers(
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
        let preflight = preflight(&agent, &device, action, &Metrics::of(password));
        let token = token::unwrap_token(&agent, &token_key()).unwrap_or_default();
        let says = if device.has_reset_tokens() {
            device.reset_password_with_token(password, &token, ResetOptions::default())
        } else {
            device.reset_password(password, ResetOptions::default())
        };
        prop_assert_eq!(preflight == Preflight::Yes, says, "preflight: {:?}", preflight);
    }
}
