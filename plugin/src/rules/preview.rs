//! Rules 4, 10 and 12: the preview of a reset or a remove, with its verdict, remedy and notes.

use super::{
    Answer, Situation, answer, remove,
    request::{self, sending},
    strongest,
    types::{
        Action, Capabilities, Device, DevicePreview, Failure, ManagementMode, Note,
        PasswordMetrics, Refusal, Remedy, ResetOptions, Terms, TokenState, Verdict, Wait,
    },
};

/// The current channel to the device.
pub struct Channel {
    /// Its capabilities.
    pub capabilities: Capabilities,
    /// The device is online.
    pub online: bool,
}

/// The request to preview.
pub enum Wanted {
    /// A reset, with or without a password.
    Reset(Option<PasswordMetrics>, ResetOptions),
    /// A remove.
    Remove,
}

/// Previews a request. `own_refusal` is the refusal of an own rule.
pub fn preview(
    situation: &Situation,
    channel: &Channel,
    wanted: &Wanted,
    terms: &Terms,
    own_refusal: Option<Refusal>,
) -> DevicePreview {
    let device = &situation.device;
    let verdict = match refusal(situation, wanted, terms).or(own_refusal) {
        Some(refusal) => Verdict::WouldBeRefused(refusal),
        None => verdict(situation, channel, wanted),
    };
    DevicePreview {
        remedy: remedy(device, wanted, &verdict),
        notes: notes(device, channel, wanted, terms, &verdict),
        verdict,
    }
}

fn refusal(situation: &Situation, wanted: &Wanted, terms: &Terms) -> Option<Refusal> {
    match wanted {
        Wanted::Reset(Some(password), options) => {
            request::reset(situation, password, *options, terms).err()
        }
        Wanted::Reset(None, options) => super::check_agent(&situation.device.agent_version)
            .and_then(|()| sending(situation, Action::Reset, *options, terms))
            .err(),
        Wanted::Remove => remove(situation, terms).err(),
    }
}

fn verdict(situation: &Situation, channel: &Channel, wanted: &Wanted) -> Verdict {
    let device = &situation.device;
    let strongest = strongest(&situation.password_rule);
    let answer = match wanted {
        Wanted::Reset(password, _) => answer(
            device,
            Action::Reset,
            password.as_ref().unwrap_or(&strongest),
        ),
        Wanted::Remove => answer(device, Action::Remove, &strongest),
    };
    match answer {
        Answer::Fails(failure) => Verdict::WillFail(failure),
        Answer::WaitsForUnlock => Verdict::WillWait(Wait::UserMustUnlock),
        Answer::Succeeds if channel.online => Verdict::WillSucceed,
        Answer::Succeeds => Verdict::WillWait(Wait::DeviceOffline(device.last_sync)),
    }
}

fn remedy(device: &Device, wanted: &Wanted, verdict: &Verdict) -> Option<Remedy> {
    Some(match verdict {
        Verdict::WillSucceed => return None,
        Verdict::WillWait(Wait::DeviceOffline(_)) => Remedy::ConnectDevice,
        Verdict::WillWait(Wait::UserMustUnlock) => Remedy::UserUnlocksOnce,
        Verdict::WouldBeRefused(refusal) => match refusal {
            Refusal::AgentTooOld(_) => Remedy::UpdateAgent,
            Refusal::PasswordRefused(_) => Remedy::OtherPassword,
            Refusal::Conflict(_) => Remedy::ResolvePending,
            _ => Remedy::None,
        },
        Verdict::WillFail(failure) => match failure {
            Failure::ExistingPassword => Remedy::UserRemovesPassword,
            Failure::MayNotClear if device.management_mode == ManagementMode::ProfileOwner => {
                Remedy::UserRemovesPassword
            }
            Failure::MayNotClear | Failure::NotSupported => Remedy::EnrollAgain,
            Failure::UserLocked => Remedy::UserUnlocksOnce,
            Failure::TokenNotActive if device.condition.token == TokenState::Unconfirmed => {
                Remedy::UserUnlocksOnce
            }
            Failure::TokenNotActive | Failure::TokenInvalid => Remedy::ProvisionToken,
            Failure::PolicyViolation => match wanted {
                Wanted::Reset(..) => Remedy::StrongerPassword,
                Wanted::Remove => Remedy::OtherAdminLiftsPolicy,
            },
            Failure::OtherAdminEntryPending => Remedy::UserEntersOtherPassword,
            _ => Remedy::None,
        },
    })
}

fn notes(
    device: &Device,
    channel: &Channel,
    wanted: &Wanted,
    terms: &Terms,
    verdict: &Verdict,
) -> Vec<Note> {
    let mut notes = Vec::new();
    if device.management_mode != ManagementMode::DeviceOwner || device.api_level < 24 {
        notes.push(Note::BestEffort);
    }
    if device.management_mode == ManagementMode::ProfileOwner && device.managed_profile {
        notes.push(Note::WorkProfileOnly);
    }
    if device.policy.is_some() {
        notes.push(match wanted {
            Wanted::Reset(..) => Note::OverridesPolicy,
            Wanted::Remove => Note::PolicyEnforcedAgain,
        });
    }
    if let Some(policy) = &device.condition.other_admin_policy {
        notes.push(Note::OtherAdminPolicy(*policy));
    }
    if let Wanted::Reset(_, options) = wanted {
        notes.extend(missing_options(device, &channel.capabilities, *options));
    }
    if terms.valid_for.is_some() && !channel.capabilities.expiry {
        notes.push(Note::NoExpiry);
    }
    let is_told = matches!(verdict, Verdict::WillWait(Wait::DeviceOffline(_)));
    if !channel.online && !is_told {
        notes.push(Note::DeviceOffline(device.last_sync));
    }
    notes
}

/// Rule 10: notes on requested options that the device or the transport lacks. `lockNow` and "require entry" are as old as
/// device administration; "don't ask credentials on boot" exists for device owners since API 23.
fn missing_options(device: &Device, channel: &Capabilities, wanted: ResetOptions) -> Vec<Note> {
    let boots_without =
        device.management_mode == ManagementMode::DeviceOwner && device.api_level >= 23;
    let mut notes = Vec::new();
    if wanted.lock_now && !channel.lock_now {
        notes.push(Note::NoLockNow);
    }
    if wanted.require_entry && !channel.require_entry {
        notes.push(Note::NoRequireEntry);
    }
    if wanted.no_credentials_on_boot && !(channel.no_credentials_on_boot && boots_without) {
        notes.push(Note::NoCredentialsOption);
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{
        samples::{NO_OPTIONS, NO_TERMS, command, metrics, quality, situation},
        types::Quality,
    };

    const ALL: Capabilities = Capabilities {
        lock_now: true,
        require_entry: true,
        no_credentials_on_boot: true,
        expiry: true,
    };
    const ONLINE: Channel = Channel {
        capabilities: ALL,
        online: true,
    };
    const OFFLINE: Channel = Channel {
        capabilities: ALL,
        online: false,
    };

    fn reset_to(password: &str) -> Wanted {
        Wanted::Reset(Some(metrics(password)), NO_OPTIONS)
    }

    #[test]
    fn rule_4_anything_but_a_device_owner_on_android_7_is_said_to_be_best_effort() {
        for (api_level, mode, expected) in [
            (24, ManagementMode::DeviceOwner, vec![]),
            (23, ManagementMode::DeviceOwner, vec![Note::BestEffort]),
            (34, ManagementMode::DeviceAdmin, vec![Note::BestEffort]),
            (34, ManagementMode::ProfileOwner, vec![Note::BestEffort]),
        ] {
            let mut situation = situation();
            situation.device.api_level = api_level;
            situation.device.management_mode = mode;
            let preview = preview(&situation, &ONLINE, &reset_to("1234"), &NO_TERMS, None);
            assert_eq!(preview.notes, expected, "{api_level} {mode:?}");
        }
    }

    #[test]
    fn rule_4_only_the_owner_of_a_managed_profile_is_said_to_change_the_work_profiles_password() {
        let mut situation = situation();
        situation.device.management_mode = ManagementMode::ProfileOwner;
        for (managed_profile, is_noted) in [(true, true), (false, false)] {
            situation.device.managed_profile = managed_profile;
            for wanted in [reset_to("1234"), Wanted::Remove] {
                let preview = preview(&situation, &ONLINE, &wanted, &NO_TERMS, None);
                assert_eq!(
                    preview.notes.contains(&Note::WorkProfileOnly),
                    is_noted,
                    "managed profile: {managed_profile}"
                );
            }
        }
    }

    #[test]
    fn rule_10_what_the_device_or_the_road_cannot_do_is_said_before_the_admin_confirms() {
        let options = ResetOptions {
            lock_now: true,
            require_entry: true,
            no_credentials_on_boot: true,
        };
        let nothing = Capabilities {
            lock_now: false,
            require_entry: false,
            no_credentials_on_boot: false,
            expiry: false,
        };
        let narrow = Channel {
            capabilities: nothing,
            online: true,
        };
        let wanted = Wanted::Reset(None, options);
        let terms = Terms {
            replaces: None,
            valid_for: Some(60),
        };
        assert_eq!(
            preview(&situation(), &ONLINE, &wanted, &terms, None).notes,
            []
        );
        assert_eq!(
            preview(&situation(), &narrow, &wanted, &terms, None).notes,
            [
                Note::NoLockNow,
                Note::NoRequireEntry,
                Note::NoCredentialsOption,
                Note::NoExpiry
            ]
        );
        let mut older = situation();
        older.device.api_level = 22;
        assert_eq!(
            preview(&older, &ONLINE, &wanted, &terms, None).notes,
            [Note::BestEffort, Note::NoCredentialsOption]
        );
    }

    #[test]
    fn rule_12_a_device_that_is_away_will_wait_and_one_in_contact_will_succeed() {
        let said = preview(&situation(), &ONLINE, &reset_to("1234"), &NO_TERMS, None);
        assert_eq!((said.verdict, said.remedy), (Verdict::WillSucceed, None));
        let said = preview(&situation(), &OFFLINE, &reset_to("1234"), &NO_TERMS, None);
        assert_eq!(said.verdict, Verdict::WillWait(Wait::DeviceOffline(1_000)));
        assert_eq!(said.remedy, Some(Remedy::ConnectDevice));
    }

    #[test]
    fn rule_12_a_failure_is_previewed_with_what_to_do_about_it_also_while_the_device_is_away() {
        let mut situation = situation();
        situation.device.condition.token = TokenState::Unconfirmed;
        let said = preview(&situation, &OFFLINE, &reset_to("1234"), &NO_TERMS, None);
        assert_eq!(said.verdict, Verdict::WillFail(Failure::TokenNotActive));
        assert_eq!(said.remedy, Some(Remedy::UserUnlocksOnce));
        assert_eq!(said.notes, [Note::DeviceOffline(1_000)]);
    }

    #[test]
    fn rule_12_a_refusal_is_previewed() {
        let mut situation = situation();
        let said = preview(&situation, &ONLINE, &reset_to("12"), &NO_TERMS, None);
        assert!(matches!(
            said.verdict,
            Verdict::WouldBeRefused(Refusal::PasswordRefused(_))
        ));
        let said = preview(&situation, &ONLINE, &Wanted::Remove, &NO_TERMS, None);
        assert_eq!(
            said.verdict,
            Verdict::WouldBeRefused(Refusal::NothingToRemove)
        );
        situation.pending = Some(command("a"));
        let said = preview(
            &situation,
            &ONLINE,
            &Wanted::Reset(None, NO_OPTIONS),
            &NO_TERMS,
            None,
        );
        assert_eq!(
            said.verdict,
            Verdict::WouldBeRefused(Refusal::Conflict("a".into()))
        );
        assert_eq!(said.remedy, Some(Remedy::ResolvePending));
    }

    #[test]
    fn rule_12_without_a_password_a_reset_fails_only_if_no_password_of_the_rule_would_do() {
        let mut situation = situation();
        for (policy, verdict) in [
            (quality(Quality::NumericComplex, 4), Verdict::WillSucceed),
            (
                quality(Quality::Numeric, 6),
                Verdict::WillFail(Failure::PolicyViolation),
            ),
            (
                quality(Quality::Alphabetic, 4),
                Verdict::WillFail(Failure::PolicyViolation),
            ),
        ] {
            situation.device.condition.other_admin_policy = Some(policy);
            let said = preview(
                &situation,
                &ONLINE,
                &Wanted::Reset(None, NO_OPTIONS),
                &NO_TERMS,
                None,
            );
            assert_eq!(said.verdict, verdict, "{policy:?}");
            assert_eq!(said.notes, [Note::OtherAdminPolicy(policy)]);
        }
    }

    #[test]
    fn the_policy_is_said_to_be_overridden_by_a_reset_and_enforced_again_after_a_remove() {
        let mut situation = situation();
        situation.device.policy = Some(quality(Quality::Complex, 8));
        let said = preview(&situation, &ONLINE, &reset_to("1234"), &NO_TERMS, None);
        assert_eq!(said.notes, [Note::OverridesPolicy]);
        let said = preview(&situation, &ONLINE, &Wanted::Remove, &NO_TERMS, None);
        assert_eq!(said.notes, [Note::PolicyEnforcedAgain]);
    }
}
