//! Rules 4, 10 and 12: the preview of a reset or a remove, with its verdict, remedy and notes.

use super::{
    Answer, answer, effective_rule, remove, reset, strongest,
    types::{
        Action, Device, DeviceFailure, DevicePreview, ManagementMode, Note, Refusal, Remedy,
        Request, ResetOptions, Situation, TokenState, Verdict, Wait,
    },
};

/// Previews a request. `own_refusal` is the refusal of an own rule.
pub fn preview(
    situation: &Situation,
    action: Action,
    request: &Request,
    own_refusal: Option<Refusal>,
) -> DevicePreview {
    let refusal = match action {
        Action::Reset => reset(situation, request).err(),
        Action::Remove => remove(situation, request).err(),
    };
    let verdict = match refusal.or(own_refusal) {
        Some(refusal) => Verdict::WouldBeRefused(refusal),
        None => verdict(situation, action),
    };
    DevicePreview {
        remedy: remedy(&situation.device, action, &verdict),
        notes: notes(situation, action, request, &verdict),
        verdict,
    }
}

fn verdict(situation: &Situation, action: Action) -> Verdict {
    let device = &situation.device;
    let strongest = || strongest(&effective_rule(situation));
    let password = situation.password.unwrap_or_else(strongest);
    match answer(device, action, &password) {
        Answer::Fails(failure) => Verdict::WillFail(failure),
        Answer::WaitsForUnlock => Verdict::WillWait(Wait::UserMustUnlock),
        Answer::Succeeds if situation.online => Verdict::WillSucceed,
        Answer::Succeeds => Verdict::WillWait(Wait::DeviceOffline(device.last_sync)),
    }
}

fn remedy(device: &Device, action: Action, verdict: &Verdict) -> Option<Remedy> {
    match verdict {
        Verdict::WillSucceed => None,
        Verdict::WillWait(Wait::DeviceOffline(_)) => Some(Remedy::ConnectDevice),
        Verdict::WillWait(Wait::UserMustUnlock) => Some(Remedy::UserUnlocksOnce),
        Verdict::WouldBeRefused(refusal) => match refusal {
            Refusal::AgentTooOld(_) => Some(Remedy::UpdateAgent),
            Refusal::PasswordRefused(_) => Some(Remedy::OtherPassword),
            Refusal::Conflict(_) => Some(Remedy::ResolvePending),
            _ => None,
        },
        Verdict::WillFail(failure) => remedy_of_failure(device, action, failure),
    }
}

fn remedy_of_failure(device: &Device, action: Action, failure: &DeviceFailure) -> Option<Remedy> {
    Some(match failure {
        DeviceFailure::ExistingPassword => Remedy::UserRemovesPassword,
        DeviceFailure::MayNotClear if device.management_mode == ManagementMode::ProfileOwner => {
            Remedy::UserRemovesPassword
        }
        DeviceFailure::MayNotClear
        | DeviceFailure::NotSupported
        | DeviceFailure::TokenUnsupported => Remedy::EnrollAgain,
        DeviceFailure::UserLocked => Remedy::UserUnlocksOnce,
        DeviceFailure::TokenNotActive if device.condition.token == TokenState::Unconfirmed => {
            Remedy::UserUnlocksOnce
        }
        DeviceFailure::TokenNotActive | DeviceFailure::TokenInvalid => Remedy::ProvisionToken,
        DeviceFailure::PolicyViolation => match action {
            Action::Reset => Remedy::StrongerPassword,
            Action::Remove => Remedy::OtherAdminLiftsPolicy,
        },
        DeviceFailure::OtherAdminEntryPending => Remedy::UserEntersOtherPassword,
        DeviceFailure::PasswordNotAccepted => Remedy::OtherPassword,
        DeviceFailure::NoSecureLockScreen
        | DeviceFailure::PasswordUnreadable
        | DeviceFailure::Other(_) => return None,
    })
}

fn notes(situation: &Situation, action: Action, request: &Request, verdict: &Verdict) -> Vec<Note> {
    let device = &situation.device;
    let mut notes = Vec::new();
    if device.management_mode != ManagementMode::DeviceOwner || device.api_level < 24 {
        notes.push(Note::BestEffort);
    }
    if device.management_mode == ManagementMode::ProfileOwner && device.managed_profile {
        notes.push(Note::WorkProfileOnly);
    }
    if device.policy.is_some() {
        notes.push(match action {
            Action::Reset => Note::OverridesPolicy,
            Action::Remove => Note::PolicyEnforcedAgain,
        });
    }
    if let Some(policy) = &device.condition.other_admin_policy {
        notes.push(Note::OtherAdminPolicy(*policy));
    }
    if action == Action::Reset {
        notes.extend(missing_options(situation, request.options));
    }
    if request.valid_for.is_some() && !situation.capabilities.expiry {
        notes.push(Note::NoExpiry);
    }
    let is_in_verdict = matches!(verdict, Verdict::WillWait(Wait::DeviceOffline(_)));
    if !situation.online && !is_in_verdict {
        notes.push(Note::DeviceOffline(device.last_sync));
    }
    notes
}

/// Rule 10: notes on requested options that the device or the way to it lacks. `lockNow` and "require entry" are as old
/// as device administration; "don't ask credentials on boot" exists for device owners since API 23.
fn missing_options(situation: &Situation, requested: ResetOptions) -> Vec<Note> {
    let (device, available) = (&situation.device, situation.capabilities.options);
    let boots_without =
        device.management_mode == ManagementMode::DeviceOwner && device.api_level >= 23;
    let lacks = |option| requested.contains(option) && !available.contains(option);
    let mut notes = Vec::new();
    if lacks(ResetOptions::LOCK_NOW) {
        notes.push(Note::NoLockNow);
    }
    if lacks(ResetOptions::REQUIRE_ENTRY) {
        notes.push(Note::NoRequireEntry);
    }
    let at_boot = ResetOptions::NO_CREDENTIALS_ON_BOOT;
    if lacks(at_boot) || (requested.contains(at_boot) && !boots_without) {
        notes.push(Note::NoCredentialsOption);
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{
        samples::{command, metrics, quality, request, situation},
        types::{AcceptedPasswords, Capabilities, Quality},
    };

    fn preview_of(situation: &Situation, action: Action) -> DevicePreview {
        preview(situation, action, &request(), None)
    }

    /// A reset to this password.
    fn reset_to(situation: &Situation, password: &str) -> DevicePreview {
        let situation = Situation {
            password: Some(metrics(password)),
            ..situation.clone()
        };
        preview_of(&situation, Action::Reset)
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
            let preview = reset_to(&situation, "1234");
            assert_eq!(preview.notes, expected, "{api_level} {mode:?}");
        }
    }

    #[test]
    fn rule_4_only_the_owner_of_a_managed_profile_is_said_to_change_the_work_profiles_password() {
        let mut situation = situation();
        situation.device.management_mode = ManagementMode::ProfileOwner;
        for (managed_profile, is_noted) in [(true, true), (false, false)] {
            situation.device.managed_profile = managed_profile;
            for action in [Action::Reset, Action::Remove] {
                let preview = preview_of(&situation, action);
                assert_eq!(
                    preview.notes.contains(&Note::WorkProfileOnly),
                    is_noted,
                    "managed profile: {managed_profile}"
                );
            }
        }
    }

    #[test]
    fn rule_10_what_the_device_or_the_way_to_it_cannot_do_is_said_before_the_admin_confirms() {
        let request = Request {
            options: ResetOptions::all(),
            valid_for: Some(60),
            ..request()
        };
        let notes = |situation: &Situation| preview(situation, Action::Reset, &request, None).notes;
        assert_eq!(notes(&situation()), []);
        let narrow = Situation {
            capabilities: Capabilities {
                options: ResetOptions::empty(),
                expiry: false,
                ..situation().capabilities
            },
            ..situation()
        };
        assert_eq!(
            notes(&narrow),
            [
                Note::NoLockNow,
                Note::NoRequireEntry,
                Note::NoCredentialsOption,
                Note::NoExpiry
            ]
        );
        let mut older = situation();
        older.device.api_level = 22;
        assert_eq!(notes(&older), [Note::BestEffort, Note::NoCredentialsOption]);
    }

    #[test]
    fn rule_12_a_device_that_is_away_will_wait_and_one_in_contact_will_succeed() {
        let said = reset_to(&situation(), "1234");
        assert_eq!((said.verdict, said.remedy), (Verdict::WillSucceed, None));
        let offline = Situation {
            online: false,
            ..situation()
        };
        let said = reset_to(&offline, "1234");
        assert_eq!(said.verdict, Verdict::WillWait(Wait::DeviceOffline(1_000)));
        assert_eq!(said.remedy, Some(Remedy::ConnectDevice));
    }

    #[test]
    fn rule_12_a_failure_is_previewed_with_its_remedy_also_while_the_device_is_away() {
        for (token, failure, remedy) in [
            (
                TokenState::Unconfirmed,
                DeviceFailure::TokenNotActive,
                Remedy::UserUnlocksOnce,
            ),
            (
                TokenState::Missing,
                DeviceFailure::TokenNotActive,
                Remedy::ProvisionToken,
            ),
            (
                TokenState::Unsupported,
                DeviceFailure::TokenUnsupported,
                Remedy::EnrollAgain,
            ),
        ] {
            let mut situation = situation();
            situation.online = false;
            situation.device.condition.token = token;
            let said = reset_to(&situation, "1234");
            assert_eq!(said.verdict, Verdict::WillFail(failure));
            assert_eq!(said.remedy, Some(remedy));
            assert_eq!(said.notes, [Note::DeviceOffline(1_000)]);
        }
    }

    #[test]
    fn rule_12_a_refusal_is_previewed() {
        let mut situation = situation();
        let said = reset_to(&situation, "12");
        assert!(matches!(
            said.verdict,
            Verdict::WouldBeRefused(Refusal::PasswordRefused(_))
        ));
        let said = preview_of(&situation, Action::Remove);
        assert_eq!(
            said.verdict,
            Verdict::WouldBeRefused(Refusal::NothingToRemove)
        );
        assert_eq!(said.remedy, None);
        situation.pending = Some(command("a"));
        let said = preview_of(&situation, Action::Reset);
        assert_eq!(
            said.verdict,
            Verdict::WouldBeRefused(Refusal::Conflict("a".into()))
        );
        assert_eq!(said.remedy, Some(Remedy::ResolvePending));
    }

    #[test]
    fn rule_12_without_a_password_a_reset_is_refused_if_the_device_accepts_no_password_of_the_rule()
    {
        let mut situation = situation();
        situation.capabilities.passwords = AcceptedPasswords {
            minimum_pin_length: 6,
            ..situation.capabilities.passwords
        };
        let said = preview_of(&situation, Action::Reset);
        assert!(matches!(
            said.verdict,
            Verdict::WouldBeRefused(Refusal::PasswordRefused(_))
        ));
        assert_eq!(said.remedy, Some(Remedy::OtherPassword));
    }

    #[test]
    fn rule_12_without_a_password_a_reset_fails_only_if_no_password_of_the_rule_would_do() {
        let mut situation = situation();
        for (policy, verdict) in [
            (quality(Quality::NumericComplex, 4), Verdict::WillSucceed),
            (
                quality(Quality::Numeric, 6),
                Verdict::WillFail(DeviceFailure::PolicyViolation),
            ),
            (
                quality(Quality::Alphabetic, 4),
                Verdict::WillFail(DeviceFailure::PolicyViolation),
            ),
        ] {
            situation.device.condition.other_admin_policy = Some(policy);
            let said = preview_of(&situation, Action::Reset);
            assert_eq!(said.verdict, verdict, "{policy:?}");
            assert_eq!(said.notes, [Note::OtherAdminPolicy(policy)]);
        }
    }

    #[test]
    fn the_policy_is_said_to_be_overridden_by_a_reset_and_enforced_again_after_a_remove() {
        let mut situation = situation();
        situation.device.policy = Some(quality(Quality::Complex, 8));
        let said = reset_to(&situation, "1234");
        assert_eq!(said.notes, [Note::OverridesPolicy]);
        let said = preview_of(&situation, Action::Remove);
        assert_eq!(said.notes, [Note::PolicyEnforcedAgain]);
    }
}
