"""Contradictions and circles, on graphs made by hand and against a search of all simple paths."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from rmcheck.lint.cycles import components, cycle_findings, shortest_cycle

from .rows import pair, pool


def test_a_contradiction_names_both_lines(tmp_path: Path) -> None:
    rows = [
        pair("1", "Tea?", "Yes.", "No."),
        pair("2", "Coffee?", "No.", "Yes."),  # another prompt: no contradiction
        pair("3", "Tea?", "No.", "Yes."),
    ]
    (found,) = cycle_findings(pool(tmp_path, rows))
    assert found.kind.code == "contradiction"
    assert str(found.place) == "data.jsonl:3"
    assert [str(place) for place in found.related] == ["data.jsonl:1"]
    assert "“No.” is chosen over “Yes.”" in found.message


def test_a_circle_of_three_is_told_once_with_its_lines(tmp_path: Path) -> None:
    rows = [
        pair("0", "Tea?", "zero", "a"),
        pair("1", "Tea?", "a", "b"),
        pair("2", "Tea?", "b", "c"),
        pair("3", "Tea?", "c", "a"),
        pair("4", "Milk?", "c", "b"),
    ]
    (found,) = cycle_findings(pool(tmp_path, rows))
    assert found.kind.code == "preference-cycle"
    places = {str(place) for place in (found.place, *found.related)}
    assert places == {"data.jsonl:2", "data.jsonl:3", "data.jsonl:4"}


def test_a_ranking_is_no_circle(tmp_path: Path) -> None:
    order = ["a", "b", "c", "d"]
    rows = [pair(f"{i}{j}", "Tea?", order[i], order[j]) for i in range(4) for j in range(i + 1, 4)]
    assert not list(cycle_findings(pool(tmp_path, rows)))


def test_a_response_set_prefers_its_best_to_all_others(tmp_path: Path) -> None:
    best = {"id": "s", "prompt": "Tea?", "responses": ["good", "fine", "bad"], "best": [0, 1]}
    against_the_set = pair("1", "Tea?", "bad", "fine")
    between_the_best = pair("2", "Tea?", "fine", "good")
    assert not list(cycle_findings(pool(tmp_path, [best, between_the_best])))
    (found,) = cycle_findings(pool(tmp_path, [best, against_the_set]))
    assert found.kind.code == "contradiction"
    # bad > fine > good > bad, the last step being the set's.
    both = cycle_findings(pool(tmp_path, [best, against_the_set, between_the_best]))
    assert [found.kind.code for found in both] == ["contradiction", "preference-cycle"]


graphs = st.sets(
    st.tuples(st.integers(0, 5), st.integers(0, 5)).filter(lambda edge: edge[0] != edge[1]),
    max_size=14,
)


def simple_cycle_lengths(edges: set[tuple[int, int]]) -> set[int]:
    """Lengths of all simple circles of three or more of six nodes, by trying every order."""
    return {
        length
        for length in range(3, 7)
        for nodes in permutations(range(6), length)
        if all((nodes[i], nodes[(i + 1) % length]) in edges for i in range(length))
    }


@given(graphs)
def test_a_shortest_circle_is_found_where_there_is_one(edges: set[tuple[int, int]]) -> None:
    table = dict.fromkeys(sorted(edges), None)
    found = [
        cycle
        for component in components(6, list(table))
        if (cycle := shortest_cycle(component, table)) is not None
    ]
    for cycle in found:
        assert len(set(cycle)) == len(cycle) >= 3
        assert all((cycle[i - 1], cycle[i]) in edges for i in range(len(cycle)))
    lengths = simple_cycle_lengths(edges)
    assert min((len(cycle) for cycle in found), default=None) == min(lengths, default=None)
