"""
The host of this package: its flow, its sandbox, and what it does not let a plugin do. The plugins are components:

    MDM_REFERENCE=plugin.wasm MDM_PROBE=probe.wasm python -m unittest discover tests
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from base64 import b64decode, b64encode
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from host_under_test import Platform
from mdm_password_host import (
    Host, Limits, LoadError, Plugin, PluginError, SettingsError, UnknownCommand, UnknownDevice, generate_key,
    open_sealed,
)
from pyhpke import OpenError

HERE = Path(__file__).parent
REFERENCE = Path(os.environ["MDM_REFERENCE"]).read_bytes()
PROBE = Path(os.environ["MDM_PROBE"]).read_bytes()
BASE = json.loads((HERE / "../../../conformance/cases/base.json").read_text())


def platform() -> Platform:
    situation = BASE["situation"]
    fields = ("device", "deployment", "capabilities", "online", "now")
    return Platform({**{name: situation[name] for name in fields}, "commands": []})


class TheFlow(unittest.TestCase):
    def setUp(self) -> None:
        self.platform = platform()
        self.device: str = self.platform.content["device"]["id"]
        deployment = self.platform.content["deployment"]
        self.host = Host(Plugin.load(REFERENCE), self.platform, self.platform, deployment)

    def reset(self, **more: Any) -> Any:
        return self.host.reset(self.device, "7294", None, **more)

    def test_a_reset_is_pending_until_its_report_and_then_overrides_the_policy(self) -> None:
        command = self.reset()["ok"]
        self.assertEqual(list(self.platform.sealed), [command])
        self.assertEqual(self.host.report(self.device, command, "success", None), {"ok": "completed"})
        self.assertEqual(self.platform.sealed, {})
        status = self.host.status(self.device, None)
        self.assertEqual(status["latest"]["status"], "success")
        self.assertEqual(self.host.policy_override(self.device, None)["overridden"]["command"], command)

    def test_a_refusal_is_an_answer_and_changes_nothing(self) -> None:
        answer = self.host.reset(self.device, "12", None)
        self.assertEqual(answer, {"err": {"password-refused": [{"too-short": 4}]}})
        self.assertEqual((self.platform.content["commands"], self.platform.version), ([], 0))

    def test_replaces_pending_replaces_whatever_is_pending(self) -> None:
        first = self.reset()["ok"]
        self.assertEqual(self.reset(), {"err": {"conflict": first}})
        second = self.reset(replaces_pending=True)["ok"]
        self.assertLess(first, second)
        commands = self.platform.content["commands"]
        self.assertEqual(commands[0]["status"], {"failed": {"superseded": second}})

    def test_a_device_or_a_command_that_is_unknown_is_said_so(self) -> None:
        with self.assertRaises(UnknownDevice):
            self.host.status("nobody", None)
        with self.assertRaises(UnknownCommand):
            self.host.cancel(self.device, "nothing", None)

    def test_a_swap_takes_effect_with_the_next_call(self) -> None:
        self.host.swap(Plugin.load(PROBE))
        self.assertEqual(self.host.remove(self.device, None), {"err": "nothing-to-remove"})
        with self.assertRaises(PluginError) as caught:
            self.reset(request={"reason": "spin"})
        self.assertEqual(caught.exception.kind, "too-slow")
        self.host.swap(Plugin.load(REFERENCE))
        self.assertIn("ok", self.reset())

    def test_a_plugin_can_be_called_from_several_threads(self) -> None:
        def one(_: int) -> Any:
            return self.host.preview(self.device, "reset", None, "7294")["verdict"]

        with ThreadPoolExecutor(4) as threads:
            self.assertEqual(set(threads.map(one, range(40))), {"will-succeed"})


class TheSandbox(unittest.TestCase):
    def test_a_file_that_is_no_plugin_is_refused_with_the_reason(self) -> None:
        foreign = PROBE.replace(b"mdm:password/logging@", b"mdm:password/reading@")
        for component, reason in ((b"no component", "can't be compiled"), (foreign, "mdm:password/reading@1.0.0")):
            with self.assertRaisesRegex(LoadError, reason):
                Plugin.load(component)

    def test_settings_that_are_refused_name_the_field(self) -> None:
        plugin = Plugin.load(PROBE)
        for settings, field in (('{"attempt": 5}', "/attempt"), ('{"attempt": "refuse"}', "/attempt")):
            with self.assertRaises(SettingsError) as caught:
                plugin.with_settings(settings)
            self.assertEqual([it.field for it in caught.exception.faults], [field])
        self.assertEqual(plugin.with_settings('{"attempt": "none"}').settings, '{"attempt": "none"}')
        self.assertEqual(plugin.settings, "{}")

    def test_the_limits_are_those_that_are_given(self) -> None:
        with self.assertRaisesRegex(LoadError, "describe"):
            Plugin.load(PROBE, limits=Limits(memory=1 << 16))


class Sealing(unittest.TestCase):
    def test_a_sealed_password_opens_for_its_command_only(self) -> None:
        private, public = generate_key()
        token_key, _ = generate_key()
        command = {**BASE["command"], "options": ["lock-now"], "expires_at": "2026-01-05T12:00:00.250Z"}
        given = {
            "public_key": b64encode(public).decode(), "token_key": b64encode(token_key).decode(), "device": "d",
            "command": command, "password": "7294",
        }
        run = [sys.executable, str(HERE / "seal.py")]
        printed = subprocess.run(run, input=json.dumps(given), text=True, check=True, capture_output=True).stdout
        sealed = b64decode(printed)
        opened = open_sealed(private, "d", command, sealed)
        self.assertEqual((opened.password, opened.token_key), ("7294", token_key))
        for other in ({"options": []}, {"expires_at": None}, {"action": "remove"}, {"id": "other"}):
            with self.assertRaises(OpenError):
                open_sealed(private, "d", {**command, **other}, sealed)


class TheExample(unittest.TestCase):
    def test_the_example_runs_a_reset_to_success(self) -> None:
        with tempfile.NamedTemporaryFile(suffix=".wasm") as file:
            file.write(REFERENCE)
            file.flush()
            run = [sys.executable, str(HERE / "../example/tiny_mdm.py"), file.name]
            printed = subprocess.run(run, text=True, check=True, capture_output=True).stdout
        self.assertIn("phone-1 sets a password of 4 digits", printed)
        self.assertIn('"status": "success"', printed)


if __name__ == "__main__":
    unittest.main()
