"""From the files of a run that is at work to the events of its job: what was read, each evaluation, the verdict."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from vectune.jobs.event_log import NewEvent
from vectune.jobs.metric_tail import MetricTail
from vectune.store.run_folder import read_json

FEW_TO_JUDGE = 30
"""Units of the test under which a verdict other than `undecided` is hardly to be had."""
_TOLD_STEPS = 20
_TOLD_ROWS = 100
_REFERENCE = (
    "train_loss", "train_mean_token_accuracy", "valid_loss", "valid_mean_token_accuracy", "full_valid_loss",
    "full_valid_mean_token_accuracy",
)  # fmt: skip
"""Keys that clients of the reference look for; None where embeddings have no such number."""


class RunEvents:
    """Reads what is new of a run and makes events of it, those of `known` keys left out.

    The run lies in the first of `folders` that there is: where it works, or where it is kept once it is done. It was
    trained on `filename`; `others` are the names of its other files, by the part of the data that each is.

    A run that is gone on with says much a second time: events have keys by what they are about, and steps that were
    told before are passed over, so that nothing is told twice.
    """

    def __init__(
        self, folders: Sequence[Path], filename: str, known: Mapping[str, Any], others: Mapping[str, str] | None = None
    ) -> None:
        self._filename = filename
        self._others = others or {}
        self._known = set(known)
        self._tail = MetricTail(*(folder / "metrics.jsonl" for folder in folders))
        self._folders = folders
        told = (data["total_steps"] for data in known.values() if data and "total_steps" in data)
        self._total_steps = next(told, None)
        self._step = max((int(found[1]) for key in known if (found := re.fullmatch(r"step (\d+)", key))), default=0)
        self._latest: dict[str, Any] | None = None
        self._loss: float | None = None

    def total_steps(self, steps: int) -> int:
        """Steps of the whole training, as events told it; where none did, training went through in `steps`."""
        return steps if self._total_steps is None else int(self._total_steps)

    def of_data(self) -> list[NewEvent]:
        """What was read, what was dropped and why, and the split, once their files are there."""
        return self._new([*self._read(), *self._dropped(), *self._split()])

    def of_training(self, total_steps: int) -> list[NewEvent]:
        """Steps at even distances, and every evaluation, as far as the log has them."""
        every = max(total_steps // _TOLD_STEPS, 1)
        found = []
        for entry in self._tail.read():
            if entry.get("event") == "train":
                self._latest, self._loss = entry, entry.get("loss")
                if entry["step"] % every == 0 or entry["step"] in (1, total_steps):
                    found += self._told_step(entry, total_steps)
            elif entry.get("event") == "dev":
                found.append(_evaluation(entry, total_steps, self._loss))
        return self._new(found)

    def newest_step(self, total_steps: int) -> list[NewEvent]:
        """The newest step, whatever its number, unless it was told."""
        return self._new(self._told_step(self._latest, total_steps)) if self._latest else []

    def remember(self, events: list[NewEvent]) -> None:
        """These were written: they are not told again."""
        self._known.update(event.key for event in events)

    def sizes(self) -> dict[str, int]:
        """Units of train, dev and test; empty before the split."""
        return dict((read_json(self._folder / "split.json") or {}).get("sizes") or {})

    @property
    def _folder(self) -> Path:
        return next((folder for folder in self._folders if folder.is_dir()), self._folders[-1])

    def _told_step(self, entry: Mapping[str, Any], total_steps: int) -> list[NewEvent]:
        step = int(entry["step"])
        if step <= self._step:
            return []
        self._step = step
        loss = entry.get("loss")
        said = "no number" if loss is None else f"{loss:.4f}"
        data = with_reference({**_measured(entry), "total_steps": total_steps, "train_loss": loss})
        return [NewEvent(f"step {step}", f"Step {step}/{total_steps}: training loss={said}", type="metrics", data=data)]

    def _read(self) -> list[NewEvent]:
        content = {} if "data" in self._known else read_json(self._folder / "data.json")
        if not content:
            return []
        others = content.get("others", {})
        rest = [_of_file(f"data {name}", self._others.get(name, name), others[name]) for name in others]
        return [_of_file("data", self._filename, content), *rest]

    def _dropped(self) -> list[NewEvent]:
        file = self._folder / "dropped.jsonl"
        if "dropped" in self._known or not (self._folder / "data.json").is_file() or not file.is_file():
            return []
        reasons: dict[str, int] = {}
        with file.open("rb") as lines:
            rows = [orjson.loads(line) for line in islice(lines, _TOLD_ROWS)]
            for reason in [row["reason"] for row in rows] + [orjson.loads(line)["reason"] for line in lines]:
                reasons[reason] = reasons.get(reason, 0) + 1
        if not reasons:
            return []
        said = "; ".join(f"{count:,}: {reason}" for reason, count in reasons.items())
        first = [{name: row[name] for name in ("split", "row", "reason")} for row in rows]
        data = {"reasons": reasons, "rows": first}
        return [NewEvent("dropped", f"Left out {sum(reasons.values()):,} rows ({said}).", level="warn", data=data)]

    def _split(self) -> list[NewEvent]:
        sizes = {} if "split" in self._known else self.sizes()
        if not sizes:
            return []
        said = f"Split: {sizes['train']:,} to train, {sizes['dev']:,} to select, {sizes['test']:,} to judge."
        few = sizes["test"] < FEW_TO_JUDGE
        warning = " So few can hardly show a difference: the verdict will most likely be undecided." if few else ""
        return [NewEvent("split", said + warning, level="warn" if few else "info", data=sizes)]

    def _new(self, events: list[NewEvent]) -> list[NewEvent]:
        return [event for event in events if event.key not in self._known]


def verdict_event(verdict: Mapping[str, Any]) -> NewEvent:
    """The verdict in a sentence, with every measure of base and tuned model at full size."""
    told = (
        "verdict",
        "measure",
        "base",
        "tuned",
        "bm25",
        "difference",
        "interval",
        "p",
        "queries",
        "smallest_detectable",
    )
    scores = {
        name: {measure_key(measure): score for measure, score in next(iter(by_dim.values()), {}).items()}
        for name, by_dim in verdict["measures"].items()
    }
    tuned = scores.get("tuned", {})
    step = {"step": verdict.get("steps"), "total_steps": verdict.get("steps")}
    data = with_reference({**tuned, **step, **{name: verdict[name] for name in told}, "measures": scores})
    level = "info" if verdict["verdict"] == "ship" else "warn"
    return NewEvent("verdict", f"Verdict: {verdict['verdict']}. {verdict['sentence']}", level, "metrics", data)


def _of_file(key: str, filename: str, report: Mapping[str, Any]) -> NewEvent:
    """What was read of a file, and what was dropped and why."""
    kept, read = report["rows_kept"], report["rows_read"]
    said = f"Read {read:,} rows of {filename} as {report['kind']}: {kept:,} can be used."
    told = ("kind", "shape", "rows_read", "rows_kept", "dropped")
    return NewEvent(key, said, data={name: report[name] for name in told})


def _evaluation(entry: Mapping[str, Any], total_steps: int, loss: float | None) -> NewEvent:
    step, measure, score = entry["step"], entry["measure"], entry["score"]
    whose = "the base model" if step == 0 else "the best so far" if entry.get("best") else "no better"
    said = f"Step {step}/{total_steps}: {measure}={score:.4f} on the rows to select by ({whose})"
    data = {"step": step, "total_steps": total_steps, "epoch": entry.get("epoch"), "train_loss": loss if step else None}
    data |= evaluated(entry) | {"best": bool(entry.get("best"))}
    return NewEvent(f"evaluation {step}", said, type="metrics", data=with_reference(data))


def _measured(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: entry.get(name) for name in ("step", "epoch", "learning_rate", "rows_per_second") if name in entry}


def with_reference(data: Mapping[str, Any]) -> dict[str, Any]:
    """`data` of an event or a checkpoint, with every key that the reference has beside it."""
    return {**dict.fromkeys(_REFERENCE), **data}


def evaluated(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The measures of an evaluation in the log by their keys, the one that selects first; older logs have no others."""
    found = {str(entry["measure"]): entry["score"], **entry.get("measures", {})}
    return {measure_key(measure): score for measure, score in found.items()}


def measure_key(measure: str) -> str:
    """A measure's name as a key that programs like: ndcg@10 is ndcg_at_10."""
    return measure.replace("@", "_at_")
