"""The sandbox: compiles a component, and runs each call on a fresh instance within the limits."""

from threading import local
from typing import Any, Callable

from wasmtime import Config, Engine, Store, WasmtimeError
from wasmtime.component import (
    BorrowType, Component, FuncType, Linker, OptionType, ResourceAny, ResourceHost, ResourceType,
)

from .call import Call
from .errors import LoadError, PluginError, Violation
from .grants import CONTRACT, add_wasi, check_imports
from .limits import Limits
from .ticker import Ticker
from .values import from_json, to_json

# What tells the secret from other resources of this host, and the one secret of a call from others.
_SECRET_TYPE, _SECRET = 1, 0


class Sandbox:
    """A component, from which every call gets a fresh instance."""

    def __init__(self, component: bytes, limits: Limits) -> None:
        config = Config()
        config.epoch_interruption = True
        config.max_wasm_stack = limits.stack
        self._engine = Engine(config)
        self._limits = limits
        try:
            self._component = Component(self._engine, component)
        except WasmtimeError as error:
            raise LoadError(f"this component can't be compiled: {error}") from error
        imports = self._component.type.imports(self._engine)
        check_imports(list(imports))
        # Each import of the contract and of WASI is an instance.
        self._interfaces: dict[str, Any] = {
            name: it.ty.exports(self._engine) for name, it in imports.items()  # type: ignore[union-attr]
        }
        exports = list(self._component.type.exports(self._engine))
        self._exports = {name: _export(exports, name) for name in ("password", "plugin")}
        self._running = local()
        self._ticker = Ticker(self._engine)
        self._linker = self._linked()

    def run(self, call: Call, interface: str, function: str, *arguments: Any) -> Any:
        """
        Makes a call, with arguments and the result in JSON. `True` or `False` for a parameter that is a handle tells
        whether the secret is given.
        """
        store = Store(self._engine)
        limits = self._limits
        store.set_limits(memory_size=limits.memory, table_elements=limits.table_elements)
        self._running.call, self._running.failure = call, None
        try:
            with self._ticker.limited(store, limits.time):
                return self._run(store, self._exports[interface], function, arguments)
        except (Violation, WasmtimeError, ValueError) as error:
            raise _failure(self._running.failure or error, limits) from error
        finally:
            del self._running.call, self._running.failure
            store.close()

    def _run(self, store: Store, interface: str, function: str, arguments: tuple[Any, ...]) -> Any:
        instance = self._linker.instantiate(store, self._component)
        exported = instance.get_export_index(store, interface)
        index = instance.get_export_index(store, function, exported)
        called = instance.get_func(store, index) if index else None
        if called is None:
            raise LoadError(f"the plugin lacks {interface}.{function}")
        ty = called.type(store)
        native = [_lowered(param, it) for (_, param), it in zip(ty.params, arguments)]
        return to_json(ty.result, called(store, *native))

    def _linked(self) -> Linker:
        linker = Linker(self._engine)
        with linker.root() as root:
            for interface, items in self._interfaces.items():
                with root.add_instance(interface) as instance:
                    if not interface.startswith(CONTRACT):
                        functions = [name for name, it in items.items() if isinstance(it.ty, FuncType)]
                        add_wasi(instance, interface, functions, lambda: self._running.call.now())
                        continue
                    if "secret" in items:
                        instance.add_resource("secret", ResourceType.host(_SECRET_TYPE), lambda _, rep: None)
                    for name, item in items.items():
                        if isinstance(item.ty, FuncType):
                            instance.add_func(name, self._import(interface, name, item.ty))
        return linker

    def _import(self, interface: str, name: str, ty: FuncType) -> Callable[..., Any]:
        """An import that gets its parameters in JSON, and answers in JSON. Handles are passed as they are."""
        params, result = ty.params, ty.result
        short = interface.removeprefix(CONTRACT).split("@")[0]

        def imported(store: Any, *values: Any) -> Any:
            handles = [value for value in values if isinstance(value, ResourceAny)]
            try:
                arguments = [
                    value if value in handles else to_json(param, value) for (_, param), value in zip(params, values)
                ]
                answer = self._running.call.functions(short)[name](*arguments)
                return None if result is None else from_json(result, answer)
            except Exception as error:
                # wasmtime keeps another exception in a variable of the process, where another thread may take it.
                self._running.failure = error
                raise WasmtimeError("an import failed") from error
            finally:
                for handle in handles:
                    # What a host was lent, it has to give back before the import returns.
                    handle.drop(store)
        return imported


def _export(exports: list[str], name: str) -> str:
    for export in exports:
        if export.startswith(f"{CONTRACT}{name}@1."):
            return export
    raise LoadError(f"this component doesn't implement the contract: it doesn't export {CONTRACT}{name}@1.0.0")


def _lowered(ty: Any, argument: Any) -> Any:
    if isinstance(ty, BorrowType) or (isinstance(ty, OptionType) and isinstance(ty.payload, BorrowType)):
        return ResourceHost.borrow(_SECRET, _SECRET_TYPE) if argument else None
    return from_json(ty, argument)


def _failure(error: Exception, limits: Limits) -> PluginError:
    """A failed call in words for the operator."""
    if isinstance(error, Violation):
        return error.failure()
    reason = (str(error).strip().splitlines() or ["no reason given"])[-1].strip()
    if reason == "wasm trap: interrupt":
        return PluginError("too-slow", f"the plugin ran longer than {limits.time} s")
    if reason == "wasm trap: call stack exhausted":
        return PluginError("too-deep", f"the plugin used more than {limits.stack >> 10} KiB of stack")
    return PluginError("crashed", f"the plugin crashed: {reason[:200]}")
