"""Train, dev and test without leaks: by connected components, or as the source brings them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vectune.config import SplitConfig
from vectune.data.assignment import Bounds, assign, place
from vectune.data.certificate import BY_HASH, OFFICIAL, Certificate
from vectune.data.components import Cut, Linked, component_roots, cut_giants
from vectune.data.findings import counted
from vectune.data.overlaps import count_overlaps, without_held_out_negatives, without_leaks
from vectune.data.units import Units, only, units_of
from vectune.errors import DataError
from vectune.records import Dataset, Retrieval, Splits

FEW_QUERIES = 200
"""Units of test under which only large differences can be seen."""
_SIDES = ("train", "dev", "test")
_MOST_ROUNDS = 5
_NAMES = {
    "queries": ("query", "queries"),
    "documents": ("document", "documents"),
    "near_duplicates": ("near-duplicate", "near-duplicates"),
}


@dataclass(frozen=True)
class SplitResult:
    """The splits, what they share, and what else to tell the user about them (also in the certificate)."""

    splits: Splits
    certificate: Certificate
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Division:
    """The side of each unit, how many components there were, what was cut, and sentences about it."""

    sides: tuple[str, ...]
    components: int
    cut: Cut
    notes: tuple[str, ...]


def split_dataset(data: Dataset, config: SplitConfig, near_duplicate: float) -> SplitResult:
    """Divide `data` so that rows which share a query, a relevant document or a near-duplicate stay together.

    `near_duplicate` is the Jaccard similarity of word pairs from which texts count as near-duplicates. A component's
    side is a hash of its first query, so rows added at the end move no old ones unless they join two components.
    Train and test always get something, dev too from three components on. Raises DataError when there are not two
    units that may part.
    """
    _, dev, test = config.shares
    bounds = {"test": (0.0, test), "dev": (test, test + dev), "train": (test + dev, 2.0)}
    divided = _divide(units_of(data), bounds, config, near_duplicate, "split")
    splits = Splits(*(_side(data, divided, side) for side in _SIDES))
    fixed = config.fix_leaks and divided.cut.links > 0
    if fixed:
        splits, removed, notes = _without_leaks(splits, near_duplicate)
    else:
        splits, removed = _without_wrong_negatives(splits, near_duplicate)
        what = counted(removed, "negative was", "negatives were")
        notes = (f"{what} removed from train for being relevant in dev or test",) if removed else ()
    _refuse_bare(splits)
    overlaps = count_overlaps(splits, near_duplicate)
    certificate = Certificate(
        sizes=_sizes(splits),
        overlaps=overlaps.shared,
        uncompared=overlaps.uncompared,
        method=BY_HASH,
        seed=config.seed,
        shares=config.shares,
        components=divided.components,
        giant=_giant(divided.cut),
        removed=removed,
    )
    return _result(splits, certificate, (*divided.notes, *notes), fixed)


def audit_splits(splits: Splits, config: SplitConfig, near_duplicate: float) -> SplitResult:
    """Splits that the source brings, kept as they are, with what they share counted.

    With `config.fix_leaks`, train loses what dev or test has too, and dev what test has. Raises DataError when a side
    of train and test is empty, or nothing is left of train.
    """
    for side in ("train", "test"):
        if not len(getattr(splits, side)):
            raise DataError(f"the official {side} split is empty", hint="give data for it, or let vectune split")
    removed = 0
    if config.fix_leaks:
        splits, removed, notes = _without_leaks(splits, near_duplicate)
    else:
        _, wrong = _without_wrong_negatives(splits, near_duplicate)
        what = counted(wrong, "negative of train is", "negatives of train are")
        notes = (f"{what} relevant in dev or test; --fix-leaks removes them",) if wrong else ()
    _refuse_bare(splits)
    overlaps = count_overlaps(splits, near_duplicate)
    certificate = Certificate(
        sizes=_sizes(splits),
        overlaps=overlaps.shared,
        uncompared=overlaps.uncompared,
        method=OFFICIAL,
        seed=config.seed,
        shares=config.shares,
        components=0,
        removed=removed,
    )
    return _result(splits, certificate, notes, config.fix_leaks)


def carve_dev(train: Dataset, config: SplitConfig, near_duplicate: float) -> tuple[Dataset, Dataset]:
    """Train and dev out of an official train split, by components, in the shares that the config gives the two.

    Dev is empty when its share is 0. Raises DataError when train can't be divided.
    """
    share = config.shares[1] / (config.shares[0] + config.shares[1])
    if not share:
        return train, only(train, ())
    divided = _divide(units_of(train), {"dev": (0.0, share), "train": (share, 2.0)}, config, near_duplicate, "dev")
    return _side(train, divided, "train"), _side(train, divided, "dev")


def _divide(units: Units, bounds: Bounds, config: SplitConfig, near_duplicate: float, draw: str) -> _Division:
    """Components, giants cut, each piece to its side; again if near-duplicates turn out to be on two sides."""
    widths = [min(high, 1.0) - low for low, high in bounds.values()]
    # A power of two: pieces that grew with every added row would move old rows each time.
    most = max(1, int(len(units) * min(width for width in widths if width > 0) / 2))
    largest = 1 << (most.bit_length() - 1)
    with Linked(units, near_duplicate) as linked:
        ties = linked.ties()
        for _ in range(_MOST_ROUNDS):
            roots = component_roots(len(units), ties)
            pieces, cut = cut_giants(roots, ties, config.giant, largest)
            places = np.array([place(units.names[i], config.seed, draw) for i in np.unique(pieces).tolist()])
            sides, notes = _assigned(pieces, places, bounds)
            missed = linked.across(np.array([list(bounds).index(side) for side in sides], np.int64))
            if np.array_equal(roots[missed.left], roots[missed.right]):
                break
            ties = ties.plus(missed)
    if cut.rows:
        notes += (
            f"{cut.rows:,} rows ({cut.share:.0%}) hang together by shared texts, too many for one side: cut into "
            f"pieces of at most {largest:,} rows at the {cut.links:,} weakest links",
        )
    return _Division(sides, len(np.unique(roots)), cut, notes)


def _assigned(
    pieces: NDArray[np.int64], places: NDArray[np.float64], bounds: Bounds
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The side of each unit, and notes; `pieces` is the piece of each unit, `places` float64 [pieces]."""
    if len(places) < 2:
        found = f"{counted(len(pieces), 'usable row', 'usable rows')} with shared texts can't be divided"
        raise DataError(found, hint="add rows about other texts, or give test data of its own")
    required: Sequence[str] = [side for side, (low, high) in bounds.items() if high > low]
    if len(places) < len(required):
        required = [side for side in required if side != "dev"]
    by_piece, notes = assign(places, bounds, required)
    _, piece = np.unique(pieces, return_inverse=True)
    return tuple(by_piece[i] for i in piece.tolist()), tuple(notes)


def _side(data: Dataset, divided: _Division, side: str) -> Dataset:
    return only(data, (i for i, other in enumerate(divided.sides) if other == side))


def _without_leaks(splits: Splits, near_duplicate: float) -> tuple[Splits, int, tuple[str, ...]]:
    """Train less what dev and test have too, dev less what test has; how much that took; and a sentence about it."""
    dev, from_dev = without_leaks(splits.dev, splits.test, near_duplicate)
    train, by_test = without_leaks(splits.train, splits.test, near_duplicate)
    train, by_dev = without_leaks(train, dev, near_duplicate)
    from_train = by_test + by_dev
    what = "judgements and negatives" if isinstance(train, Retrieval) else "rows"
    note = f"{from_train:,} {what} were removed from train and {from_dev:,} from dev, since they leaked"
    found = from_train + from_dev
    return replace(splits, train=train, dev=dev), found, (note,) if found else ()


def _without_wrong_negatives(splits: Splits, near_duplicate: float) -> tuple[Splits, int]:
    """Train less the negatives that are relevant in dev or test, and how many those were."""
    train, removed = splits.train, 0
    for held_out in (splits.dev, splits.test):
        if isinstance(train, Retrieval):
            train, count = without_held_out_negatives(train, held_out, near_duplicate)
            removed += count
    return replace(splits, train=train), removed


def _sizes(splits: Splits) -> dict[str, int]:
    return {side: len(getattr(splits, side)) for side in _SIDES}


def _giant(cut: Cut) -> dict[str, float] | None:
    return {"rows": cut.rows, "share": cut.share, "links_cut": cut.links} if cut.rows else None


def _refuse_bare(splits: Splits) -> None:
    if not len(splits.train):
        found = "nothing is left of train: all of it is in dev or test too"
        raise DataError(found, hint="leave --fix-leaks out, or give other training data")


def _too_alike(uncompared: tuple[str, int]) -> str:
    """That near-duplicates may have been missed between two sides, where templates make too many texts alike."""
    pair, count = uncompared
    first, second = pair.split("/")
    what = counted(count, f"text of {second} looks", f"texts of {second} look")
    return f"{what} like too many of {first} to be compared with all: near-duplicates may have been missed there"


def _result(splits: Splits, certificate: Certificate, notes: tuple[str, ...], fixed: bool) -> SplitResult:
    """The result with notes about overlaps and small test sides added."""
    for pair, counts in certificate.overlaps.items():
        shared = ", ".join(counted(count, *_NAMES[name]) for name, count in counts.items() if count)
        if shared:
            mend = "" if fixed else f"; --fix-leaks removes them from {pair.split('/')[0]}"
            notes += (f"{pair} share {shared}{mend}",)
    notes += tuple(map(_too_alike, certificate.uncompared.items()))
    few = certificate.sizes["test"]
    if few < FEW_QUERIES:
        what = counted(few, *(("query", "queries") if isinstance(splits.test, Retrieval) else ("row", "rows")))
        notes += (f"test has {what}, and under {FEW_QUERIES} only large differences can be seen",)
    if not certificate.sizes["dev"]:
        notes += ("dev is empty, so nothing can be selected on it",)
    return SplitResult(splits, replace(certificate, notes=notes), notes)
