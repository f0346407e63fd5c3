"""The hashed keys by which equality is searched: index and query make them here, so that they cannot
disagree.

A *form* is one way to ask for a value, as a tuple that begins with its kind. A key is the 63-bit hash of
(resource type, name, *form), where the name is shared by the parameters that find the same values
(extraction.filed); that of a reference is put together from two, so that SQL can make it. A resource carries the
keys of all forms of all its values; a query
names one form for each value and looks for its key. The kinds are part of the stored data: changing one needs
a reindex.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import md5
from itertools import product

from carespine.kernel.ids import hash63

Form = tuple[str, ...]

CODE = "c"  # (code): the code in whatever system
SYSTEM_CODE = "sc"  # (system, code)
SYSTEM = "s"  # (system): any code of the system
NO_SYSTEM = "nc"  # (code): the code, in no system
PRESENT = "p"  # (): the parameter has a value, for :missing
REFERENCE = "r"  # (type, id): a resource on this server
REFERENCE_ID = "ri"  # (id): the same, of any type; within composites only
URL = "ru"  # (url): an absolute reference or a canonical
IDENTIFIER = "i"  # (token form...): the identifier of a Reference, for :identifier
OF_TYPE = "ot"  # (type system, type code, value): an Identifier, for :of-type
EXACT = "x"  # (text): a string as it is, for :exact
NORMAL = "n"  # (text): a string, normalised, as a whole
URI = "u"  # (uri)
WORD = "w"  # (word): a word of the narrative, for _text
COMPOSITE = "k"  # (form of each component, joined)

_63_BITS = 2**63 - 1
PRESENT_FORM: Form = (PRESENT,)
_WITHIN_FORM = "\x1e"


def key(resource_type: str, name: str, form: Form) -> int:
    """The key of one form under one name."""
    if form[0] == REFERENCE:
        return reference_base(resource_type, name) ^ identity_number(form[1], form[2])
    return hash63(resource_type, name, *form)


@lru_cache(maxsize=8192)
def reference_base(resource_type: str, name: str) -> int:
    """What the keys of all references under a name have in common."""
    return hash63(resource_type, name, REFERENCE)


def identity_number(resource_type: str, resource_id: str) -> int:
    """What stands for a resource in the keys of references to it; SQL can make it from a row, too (storage/search)."""
    digest = md5(f"{resource_type}/{resource_id}".encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest[:8], "big") & _63_BITS


def keys(resource_type: str, name: str, forms: Iterable[Form]) -> frozenset[int]:
    """The keys of all the forms under one name."""
    return frozenset(key(resource_type, name, form) for form in forms)


def token_forms(system: str | None, code: str | None) -> list[Form]:
    """All ways to ask for a token that has this system and code."""
    forms: list[Form] = []
    if code:
        forms.append((CODE, code))
        forms.append((SYSTEM_CODE, system, code) if system else (NO_SYSTEM, code))
    if system:
        forms.append((SYSTEM, system))
    return forms


def token_form(system: str | None, code: str | None) -> Form:
    """The one form that `code` (system None), `|code` (system empty), `system|` or `system|code` asks for."""
    if system is None:
        return (CODE, code or "")
    if not system:
        return (NO_SYSTEM, code or "")
    return (SYSTEM_CODE, system, code) if code else (SYSTEM, system)


def identifier_form(form: Form) -> Form:
    """A token form of a Reference's identifier, kept apart from the references themselves."""
    return (IDENTIFIER, *form)


def reference_forms(resource_type: str, resource_id: str) -> list[Form]:
    """All ways to ask for a reference to a resource on this server."""
    return [(REFERENCE, resource_type, resource_id), (REFERENCE_ID, resource_id)]


def url_forms(url: str) -> list[Form]:
    """All ways to ask for an absolute reference or a canonical: with its version and without."""
    plain, separator, _ = url.partition("|")
    return [(URL, url), (URL, plain)] if separator else [(URL, url)]


def composite_forms(components: Sequence[Sequence[Form]]) -> list[Form]:
    """All combinations of the forms of components that stand together."""
    return [composite_form(combination) for combination in product(*components)]


def composite_form(components: Sequence[Form]) -> Form:
    """The form of one combination."""
    return (COMPOSITE, *(_WITHIN_FORM.join(form) for form in components))


def composite_row(code: str, position: int, forms: Sequence[Form]) -> str:
    """The name under which a composite's ranged component is filed, beside the forms of its equality
    components.

    `component-code-value-quantity` of systolic pressure: the quantity (component 1) is filed once for each
    form of the code (component 0), so that a query is one range on one name.
    """
    return "$".join([code, str(position), *("|".join(form) for form in forms)])
