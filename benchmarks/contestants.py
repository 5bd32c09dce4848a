"""All rows of the race, in the order of the tables."""

from __future__ import annotations

from benchmarks.contestant import Contestant
from benchmarks.ours import ASIDE, FLOORS, OURS
from benchmarks.peers import PEERS

CONTESTANTS = (*FLOORS, *OURS, *PEERS, *ASIDE)


def find(name: str) -> Contestant:
    """The contestant of that name; a ValueError tells the names there are."""
    for contestant in CONTESTANTS:
        if contestant.name == name:
            return contestant
    names = ", ".join(contestant.name for contestant in CONTESTANTS)
    raise ValueError(f"no contestant {name!r}; there are: {names}")
