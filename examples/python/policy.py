"""Rules 6 to 8: when a policy is enforced, what there is to remove, and whether a password meets a policy."""

from wit_world.imports.types import (
    Complexity, Device, PasswordMetrics, Policy, PolicyState, PolicyState_Enforced, PolicyState_None_,
    PolicyState_Overridden, Quality, Requirement_Quality,
)

# Digits in a row that are a sequence too long for `numeric-complex` and for a PIN of a complexity.
MAX_SEQUENCE = 3


def policy_state(device: Device) -> PolicyState:
    """Rule 6: from the success of a reset until that of a remove, the policy is overridden."""
    if device.policy_override:
        return PolicyState_Overridden(device.policy_override)
    return PolicyState_Enforced() if device.policy else PolicyState_None_()


def remove_offered(device: Device) -> bool:
    """Rule 7: a remove is offered if the password was set from the dashboard, or a policy was applied."""
    return bool(device.policy_override or device.policy)


def asks_for_password(policy: Policy) -> bool:
    """Whether the policy asks for a password at all."""
    return policy.requirement.value not in (Quality.UNSPECIFIED, Complexity.NONE)


def is_met(policy: Policy, password: PasswordMetrics) -> bool:
    """Whether a password meets the policy, as Android measures it."""
    requirement = policy.requirement
    if isinstance(requirement, Requirement_Quality):
        return is_of_quality(requirement.value, policy.minimum_length, password)
    return is_of_complexity(requirement.value, password)


def is_of_quality(quality: Quality, minimum_length: int, password: PasswordMetrics) -> bool:
    has_letter = password.lower_case + password.upper_case > 0
    has_digit = password.digits > 0
    # Android counts each character except a–z, A–Z and 0–9 as a symbol.
    has_symbol = password.symbols + password.others > 0
    is_long_enough = password.length >= max(minimum_length, 1)
    match quality:
        case Quality.UNSPECIFIED:
            return True
        case Quality.SOMETHING:
            return password.length >= 1
        case Quality.NUMERIC:
            return is_long_enough
        case Quality.NUMERIC_COMPLEX:
            return is_long_enough and not is_sequence(password)
        case Quality.ALPHABETIC:
            return is_long_enough and has_letter
        case Quality.ALPHANUMERIC:
            return is_long_enough and has_letter and has_digit
        case Quality.COMPLEX:
            return is_long_enough and has_letter and has_digit and has_symbol


def is_of_complexity(complexity: Complexity, password: PasswordMetrics) -> bool:
    match complexity:
        case Complexity.NONE:
            return True
        case Complexity.LOW:
            return password.length >= 1
        case Complexity.MEDIUM:
            return password.length >= 4 and not is_sequence(password)
        case Complexity.HIGH:
            return password.length >= (8 if is_pin(password) else 6) and not is_sequence(password)


def is_pin(password: PasswordMetrics) -> bool:
    return 0 < password.length == password.digits


def is_sequence(password: PasswordMetrics) -> bool:
    return is_pin(password) and password.longest_sequence > MAX_SEQUENCE
