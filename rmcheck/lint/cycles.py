"""Preferences that no scores can satisfy: contradictory pairs and longer cycles."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from rmcheck.lint import finding as kinds
from rmcheck.lint.finding import Finding, Place, clip, listed
from rmcheck.lint.pool import Pool

MAX_STARTS = 200
"""Edges of one component from which a shortest circle is looked for."""

Edges = Mapping[tuple[int, int], Place]


def cycle_findings(pool: Pool) -> Iterator[Finding]:
    """Contradictions, and one shortest circle of each knot of preferences."""
    texts, edges = preference_graph(pool)
    for (better, worse), place in edges.items():
        back = edges.get((worse, better))
        if back is not None and better < worse:
            yield Finding(
                kind=kinds.CONTRADICTION,
                place=back,
                message=f"{clip(texts[worse][1], 40)} is chosen over {clip(texts[better][1], 40)} "
                f"here, but rejected for it at {place}",
                related=(place,),
            )
    for component in components(len(texts), list(edges)):
        cycle = shortest_cycle(component, edges)
        if cycle is None:
            continue
        steps = list(zip(cycle, [*cycle[1:], cycle[0]], strict=True))
        first, *others = [edges[step] for step in steps]
        yield Finding(
            kind=kinds.CYCLE,
            place=first,
            message=f"{len(cycle)} responses to {clip(texts[cycle[0]][0])} are preferred in a "
            f"cycle, {' > '.join(clip(texts[node][1], 24) for node in (*cycle, cycle[0]))}, "
            f"with {listed(others)}",
            related=tuple(others),
        )


def preference_graph(
    pool: Pool,
) -> tuple[list[tuple[str, str]], dict[tuple[int, int], Place]]:
    """Nodes (prompt, response) and edges from the better to the worse one, with a place each.

    The best responses of a set are edges to all others of it; there are no edges among the best.
    """
    numbers: dict[tuple[str, str], int] = {}
    edges: dict[tuple[int, int], Place] = {}

    def prefer(prompt: str, better: str, worse: str, place: Place) -> None:
        a, b = (
            numbers.setdefault((prompt, text.strip()), len(numbers)) for text in (better, worse)
        )
        if a != b:
            edges.setdefault((a, b), place)

    for pair in pool.pairs:
        prefer(pair.prompt, pair.item.chosen, pair.item.rejected, pair.place)
    for entry in pool.sets:
        for best in entry.item.best:
            for index, text in enumerate(entry.responses):
                if index not in entry.item.best:
                    prefer(entry.prompt, entry.responses[best], text, entry.place)
    return list(numbers), edges


def components(n: int, edges: Sequence[tuple[int, int]]) -> list[list[int]]:
    """The strongly connected components, among n nodes, with three or more nodes."""
    if not edges:
        return []
    rows, columns = np.array(edges).T
    graph = sparse.coo_array((np.ones(len(edges)), (rows, columns)), shape=(n, n))
    labels = csgraph.connected_components(graph, connection="strong")[1]
    large = np.flatnonzero(np.bincount(labels)[labels] >= 3)
    members: dict[int, list[int]] = {}
    for node in large.tolist():
        members.setdefault(int(labels[node]), []).append(node)
    return list(members.values())


def shortest_cycle(
    nodes: Sequence[int], edges: Mapping[tuple[int, int], object]
) -> list[int] | None:
    """A shortest circle of three or more of the nodes; None where only pairs contradict.

    For each edge u → v the shortest way back from v to u that is not the edge v → u itself; such
    a way visits no node twice. Of a large component only the first `MAX_STARTS` edges are tried.
    """
    inside = set(nodes)
    onward: dict[int, list[int]] = {node: [] for node in nodes}
    for a, b in edges:
        if a in inside and b in inside:
            onward[a].append(b)
    best: list[int] | None = None
    starts = [(a, b) for a in nodes for b in onward[a]][:MAX_STARTS]
    for u, v in starts:
        way = _way(onward, v, u)
        if way is not None and (best is None or len(way) < len(best)):
            best = way
            if len(best) == 3:
                break
    return best if best is None else [best[-1], *best[:-1]]


def _way(onward: Mapping[int, Sequence[int]], start: int, end: int) -> list[int] | None:
    """The nodes from start to end on a shortest way of two steps or more; breadth first."""
    before: dict[int, int] = {start: start}
    waiting = deque([start])
    while waiting:
        node = waiting.popleft()
        for following in onward[node]:
            if following in before or (node == start and following == end):
                continue
            before[following] = node
            if following == end:
                way = [end]
                while way[-1] != start:
                    way.append(before[way[-1]])
                return way[::-1]
            waiting.append(following)
    return None
