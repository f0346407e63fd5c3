"""trace and defineVariable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from carespine.fhir.fhirpath.environment import Frame
from carespine.fhir.fhirpath.errors import FhirPathEvaluationError
from carespine.fhir.fhirpath.model import Item, Items
from carespine.fhir.fhirpath.registry import Fn, argument, special
from carespine.fhir.fhirpath.results import plain
from carespine.fhir.fhirpath.variables import is_reserved

if TYPE_CHECKING:
    from carespine.fhir.fhirpath.compiler import Compiler
    from carespine.fhir.fhirpath.syntax import Call


@special("trace", 1, 2, returns="same", by_item=True)
def trace(compiler: Compiler, call: Call) -> Fn:
    """The input, unchanged; the environment's `trace` hears it, or what the second argument makes of it."""
    source = compiler.source(call)
    name, *projection = [compiler.scoped(each) for each in call.arguments]

    def run(item: Item, frame: Frame) -> Items:
        items = source(item, frame)
        hear = frame.environment.trace
        if hear is not None:
            said = [x for each in items for x in projection[0](each, frame)] if projection else items
            hear(str(argument(name(item, frame), "trace")), plain(said))
        return items

    return run


@special("defineVariable", 1, 2, returns="same", by_item=True)
def define_variable(compiler: Compiler, call: Call) -> Fn:
    """Gives `%name` a value for the rest of its chain: the second argument, or else the input."""
    source = compiler.source(call)
    name, *value = [compiler.scoped(each) for each in call.arguments]

    def run(item: Item, frame: Frame) -> Items:
        items = source(item, frame)
        key = str(argument(name(item, frame), "defineVariable"))
        if is_reserved(key) or key in (frame.variables or {}):
            raise FhirPathEvaluationError("this variable is already defined", call.position)
        here = items[0] if len(items) == 1 else item
        frame.variables = {**(frame.variables or {}), key: value[0](here, frame) if value else items}
        return items

    return run
