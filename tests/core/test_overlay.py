"""An overlay reads like the dict that it would be if its writes were made."""

from hypothesis import given
from hypothesis import strategies as st

from processors.core.overlay import Overlay
from processors.state_view import StoredState
from schemas.state import Link
from tests.core.scenario import DictStore

_parts = st.sampled_from(
    [b"", b"\0", b"a", b"a\0", b"a\0b", b"a\0b\0c", b"ab", b"b", b"b\0a", b"\xff"]
)
_keys = st.builds(lambda head, tail: head + tail, _parts, _parts)
_links = st.builds(Link, member_id=st.sampled_from(["1", "2"]))
_writes = st.dictionaries(_keys, st.none() | _links, max_size=12)


@given(stored=st.dictionaries(_keys, _links), layers=st.lists(_writes, max_size=3), data=st.data())
def test_scan_and_get_see_what_is_written(
    stored: dict[bytes, Link], layers: list[dict[bytes, Link | None]], data: st.DataObject
) -> None:
    store = DictStore()
    store.apply(stored)
    plain: dict[bytes, Link] = dict(stored)
    view: StoredState | Overlay = StoredState(store)
    for writes in layers:
        view = Overlay(view)
        for key, value in writes.items():
            view.put(key, value)
        plain = {key: value for key, value in (plain | writes).items() if value is not None}
    for _ in range(3):
        prefix, after = data.draw(_parts), data.draw(st.just(b"") | _keys)
        expected = [
            (key, plain[key]) for key in sorted(plain) if key.startswith(prefix) and key > after
        ]
        assert list(view.scan(prefix, Link, after)) == expected
    for key in {*stored, *(key for writes in layers for key in writes), b"elsewhere"}:
        assert view.get(key, Link) == plain.get(key)


def test_a_write_stays_aside() -> None:
    store = DictStore()
    store.apply({b"a": Link(member_id="1"), b"b": Link(member_id="2")})
    overlay = Overlay(StoredState(store))
    overlay.apply({b"a": None, b"c": Link(member_id="3")})
    assert sorted(store.values) == [b"a", b"b"]
    assert [key for key, _ in overlay.scan(b"", Link)] == [b"b", b"c"]
