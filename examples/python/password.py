"""Rule 1: what a password has to be like."""

import own_rule
from componentize_py_types import Err
from wit_world.imports.types import (
    Characters, PasswordMetrics, PasswordFault, PasswordFault_NeedsDigit, PasswordFault_NeedsLetter,
    PasswordFault_NotOnlyDigits, PasswordFault_TooLong, PasswordFault_TooShort, PasswordRule,
    Refusal_PasswordRefused, Situation,
)


def effective_rule(situation: Situation) -> PasswordRule:
    """
    The deployment's rule, narrowed to the passwords that the device accepts. If both exclude each other, its
    minimum is above its maximum.
    """
    rule, accepted = situation.deployment.password_rule, situation.capabilities.passwords
    is_pin = rule.characters == Characters.DIGITS
    minimum = accepted.minimum_pin_length if is_pin else accepted.minimum_length
    return PasswordRule(
        characters=rule.characters,
        minimum_length=max(rule.minimum_length, minimum),
        maximum_length=min(rule.maximum_length, accepted.maximum_length),
    )


def check_password(rule: PasswordRule, password: PasswordMetrics, is_known: bool) -> None:
    """Refuses a password with anything wrong about it, and names everything that is."""
    faults = rule_faults(rule, password) + (own_rule.faults(password) if is_known else [])
    if faults:
        raise Err(Refusal_PasswordRefused(faults))


def rule_faults(rule: PasswordRule, password: PasswordMetrics) -> list[PasswordFault]:
    """What is wrong with a password by a rule."""
    faults: list[PasswordFault] = []
    if password.length < rule.minimum_length:
        faults.append(PasswordFault_TooShort(rule.minimum_length))
    if password.length > rule.maximum_length:
        faults.append(PasswordFault_TooLong(rule.maximum_length))
    match rule.characters:
        case Characters.DIGITS:
            if password.digits < password.length:
                faults.append(PasswordFault_NotOnlyDigits())
        case Characters.ALPHANUMERIC:
            if password.lower_case + password.upper_case == 0:
                faults.append(PasswordFault_NeedsLetter())
            if password.digits == 0:
                faults.append(PasswordFault_NeedsDigit())
    return faults


def strongest(rule: PasswordRule) -> PasswordMetrics:
    """The strongest password that a rule allows: what it can't meet, no password of the rule can."""
    length = rule.maximum_length
    one_each = 1 if rule.characters == Characters.ALPHANUMERIC else 0
    return PasswordMetrics(
        length=length,
        digits=max(length - 2 * one_each, 0),
        lower_case=one_each,
        upper_case=0,
        symbols=one_each,
        others=0,
        longest_sequence=min(length, 1),
        longest_repeat=min(length, 1),
        distinct=length,
    )
