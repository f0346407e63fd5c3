"""The transparency log's proofs: what is in it can be shown, and nothing else can."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carespine.standards import merkle

sizes = st.integers(1, 70)


def log(size: int) -> list[bytes]:
    return [merkle.leaf_hash(str(number).encode()) for number in range(size)]


def test_the_hashes_are_those_of_the_rfc():
    """RFC 6962 section 2.1: of nothing the hash of nothing, of one entry its leaf hash, of two their node."""
    one, two = merkle.leaf_hash(b""), merkle.leaf_hash(b"\x00")
    assert merkle.root([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert one.hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert merkle.root([one]) == one
    assert merkle.root([one, two]) == sha256(b"\x01" + one + two).digest()


@given(st.data())
def test_every_entry_is_shown_to_be_where_it_is_and_nowhere_else(data):
    size = data.draw(sizes)
    index, other = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, size - 1))
    leaves = log(size)
    proof, head = merkle.inclusion(leaves, index), merkle.root(leaves)

    assert merkle.is_included(leaves[index], index, size, proof, head)
    assert merkle.is_included(leaves[other], index, size, proof, head) == (other == index)
    assert not merkle.is_included(leaves[index], index, size, [*proof, head], head)
    if proof:
        assert not merkle.is_included(leaves[index], index, size, proof[1:], head)


@given(st.data())
def test_a_log_that_only_grew_is_told_from_one_that_was_rewritten(data):
    second = data.draw(sizes)
    first, altered = data.draw(st.integers(1, second)), data.draw(st.integers(0, second - 1))
    leaves = log(second)
    rewritten = [*leaves[:altered], merkle.leaf_hash(b"another"), *leaves[altered + 1 :]]
    head = merkle.root(leaves[:first])

    assert merkle.is_consistent(first, head, second, merkle.root(leaves), merkle.consistency(leaves, first))
    kept = merkle.is_consistent(
        first, head, second, merkle.root(rewritten), merkle.consistency(rewritten, first)
    )
    assert kept == (altered >= first)


@pytest.mark.parametrize("index", [-1, 3, 100])
def test_there_is_no_proof_of_what_is_not_there(index):
    with pytest.raises(IndexError):
        merkle.inclusion(log(3), index)
    assert not merkle.is_included(log(3)[0], index, 3, [], merkle.root(log(3)))


@pytest.mark.parametrize("first", [0, 4])
def test_there_is_no_proof_for_a_size_the_log_never_had(first):
    with pytest.raises(IndexError):
        merkle.consistency(log(3), first)
    assert not merkle.is_consistent(first, merkle.root(log(3)), 3, merkle.root(log(3)), [])
