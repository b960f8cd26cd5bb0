"""The failures of Schemathesis that are none, each with its reason. The test loads this file as its hooks."""

import schemathesis

# What no schema can preview: the host refuses a call that its document allows, by this `type` of problem.
REFUSALS = {
    "agent-too-old": "the deployment's minimum version of agents",
    "bad-reason": "the reason contains the password of the same call",
    "device-changed": "If-Match: which ETag a device has changes with the device",
    "idempotency-key-reused": "the same Idempotency-Key came with another call before",
    "no-plugin": "whether bytes are a plugin, only loading them shows",
    "password-refused": "the deployment's password rule, and the plugin's",
}

# The same, by operation: the `type` is one that other calls use, too.
REFUSALS_OF = {
    ("POST /api/v1/bulks", "bad-request"): "a reset has one password or different ones, and a remove has none",
    ("POST /api/v1/bulks/preview", "bad-request"): "a reset has one password or different ones, and a remove has none",
    ("PUT /api/v1/devices/{device}/policy", "bad-request"): "what the Android version of the device takes",
    ("POST /api/v1/webhooks", "bad-url"): "the host calls https, and public addresses only",
    ("PUT /api/v1/plugin", "bad-signature"): "base64 of what is no text",
    ("PUT /api/v1/plugin/shadow", "bad-signature"): "base64 of what is no text",
    ("PUT /api/v1/plugin", "bad-settings"): "base64 of what is no JSON object",
    ("PUT /api/v1/plugin/shadow", "bad-settings"): "base64 of what is no JSON object",
    ("PUT /api/v1/plugin/settings", "bad-settings"): "settings that the active plugin does not have",
}


def has_float(value):
    """A number such as 400.0 is an integer by JSON Schema; the API takes integers in the form that all programs write."""
    if isinstance(value, dict):
        return any(map(has_float, value.values()))
    if isinstance(value, list):
        return any(map(has_float, value))
    return isinstance(value, float)


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Whether a failure counts: a refusal that is not on the list, and everything that is no refusal."""
    is_refusal = type(failure).__name__ in ("RejectedPositiveData", "AcceptedNegativeData")
    if not is_refusal or response.status_code not in (400, 412, 422):
        return True
    try:
        problem = response.json()["type"]
    except (ValueError, KeyError, TypeError):
        return True
    if problem == "malformed-body" and has_float(case.body):
        return False
    return problem not in REFUSALS and (context.operation.label, problem) not in REFUSALS_OF
