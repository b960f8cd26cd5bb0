"""
The imports of the contract over one situation. What a call changes is kept as a list of effects: a real
host would commit them once the call has returned ok.
"""

from typing import Any, Callable, Optional

from values import from_json, to_json
from wasmtime import Engine, Store
from wasmtime.component import Component, FuncType, Linker, ResourceAny, ResourceHost, ResourceType
from zxcvbn import zxcvbn

CONTRACT = "mdm:password"
PASSWORD = f"{CONTRACT}/password@1.0.0"

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

    def call(self, situation: dict[str, Any], function: str, *arguments: Any) -> tuple[Any, list[Any]]:
        """
        Makes a call, with arguments in JSON. `SecretArgument` stands for the secret. Gives what was
        returned, in JSON, and the effects; a refused call has none.
        """
        store = Store(self.engine)
        host = Host(situation)
        instance = self.linker(host).instantiate(store, self.component)
        interface = instance.get_export_index(store, PASSWORD)
        index = instance.get_export_index(store, function, interface)
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
        self.pending = situation["pending"]
        self.effects: list[Any] = []

    def functions(self, interface: str) -> dict[str, Callable[..., Any]]:
        given = self.situation
        match interface:
            case "clock":
                return {"now": lambda: given["now"]}
            case "secrets":
                return {
                    "[method]secret.metrics": lambda _: measure(given["password"]),
                    "[method]secret.guessability": lambda _: zxcvbn(given["password"])["score"],
                }
            case "device-store":
                return {
                    "get-device": lambda: given["device"],
                    "get-pending": lambda: self.pending,
                    "get-latest": lambda: given["latest"],
                    "get-password-rule": lambda: given["password_rule"],
                    "complete": self.complete,
                    "keep-late-outcome": lambda command, outcome: self.note(
                        "keep-late-outcome", command=command, outcome=outcome
                    ),
                    "set-policy-override": lambda command: self.note("set-policy-override", command=command),
                }
            case "transport":
                return {
                    "get-capabilities": lambda: given["capabilities"],
                    "is-online": lambda: given["online"],
                    "send": self.send,
                }
            case _:
                return {}

    def note(self, name: str, **parameters: Any) -> None:
        self.effects.append({name: parameters})

    def complete(self, command: str, outcome: Any) -> None:
        if self.pending and self.pending["id"] == command:
            self.pending = None
        self.note("complete", command=command, outcome=outcome)

    def send(self, command: dict[str, Any], secret: Optional[ResourceAny]) -> str:
        if (command["action"] == "reset") != isinstance(secret, ResourceAny):
            raise ValueError(f"a {command['action']} was sent {'with' if secret else 'without'} a secret")
        self.note("send", **command)
        return SENT


def measure(password: str) -> dict[str, int]:
    """What a plugin may learn of a password."""
    counts = {
        "digits": sum("0" <= it <= "9" for it in password),
        "lower_case": sum("a" <= it <= "z" for it in password),
        "upper_case": sum("A" <= it <= "Z" for it in password),
        "others": sum(not " " <= it <= "~" for it in password),
    }
    counts["symbols"] = len(password) - sum(counts.values())
    return {"length": len(password), **counts, "longest_sequence": longest_sequence(password)}


def longest_sequence(password: str) -> int:
    """The length of the longest run of equal or evenly stepping characters: 4 for 1111, 1234 and 2468."""
    longest, run, step = min(len(password), 1), 1, None
    for one, following in zip(password, password[1:]):
        step_before, step = step, ord(following) - ord(one)
        run = run + 1 if step == step_before else 2
        longest = max(longest, run)
    return longest
