"""Damaged and hostile files: a clear refusal or a reasoned part, never a crash, never a silent loss."""

from __future__ import annotations

import io
import random
import zipfile
from importlib import resources

import pytest
from device_builders import NOW, Outcome, export, record, zipped

from carespine.devices import reasons
from carespine.devices.adapters import adapter_for
from carespine.devices.adapters.apple_health import adapter as apple
from carespine.devices.adapters.apple_health import archive, scan
from carespine.devices.adapters.apple_health import blocks as apple_blocks
from carespine.devices.adapters.apple_health.adapter import AppleHealth
from carespine.devices.adapters.contract import HostileFile, UnknownFormat, UnreadableFile

MUTATIONS = 500


def body(count: int = 40) -> str:
    return "".join(
        record("HeartRate", 60 + n, f"2026-11-01 08:{n:02d}:00 +0000", unit="count/min") for n in range(count)
    )


def read(raw: bytes) -> Outcome:
    return Outcome(raw)


def test_xml_that_is_cut_off_is_imported_up_to_the_break() -> None:
    whole = export(body())
    outcome = read(whole[: len(whole) // 2])
    assert 15 <= outcome.accepted <= 20
    assert outcome.rejected == {reasons.AFTER_DAMAGE: 1}
    assert "cut off or damaged" in (outcome.damage or "")


def test_xml_that_breaks_in_the_middle_trusts_nothing_behind_the_break() -> None:
    whole = export(body()).decode()
    middle = whole.index("08:20:00")
    outcome = read((whole[:middle] + "<" + whole[middle:]).encode())
    assert outcome.read == 40
    assert outcome.accepted == 20
    assert outcome.rejected == {reasons.AFTER_DAMAGE: 20}


@pytest.mark.parametrize("raw", [b"", b"hello", b"{}", b"<html/>", bytes(300), b"%PDF-1.7"])
def test_what_is_no_export_is_not_recognised(raw: bytes) -> None:
    with pytest.raises(UnknownFormat):
        adapter_for(io.BytesIO(raw))


@pytest.mark.parametrize(
    ("raw", "word"),
    [
        (zipped(export(body()))[:-60], "damaged or was cut off"),
        (zipped(export(body()))[:200], "damaged or was cut off"),
        (zipped(b"x", "readme.txt"), "no export.xml"),
        (zipped(b"<HealthDatabase/>"), "no HealthData"),
        (b"PK\x03\x04" + bytes(100), "damaged or was cut off"),
        (b'<?xml version="1.0" encoding="UTF-16"?><HealthData/>', "UTF-8"),
    ],
    ids=["truncated zip", "stump of a zip", "no export inside", "another root", "no zip", "another encoding"],
)
def test_a_file_that_cannot_be_trusted_is_refused_with_what_to_do(raw: bytes, word: str) -> None:
    with pytest.raises(UnreadableFile, match=word):
        read(raw)


def test_a_zip_whose_content_was_altered_is_refused_whole() -> None:
    raw = bytearray(zipped(export(body(50))))
    raw[150] ^= 0xFF
    with pytest.raises(UnreadableFile, match="damaged"):
        read(bytes(raw))


def test_an_encrypted_member_is_refused() -> None:
    raw = bytearray(zipped(export(body())))
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        raw[raw.index(signature) + flags] |= 0x1
    with pytest.raises(UnreadableFile, match="encrypted"):
        read(bytes(raw))


@pytest.mark.parametrize(
    "prolog",
    [
        '<!DOCTYPE HealthData [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>',
        '<!DOCTYPE HealthData [<!ENTITY file SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE HealthData SYSTEM "http://127.0.0.1:9/evil.dtd">',
    ],
    ids=["billion laughs", "external entity", "external definition"],
)
def test_entities_are_refused_before_any_parser_sees_them(prolog: str) -> None:
    with pytest.raises(HostileFile, match="entities"):
        read(export(body(), prolog=prolog))


def test_an_entity_that_nobody_declared_breaks_the_file_off() -> None:
    outcome = read(
        export(body(3) + record("HeartRate", "&bomb;", "2026-11-01 09:00:00 +0000", unit="count/min"))
    )
    assert outcome.accepted == 3
    assert outcome.rejected == {reasons.AFTER_DAMAGE: 1}


def test_a_zip_bomb_is_refused_while_it_unfolds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "ALWAYS_ALLOWED", 1024 * 1024)
    bomb = zipped(export(" " * 20_000_000))
    assert len(bomb) < 100_000
    with pytest.raises(HostileFile, match="unfolds"):
        read(bomb)


def test_a_zip_that_lies_about_its_size_gains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "ALWAYS_ALLOWED", 1024 * 1024)
    raw = bytearray(zipped(export(" " * 20_000_000)))
    directory = raw.index(b"PK\x01\x02")
    raw[directory + 24 : directory + 28] = (1000).to_bytes(4, "little")
    with pytest.raises((HostileFile, UnreadableFile)):
        read(bytes(raw))


def test_thousands_of_invented_sources_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apple, "MAX_SOURCES", 20)
    many = "".join(
        record("HeartRate", 70, "2026-11-01 08:00:00 +0000", unit="count/min", source=f"s{n}")
        for n in range(30)
    )
    with pytest.raises(HostileFile, match="more than 20"):
        read(export(many))


@pytest.mark.parametrize(
    ("body_of_file", "accepted"),
    [
        (record("HeartRate", "7" * 300_000 + "x", "2026-11-01 08:00:00 +0000", unit="count/min"), 0),
        (f' <Workout duration=">" a="{"b" * 300_000}" startDate="x"/>\n', 0),
        (record("HeartRate", 70, "2026-11-01 08:00:00 +0000", unit="count/min", source="s" * 300_000), 1),
        (record("HeartRate", 70, "0001-01-01 00:00:00 +1500", unit="count/min"), 0),
        (record("HeartRate", 70, "9999-12-31 23:59:59 -1500", unit="count/min"), 0),
    ],
    ids=["endless number", "endless word", "endless name", "before the calendar", "after the calendar"],
)
@pytest.mark.timeout(10)
def test_what_is_made_to_be_slow_or_out_of_range_is_neither(body_of_file: str, accepted: int) -> None:
    outcome = read(export(body_of_file))
    assert (outcome.read, outcome.accepted) == (1, accepted)


def test_invented_zones_are_noticed_and_cost_little() -> None:
    rows = "".join(
        record("HeartRate", 70, f"2026-11-01 08:{n % 60:02d}:00 +0000", unit="count/min").replace(
            "/>", f'>\n  <MetadataEntry key="HKTimeZone" value="Zone/{n}"/>\n </Record>'
        )
        for n in range(200)
    )
    outcome = read(export(rows))
    assert outcome.accepted == 200
    assert len(outcome.notices) == apple.MAX_UNKNOWN_ZONES


@pytest.mark.parametrize("size", [1, 100, 333, 1000, 5000])
@pytest.mark.parametrize("start", ["", "<!-- a comment -->"], ids=["as Apple writes", "by handlers"])
def test_where_a_block_ends_makes_no_difference(
    monkeypatch: pytest.MonkeyPatch, size: int, start: str
) -> None:
    folder = resources.files("carespine.devices.adapters.apple_health")
    whole = (
        (folder / "samples" / "traps.xml")
        .read_text(encoding="utf-8")
        .replace("<ExportDate", start + "<ExportDate", 1)
    )
    expected = read(whole.encode())
    monkeypatch.setattr(apple_blocks, "BLOCK_BYTES", size)
    monkeypatch.setattr(archive, "_STEP", max(size // 3, 1))
    found = read(whole.encode())
    assert (found.read, found.accepted, found.rejected) == (
        expected.read,
        expected.accepted,
        expected.rejected,
    )
    for key in ("steps", "sleep", "heart-rate", "weight", "glucose-meter"):
        assert found.values(key) == expected.values(key)
        assert found.of(key).offset_min.tolist() == expected.of(key).offset_min.tolist()


@pytest.mark.parametrize("size", [300, 2_000, 64 * 1024])
def test_an_odd_record_sends_only_its_part_the_slow_way_and_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    at = "2026-11-01 08:00:30 +0000"
    odd = f'<Record value="61" unit="count/min" endDate="{at}" startDate="{at}" '
    odd += 'sourceName="Watch" type="HKQuantityTypeIdentifierHeartRate"/>'
    rows = [record("HeartRate", 60 + n % 40, f"2026-11-01 {n // 60:02d}:{n % 60:02d}:00 +0000", unit="count/min")
            for n in range(600)]  # fmt: skip
    whole = export("".join([*rows[:300], odd, *rows[300:]]))
    slow: list[int] = []
    by_handlers = scan.Scan._by_handlers

    def counting(self: scan.Scan, block: bytes, expected: int) -> list[scan.Find]:
        slow.append(len(block))
        return by_handlers(self, block, expected)

    monkeypatch.setattr(scan.Scan, "_by_handlers", counting)
    monkeypatch.setattr(scan, "_PART_BYTES", size)
    found = read(whole)
    assert (found.read, found.accepted) == (601, 601)
    assert sum(slow) <= size + 1_000


def test_a_record_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apple_blocks, "BLOCK_BYTES", 1000)
    monkeypatch.setattr(apple_blocks, "MAX_RECORD", 10_000)
    monkeypatch.setattr(archive, "_STEP", 500)
    with pytest.raises(HostileFile, match="larger than any real record"):
        read(export(' <Record type="' + "x" * 20_000 + '"/>'))


@pytest.mark.parametrize("prolog", [" " * 300_000, "<!-- -->" * 60_000], ids=["spaces", "comments"])
def test_a_prolog_without_end_is_refused(prolog: str) -> None:
    with pytest.raises(UnreadableFile, match="HealthData"):
        read(export(body(), prolog=prolog))


def test_500_mutated_files_crash_nothing_and_lose_nothing_silently() -> None:
    """Whatever happens to the bytes: an error we know, or an account that adds up."""
    dice = random.Random(1948)  # noqa: S311 -- a fixed pack of files, not a secret
    sources = [export(body()), zipped(export(body()))]
    for number in range(MUTATIONS):
        raw = bytearray(sources[number % 2])
        for _ in range(dice.randint(1, 6)):
            if not raw:
                break
            place = dice.randrange(len(raw))
            match dice.randrange(4):
                case 0:
                    raw[place] = dice.randrange(256)
                case 1:
                    del raw[place : place + dice.randint(1, 40)]
                case 2:
                    raw[place:place] = bytes(dice.randrange(256) for _ in range(dice.randint(1, 8)))
                case _:
                    raw = raw[: max(place, 4)]
        file = io.BytesIO(bytes(raw))
        try:
            adapter_for(file)
            outcome = Outcome(bytes(raw))
        except (UnreadableFile, HostileFile, UnknownFormat):
            continue
        assert outcome.accounts_for_all
        if number % 2 == 0:
            entries = bytes(raw).count(b"<Record ")
            assert outcome.read == entries or outcome.damage is not None


def test_reading_again_from_the_start_gives_the_same(tmp_path: object) -> None:
    raw = zipped(export(body()))
    assert Outcome(raw).values("heart-rate") == Outcome(raw).values("heart-rate")
    assert AppleHealth().recognises(io.BytesIO(raw))
    assert zipfile.is_zipfile(io.BytesIO(raw))
    assert NOW.tzinfo is not None
