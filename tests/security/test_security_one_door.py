"""Nothing but the door opens storage for patient data: who may import what, and who may write SQL, is a short list."""

from __future__ import annotations

import ast
import re
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "src" / "carespine"
# Tables that hold patients' data, by the words that a statement names them with.
PATIENT_TABLES = re.compile(
    r"\b(?:from|join|into|update)\s+(?:resource|resource_history|index_(?:date|number|quantity|string|position)|"
    r"device_(?:chunk|import|ledger|source|summary)|patient_index|audit_event)\b"
)
# Besides storage and security themselves: a domain's own tables, asked after `require_patient` or by a system job.
MAY_ASK = {
    "devices/store.py": "asked with the patient key that require_patient gives",
    "devices/erasure_store.py": "asked with the patient key that require_patient gives",
    "devices/kept.py": "asked with the patient key that require_patient gives",
    "devices/live_store.py": "asked with the patient key that require_patient gives",
    "web/pages/access_trail.py": "the patient's own trail, after require_patient",
}


def _sources() -> dict[str, str]:
    return {
        str(path.relative_to(PACKAGE)): path.read_text("utf-8")
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.relative_to(PACKAGE).parts[0] not in ("storage", "security", "demo")
    }


def _strings(source: str) -> str:
    """All string constants of a module but its docstrings, which may speak of tables."""
    tree = ast.parse(source)
    documents = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    found = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents
    ]
    return " ".join(found).lower()


def test_no_module_outside_the_door_asks_a_table_of_patient_data() -> None:
    asking = {name for name, source in _sources().items() if PATIENT_TABLES.search(_strings(source))}
    assert asking - MAY_ASK.keys() == set()


def test_the_list_of_exceptions_names_only_what_is_there() -> None:
    sources = _sources()
    assert {name for name in MAY_ASK if not PATIENT_TABLES.search(_strings(sources[name]))} == set()


def test_no_module_outside_reads_resources_from_storage_itself() -> None:
    """storage.resources, history, record and search give rows for a condition: only the door knows the condition."""
    reaching = re.compile(
        r"from carespine\.storage import [^\n]*\b(?:resources|record)\b|storage\.search import run\b"
    )
    assert [name for name, source in _sources().items() if reaching.search(source)] == []
