"""
The imports of the contract over one situation. What a call changes is kept as a list of effects: a real
host would commit them once the call has returned ok.
"""

import sys
from itertools import groupby
from typing import Any, Callable, Optional

from values import from_json, to_json
from wasmtime import Engine, Store
from wasmtime.component import Component, FuncType, Linker, ResourceAny, ResourceHost, ResourceType
from zxcvbn import zxcvbn

CONTRACT = "mdm:password"
PASSWORD = f"{CONTRACT}/password@1.0.0"
PLUGIN = f"{CONTRACT}/plugin@1.0.0"

# The id that the cases give to the command that a call sends.
SENT = "0198c1de-0000-7000-8000-0000000000ff"

# What tells the secret from other resources of this host, and the one secret of a call from others.
SECRET_TYPE, SECRET = 1, 0


class Plugin:
    """A component, from which every call gets a fresh instance."""

    def __init__(self, component: bytes) -> None:
        self.engine = Engine()
        self.component = Component(self.engine, component)
        imports = self.component.type.imports(self.engine)
        self.interfaces = {name: it.ty.exports(self.engine) for name, it in imports.items()}

    def call(
        self, situation: dict[str, Any], function: str, *arguments: Any, interface: str = PASSWORD
    ) -> tuple[Any, list[Any]]:
        """
        Makes a call, with arguments in JSON. `SecretArgument` stands for the secret. Gives what was
        returned, in JSON, and the effects; a refused call has none.
        """
        store = Store(self.engine)
        host = Host(situation)
        instance = self.linker(host).instantiate(store, self.component)
        exported = instance.get_export_index(store, interface)
        index = instance.get_export_index(store, function, exported)
        called = instance.get_func(store, index) if index else None
        if called is None:
            raise ValueError(f"the plugin doesn't export {function}")
        ty = called.type(store)
        native = [lowered(param, it) for (_, param), it in zip(ty.params, arguments)]
        result = called(store, *native)
        returned = to_json(ty.result, result)
        is_refused = isinstance(returned, dict) and "err" in returned
        return returned, [] if is_refused else host.effects

    def linker(self, host: "Host") -> Linker:
        linker = Linker(self.engine)
        with linker.root() as root:
            for interface, items in self.interfaces.items():
                functions = host.functions(interface.removeprefix(f"{CONTRACT}/").split("@")[0])
                with root.add_instance(interface) as instance:
                    if "secret" in items:
                        instance.add_resource("secret", ResourceType.host(SECRET_TYPE), lambda _, rep: None)
                    for name, item in items.items():
                        if isinstance(item.ty, FuncType):
                            instance.add_func(name, in_json(item.ty, functions[name]))
        return linker


class SecretArgument:
    """The place of the secret among the arguments of a call."""


def lowered(ty: Any, argument: Any) -> Any:
    if argument is SecretArgument:
        return ResourceHost.borrow(SECRET, SECRET_TYPE)
    return from_json(ty, argument)


def in_json(ty: FuncType, function: Callable[..., Any]) -> Callable[..., Any]:
    """An import that gets its parameters in JSON, and answers in JSON. Handles are passed as they are."""
    params, result = ty.params, ty.result

    def call(store: Any, *values: Any) -> Any:
        handles = [value for value in values if isinstance(value, ResourceAny)]
        arguments = [
            value if value in handles else to_json(param, value) for (_, param), value in zip(params, values)
        ]
        answer = function(*arguments)
        for handle in handles:
            # What a host was lent, it has to give back.
            handle.drop(store)
        return None if result is None else from_json(result, answer)

    return call


class Host:
    """What a plugin is given in a situation; and what it has done with it."""

    def __init__(self, situation: dict[str, Any]) -> None:
        self.situation = situation
        self.effects: list[Any] = []

    def functions(self, interface: str) -> dict[str, Callable[..., Any]]:
        given = self.situation
        match interface:
            case "secrets":
                return {"[method]secret.guessability": lambda _: zxcvbn(given["password"])["score"]}
            case "device-store":
                return {
                    "get-situation": self.read,
                    "complete": lambda command, outcome: self.note("complete", command=command, outcome=outcome),
                    "keep-late-outcome": lambda command, outcome: self.note(
                        "keep-late-outcome", command=command, outcome=outcome
                    ),
                    "set-policy-override": lambda command: self.note("set-policy-override", command=command),
                }
            case "transport":
                return {"send": self.send}
            case "settings":
                return {"get": lambda: given["settings"]}
            case "logging":
                return {"log": lambda level, message: print(f"{level}: {message}", file=sys.stderr)}
            case _:
                return {}

    def read(self) -> dict[str, Any]:
        password = self.situation["password"]
        return {**self.situation, "password": None if password is None else measured(password)}

    def note(self, name: str, **parameters: Any) -> None:
        self.effects.append({name: parameters})

    def send(self, command: dict[str, Any], secret: Optional[ResourceAny]) -> str:
        if (command["action"] == "reset") != isinstance(secret, ResourceAny):
            raise ValueError(f"a {command['action']} was sent {'with' if secret else 'without'} a secret")
        self.note("send", **command)
        return SENT


def measured(password: str) -> dict[str, int]:
    """What a plugin may learn of a password."""
    counts = {
        "digits": sum("0" <= it <= "9" for it in password),
        "lower_case": sum("a" <= it <= "z" for it in password),
        "upper_case": sum("A" <= it <= "Z" for it in password),
        "others": sum(not " " <= it <= "~" for it in password),
    }
    counts["symbols"] = len(password) - sum(counts.values())
    return {
        "length": len(password),
        **counts,
        "longest_sequence": longest_sequence(password),
        "longest_repeat": max((len(list(run)) for _, run in groupby(password)), default=0),
        "distinct": len(set(password)),
    }


def longest_sequence(password: str) -> int:
    """The length of the longest sequence, as Android measures it: 4 for 1111, 1234 and 2468."""
    longest, run, step = min(len(password), 1), 1, None
    for one, following in zip(password, password[1:]):
        step_before, step = step, step_between(one, following)
        if step is None:
            run = 1
        else:
            run = run + 1 if step_before in (None, step) else 2
        longest = max(longest, run)
    return longest


def step_between(one: str, following: str) -> Optional[int]:
    """The step between neighbours of one class: up to 10 for digits, 1 for letters, 0 for all else."""
    step = ord(following) - ord(one)
    return step if class_of(one) == class_of(following) and abs(step) <= class_of(one)[1] else None


def class_of(character: str) -> tuple[str, int]:
    for name, first, last, longest_step in (("digit", "0", "9", 10), ("lower", "a", "z", 1), ("upper", "A", "Z", 1)):
        if first <= character <= last:
            return name, longest_step
    return "symbol", 0
