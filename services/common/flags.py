"""Feature flags through OpenFeature: a flag that is set wins, then its rule, then its function in code, then off."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.event import ProviderEventDetails
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType, Reason
from openfeature.provider import AbstractProvider, Metadata

from services.common.asgi import Scope, header
from services.common.flag_rules import FlagRule, within
from services.common.settings import ServiceSettings
from stormlab.telemetry import names

FlagFunction = Callable[[EvaluationContext], bool]
#: The request that is being answered, as an ASGI scope.
CURRENT: ContextVar[Scope | None] = ContextVar("request", default=None)
_ADDRESS = "address"
_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks; ``None`` for what is not known."""

    user: str | None = None
    address: str | None = None

    def context(self) -> EvaluationContext:
        return EvaluationContext(self.user, {} if self.address is None else {_ADDRESS: self.address})


class SettingsProvider(AbstractProvider):
    """Resolves the flags ``known`` from settings, and from ``functions`` where no setting speaks."""

    def __init__(self, known: frozenset[str], functions: Mapping[str, FlagFunction]) -> None:
        super().__init__()
        self._known, self._functions = known, dict(functions)
        self._set: Mapping[str, bool] = {}
        self._rules: Mapping[str, FlagRule] = {}

    def configure(self, flags: Mapping[str, bool], rules: Mapping[str, FlagRule]) -> None:
        """From now on these hold; whoever listens to the provider is told."""
        self._set, self._rules = flags, rules
        self.emit_provider_configuration_changed(ProviderEventDetails(flags_changed=sorted(self._known)))

    def fixed(self, flag: str) -> bool | None:
        """The value that a flag has for everybody; ``None`` when it depends on who asks."""
        if flag in self._set:
            return self._set[flag]
        return None if flag in self._rules or flag in self._functions else False

    def get_metadata(self) -> Metadata:
        return Metadata(name="stormlab-settings")

    def resolve_boolean_details(
        self,
        flag_key: str,
        default_value: bool,  # noqa: FBT001
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[bool]:
        if flag_key not in self._known:
            return _refused(default_value, ErrorCode.FLAG_NOT_FOUND)
        if flag_key in self._set:
            return FlagResolutionDetails(self._set[flag_key], reason=Reason.STATIC)
        context = evaluation_context or EvaluationContext()
        if flag_key in self._rules:
            address = context.attributes.get(_ADDRESS)
            on = self._rules[flag_key].holds(
                flag=flag_key, user=context.targeting_key, address=address if isinstance(address, str) else None
            )
            return FlagResolutionDetails(on, reason=Reason.TARGETING_MATCH)
        if flag_key in self._functions:
            return FlagResolutionDetails(self._functions[flag_key](context), reason=Reason.TARGETING_MATCH)
        return FlagResolutionDetails(default_value, reason=Reason.DEFAULT)

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        return _refused(default_value, self._not_of_this_type(flag_key))

    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[int]:
        return _refused(default_value, self._not_of_this_type(flag_key))

    def resolve_float_details(
        self, flag_key: str, default_value: float, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[float]:
        return _refused(default_value, self._not_of_this_type(flag_key))

    def resolve_object_details(
        self,
        flag_key: str,
        default_value: Sequence[FlagValueType] | Mapping[str, FlagValueType],
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[Sequence[FlagValueType] | Mapping[str, FlagValueType]]:
        return _refused(default_value, self._not_of_this_type(flag_key))

    def _not_of_this_type(self, flag: str) -> ErrorCode:
        return ErrorCode.TYPE_MISMATCH if flag in self._known else ErrorCode.FLAG_NOT_FOUND


class Flags:
    """The flags of one service, asked for the request that is being answered."""

    def __init__(
        self, service: str, known: frozenset[str], *, functions: Mapping[str, FlagFunction] | None = None
    ) -> None:
        self._provider = SettingsProvider(known, functions or {})
        self._trusted: tuple[str, ...] = ()
        domain = f"{service}-{next(_numbers)}"
        api.set_provider_and_wait(self._provider, domain)
        self._client = api.get_client(domain)

    def configure(self, settings: ServiceSettings) -> None:
        self._trusted = settings.trusted_proxies
        self._provider.configure(settings.flags, settings.flag_rules)

    def on(self, flag: str) -> bool:
        """Whether ``flag`` is on for the caller of the current request; who is asked only if it matters."""
        fixed = self._provider.fixed(flag)
        if fixed is not None:
            return fixed
        scope = CURRENT.get()
        caller = Caller() if scope is None else caller_of(scope, self._trusted)
        return self._client.get_boolean_value(flag, False, caller.context())


def caller_of(scope: Scope, trusted: tuple[str, ...]) -> Caller:
    """Who sent the request: the peer or, when that is a trusted proxy, the last address before the trusted ones."""
    peer = scope.get("client")
    address = peer[0] if peer else None
    forwarded = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
    chain = [text for part in forwarded.decode("latin-1").split(",") if (text := part.strip())]
    while address is not None and chain and within(address, trusted):
        address = chain.pop()
    user = header(scope, names.USER_HEADER.encode())
    return Caller(None if user is None else user.decode("utf-8", "replace"), address)


def _refused(default: Any, code: ErrorCode) -> FlagResolutionDetails[Any]:
    return FlagResolutionDetails(default, error_code=code, reason=Reason.ERROR)
