"""Training rows cut into batches, a new order each epoch, the same for the same seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, overload

import numpy as np

from vectune.config.train import TrainConfig
from vectune.errors import TrainingError
from vectune.records import Dataset, Labelled, Retrieval, Role, Scored
from vectune.train.batch import Batch, Classes, Contrast, Grades, PairScores, Positions
from vectune.train.edge_groups import Edge, edge_groups
from vectune.train.pool import TextPool
from vectune.train.recipe import Recipe
from vectune.train.row_names import contrast_names, labelled_names, scored_names


class TrainingRows(Protocol):
    """What the loop needs from the data: its texts, and the batches of an epoch."""

    pool: TextPool

    def __len__(self) -> int:
        """Number of rows that an epoch sees."""

    def batches(self, epoch: int) -> Sequence[Batch]:
        """The batches of one epoch."""

    def names(self, batch: Batch) -> Sequence[str]:
        """The batch's rows as the user knows them: query and document ids, or row numbers."""


def training_rows(data: Dataset, config: TrainConfig, recipe: Recipe) -> TrainingRows:
    """The rows of a data set, ready for its loss."""
    if isinstance(data, Retrieval):
        return ContrastRows(data, config, recipe)
    if isinstance(data, Scored):
        return ScoredRows(data, config, recipe)
    return LabelledRows(data, config, recipe)


class ContrastRows:
    """One row per query and relevant document, each once an epoch. A batch holds no query and no positive twice but
    where one has more rows than an epoch has batches."""

    def __init__(self, data: Retrieval, config: TrainConfig, recipe: Recipe) -> None:
        self._data = data
        self.pool = TextPool()
        self._seed = config.seed
        self._batch_size = recipe.batch_size
        documents: dict[str, int] = {}

        def document(name: str) -> int:
            if name not in documents:
                documents[name] = self.pool.add(data.corpus[name], Role.DOCUMENT)
            return documents[name]

        self._edges: list[Edge] = []
        self._known: dict[int, set[int]] = {}
        self._given: dict[int, list[int]] = {}
        self._scores: dict[int, dict[int, float]] = {}
        for query, grades in data.qrels.items():
            anchor = self.pool.add(data.queries[query], Role.QUERY)
            relevant = [document(name) for name, grade in grades.items() if grade > 0]
            self._known.setdefault(anchor, set()).update(relevant)
            self._edges += [(anchor, number) for number in relevant]
            negatives = [document(name) for name in data.negatives.get(query, ())]
            self._given.setdefault(anchor, []).extend(negatives)
            scored = {documents[name]: s for name, s in data.scores.get(query, {}).items() if name in documents}
            self._scores.setdefault(anchor, {}).update(scored)
        self._max_negatives = config.max_negatives
        self._span = _span(self._scores)

    def __len__(self) -> int:
        return len(self._edges)

    def batches(self, epoch: int) -> Sequence[Batch]:
        """The batches of one epoch; what has no negative at all would teach nothing and is left out."""
        random = np.random.default_rng([self._seed, epoch])
        shuffled = [self._edges[i] for i in random.permutation(len(self._edges))]
        useful = [group for group in edge_groups(shuffled, self._batch_size) if self._has_negatives(group)]
        # A generator a batch, so that a batch can be made when its turn comes: its masks are [B, C].
        return _Batches(len(useful), lambda i: self._batch(useful[i], np.random.default_rng([self._seed, epoch, i])))

    def names(self, batch: Batch) -> Sequence[str]:
        """`QUERY_ID DOCUMENT_ID` of each row."""
        return contrast_names(self._data, self.pool.add, batch)

    def _has_negatives(self, group: Sequence[Edge]) -> bool:
        """Whether any anchor has a candidate that is not known to be relevant; found at the first look, mostly."""
        known = self._known
        return any(not known[anchor].issuperset(self._given[anchor]) for anchor, _ in group) or any(
            document not in known[anchor] for anchor, _ in group for _, document in group
        )

    def _batch(self, group: Sequence[Edge], random: np.random.Generator) -> Batch:
        candidates = [document for _, document in group]
        columns: dict[int, list[int]] = {}
        for column, document in enumerate(candidates):
            columns.setdefault(document, []).append(column)
        given: list[tuple[int, int]] = []
        for row, (anchor, _) in enumerate(group):
            for negative in _draw(self._given[anchor], self._max_negatives, random):
                if negative not in columns:
                    columns[negative] = [len(candidates)]
                    candidates.append(negative)
                given.append((row, columns[negative][0]))
        known = np.zeros((len(group), len(candidates)), dtype=bool)
        marked = np.zeros_like(known)
        for row, (anchor, _) in enumerate(group):
            known[row, [column for d in self._known[anchor] for column in columns.get(d, ())]] = True
        if given:
            marked[tuple(np.array(given).T)] = True
        texts, positions = _unique([*(anchor for anchor, _ in group), *candidates])
        scores = self._scored(group, columns)
        contrast = Contrast(positions[: len(group)], positions[len(group) :], known, marked & ~known, scores)
        return Batch(texts, contrast, len(group))

    def _scored(self, group: Sequence[Edge], places: Mapping[int, Sequence[int]]) -> PairScores | None:
        """The scores that the data gives for anchors of the group and candidates of the batch."""
        found = [
            (row, column, score / self._span)
            for row, (anchor, _) in enumerate(group)
            for document, score in self._scores[anchor].items()
            for column in places.get(document, ())
        ]
        if not found:
            return None
        rows, columns, values = zip(*found, strict=True)
        return PairScores(np.array(rows, np.int64), np.array(columns, np.int64), np.array(values, np.float32))


class ScoredRows:
    """Scored pairs, shuffled; both texts are encoded as documents, since neither asks for the other."""

    def __init__(self, data: Scored, config: TrainConfig, recipe: Recipe) -> None:
        self._data = data
        self.pool = TextPool()
        self._seed = config.seed
        self._batch_size = recipe.batch_size
        add = self.pool.add
        self._first = np.array([add(pair.first, Role.DOCUMENT) for pair in data.pairs], dtype=np.int64)
        self._second = np.array([add(pair.second, Role.DOCUMENT) for pair in data.pairs], dtype=np.int64)
        self._gold = np.array([pair.score for pair in data.pairs], dtype=np.float32)

    def __len__(self) -> int:
        return len(self._gold)

    def batches(self, epoch: int) -> Sequence[Batch]:
        """The batches of one epoch."""
        order = np.random.default_rng([self._seed, epoch]).permutation(len(self))
        starts = range(0, len(order), self._batch_size)
        return [self._batch(order[start : start + self._batch_size]) for start in starts]

    def names(self, batch: Batch) -> Sequence[str]:
        """Row numbers."""
        return scored_names(self._data, self.pool.add, batch)

    def _batch(self, rows: Positions) -> Batch:
        texts, positions = _unique([*self._first[rows].tolist(), *self._second[rows].tolist()])
        return Batch(texts, Grades(positions[: len(rows)], positions[len(rows) :], self._gold[rows]), len(rows))


class LabelledRows:
    """Labelled texts, several of one label in each batch, so that there is something to pull together."""

    def __init__(self, data: Labelled, config: TrainConfig, recipe: Recipe) -> None:
        self._data = data
        self.pool = TextPool()
        self._seed = config.seed
        self._batch_size = recipe.batch_size
        self._texts_per_label = config.texts_per_label
        numbers = {label: number for number, label in enumerate(sorted({text.label for text in data.texts}))}
        if len(numbers) < 2:
            raise TrainingError("The training rows have only one label.", "Give texts of at least two labels.")
        self._by_label: list[list[int]] = [[] for _ in numbers]
        self._label_of: dict[int, int] = {}
        for text in data.texts:
            number = self.pool.add(text.text, Role.DOCUMENT)
            if number not in self._label_of:
                self._label_of[number] = numbers[text.label]
                self._by_label[numbers[text.label]].append(number)

    def __len__(self) -> int:
        return len(self._label_of)

    def batches(self, epoch: int) -> Sequence[Batch]:
        """The batches of one epoch: each label's texts in small groups, the groups shuffled, several to a batch."""
        random = np.random.default_rng([self._seed, epoch])
        groups: list[list[int]] = []
        for texts in self._by_label:
            shuffled = [texts[i] for i in random.permutation(len(texts))]
            starts = range(0, len(shuffled), self._texts_per_label)
            groups += [shuffled[i : i + self._texts_per_label] for i in starts]
        groups = [groups[i] for i in random.permutation(len(groups))]
        per_batch = max(self._batch_size // self._texts_per_label, 2)
        batches = [groups[i : i + per_batch] for i in range(0, len(groups), per_batch)]
        return [self._batch([text for group in batch for text in group]) for batch in batches]

    def names(self, batch: Batch) -> Sequence[str]:
        """Row numbers."""
        return labelled_names(self._data, self.pool.add, batch)

    def _batch(self, texts: list[int]) -> Batch:
        labels = np.array([self._label_of[text] for text in texts], dtype=np.int64)
        return Batch(np.array(texts, dtype=np.int64), Classes(np.arange(len(texts)), labels), len(texts))


class _Batches(Sequence[Batch]):
    """Batches that are made each time they are asked for."""

    def __init__(self, count: int, make: Callable[[int], Batch]) -> None:
        self._count = count
        self._make = make

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, place: int) -> Batch: ...
    @overload
    def __getitem__(self, place: slice) -> list[Batch]: ...
    def __getitem__(self, place: int | slice) -> Batch | list[Batch]:
        places = range(self._count)[place]
        return self._make(places) if isinstance(places, int) else [self._make(i) for i in places]


def _span(scores: Mapping[int, Mapping[int, float]]) -> float:
    """Distance from the lowest to the highest of all scores; 1 where there is none."""
    values = [score for found in scores.values() for score in found.values()]
    return (max(values) - min(values) if values else 0.0) or 1.0


def _draw(items: Sequence[int], count: int, random: np.random.Generator) -> Sequence[int]:
    if len(items) <= count:
        return items
    return [items[i] for i in random.choice(len(items), size=count, replace=False)]


def _unique(numbers: Sequence[int]) -> tuple[Positions, Positions]:
    texts, positions = np.unique(np.array(numbers, dtype=np.int64), return_inverse=True)
    return texts, positions.reshape(-1)
