"""How bodies lie on disk: what was packed comes back byte for byte, and FHIR becomes much smaller."""

from __future__ import annotations

import threading
from pathlib import Path

import zstandard
from api import serving
from hypothesis import given
from hypothesis import strategies as st

from carespine.demo import practice
from carespine.fhir import codec
from carespine.storage import bodies

_DICTIONARY = Path(bodies.__file__).parent / "data" / f"bodies-{bodies.DICTIONARY}.dict"


@given(st.text(max_size=3_000).map(lambda text: codec.encode({"resourceType": "Basic", "note": text})))
def test_what_was_packed_comes_back_byte_for_byte(body: bytes) -> None:
    packed = bodies.pack(body)
    assert bodies.unpack(packed) == body
    assert len(packed) <= len(body)


def test_json_that_was_stored_as_it_is_can_be_read() -> None:
    assert bodies.unpack(b'{"resourceType":"Patient"}') == b'{"resourceType":"Patient"}'
    assert bodies.unpack(bodies.pack(b"")) == b""


def test_a_record_takes_a_third_of_the_room_or_less() -> None:
    trees = [entry["resource"] for bundle in practice.as_bundles(patients=3) for entry in bundle["entry"]]
    written = [codec.encode(tree) for tree in trees]
    assert sum(len(bodies.pack(body)) for body in written) < sum(len(body) for body in written) / 3


def test_a_frame_names_its_dictionary_and_is_read_with_nothing_else() -> None:
    body = codec.encode({"resourceType": "Observation", "status": "final", "code": {"text": "weight"}})
    frame = bodies.pack(body)
    assert zstandard.get_frame_parameters(frame).dict_id == bodies.DICTIONARY
    plain = zstandard.ZstdCompressionDict(_DICTIONARY.read_bytes())
    assert zstandard.ZstdDecompressor(dict_data=plain).decompress(frame) == body


def test_threads_pack_at_the_same_time() -> None:
    body = codec.encode({"resourceType": "Basic", "text": {"div": "<div>" + "word " * 20_000 + "</div>"}})
    packed: list[bytes] = []
    threads = [threading.Thread(target=lambda: packed.append(bodies.pack(body))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [bodies.unpack(frame) == body for frame in packed] == [True] * 8


async def test_current_and_superseded_versions_are_stored_packed(database_url: str, tmp_path: Path) -> None:
    tree = {"resourceType": "Patient", "id": "p", "name": [{"family": "Long", "given": ["Winding"] * 40}]}
    async with serving(database_url, tmp_path, open=True) as server:
        assert (await server.write("Patient/p", tree)).status_code == 201
        assert (await server.write("Patient/p", {**tree, "gender": "female"})).status_code == 200
        assert (await server.get("Patient/p/_history/1")).json()["name"] == tree["name"]
        sizes = await server.rows(
            "select octet_length(body) as size from resource union all "
            "select octet_length(body) from resource_history"
        )
    assert [row["size"] < 250 for row in sizes] == [True, True]
