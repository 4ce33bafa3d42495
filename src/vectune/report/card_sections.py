"""The sections of the model card, each a piece of markdown, empty where the run has nothing to say."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from vectune.report.contents import RunContents
from vectune.report.markup import clean
from vectune.report.values import count, in_order, interval, label, mapping, number, percent, score, signed

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#])")


def plain(text: object) -> str:
    """`text` on one line, with every character that markdown or HTML would take as a sign made harmless."""
    return _SPECIAL.sub(r"\\\1", " ".join(clean(str(text)).split()))


def code(text: object) -> str:
    """`text` on one line as inline code."""
    return "`" + " ".join(clean(str(text)).split()).replace("`", "'") + "`"


def source(run: RunContents) -> str:
    """The data's name, without the folders of the machine it lay on."""
    return Path(str(run.data.get("source") or run.verdict.get("data") or "the data")).name


def title(run: RunContents) -> str:
    """What the model is, in a paragraph."""
    rows = count(number(mapping(run.split.get("sizes")).get("train")))
    learned = f"{rows} training rows of {code(source(run))}" if rows != "–" else code(source(run))
    said = f"A text-embedding model: {code(_base(run))} fine-tuned with vectune on {learned}."
    more = f"It maps texts to vectors of {_length(run)} numbers; near vectors mean near texts."
    return f"# {plain(run.name)}\n\n{said} {more}"


def _base(run: RunContents) -> str:
    return Path(run.base_model).name if Path(run.base_model).is_absolute() else run.base_model


def _length(run: RunContents) -> str:
    return str(max(run.dims(), default="the base model's number of"))


def verdict(run: RunContents) -> str:
    """The verdict with its numbers."""
    found, ends = run.verdict, mapping(run.verdict.get("intervals"))
    rows = [
        [name, score(number(found.get(key))), _range(ends.get(key))]
        for name, key in (("Base", "base"), ("Tuned", "tuned"), ("BM25", "bm25"))
        if number(found.get(key)) is not None
    ]
    rows.append(
        ["Tuned minus base", signed(number(found.get("difference"))), _range(found.get("interval"), say=signed)]
    )
    sure = percent(number(found.get("confidence")) or 0.95)
    table = _table([label(run.measure), "score", f"{sure} interval"], rows)
    return f"## Verdict: {plain(found.get('verdict') or 'none')}\n\n{plain(found.get('sentence') or '')}\n\n{table}"


def _range(value: object, say: Callable[[float | None], str] = score) -> str:
    ends = interval(value)
    return "" if ends is None else f"{say(ends[0])} to {say(ends[1])}"


def is_remote(run: RunContents) -> bool:
    """Whether the base lies behind an endpoint, so that the folder holds no weights of it."""
    return run.space.get("pooling") == "remote"


def usage(run: RunContents) -> str:
    """How to load and use the model."""
    if run.verdict.get("kind") in ("scored", "labelled"):
        body = 'vectors = model.encode(["a text", "another text"])\nprint(model.similarity(vectors, vectors))'
    else:
        body = (
            'queries = model.encode_query(["what people ask"])\n'
            'documents = model.encode_document(["a text that may answer", "another one"])\n'
            "print(model.similarity(queries, documents))"
        )
    load = f"model = SentenceTransformer({json.dumps(clean(run.name) + '/model', ensure_ascii=False)})"
    shown = f"```python\nfrom sentence_transformers import SentenceTransformer\n\n{load}\n{body}\n```"
    if is_remote(run):
        return f"## Use\n\n{_remote_usage(run)}"
    shorter = [dim for dim in run.dims() if dim != max(run.dims())]
    if not shorter:
        return f"## Use\n\n{shown}"
    hint = f'`SentenceTransformer(path, truncate_dim={shorter[0]})` gives shorter vectors; see "Dimensions".'
    return f"## Use\n\n{shown}\n\n{hint}"


def _remote_usage(run: RunContents) -> str:
    """The base is behind an endpoint: vectune fetches its vectors and maps those of queries."""
    name = json.dumps(clean(run.name), ensure_ascii=False)
    body = (
        f"from vectune.records import Role\n\nmodel = vectune.load({name})\n"
        'queries = model.encode(["what people ask"], Role.QUERY)\n'
        'documents = model.encode(["a text that may answer", "another one"], Role.DOCUMENT)\n'
        "print(queries @ documents.T)"
    )
    said = f"This folder holds the adapter alone; {code(_base(run))} is asked at its endpoint."
    return f"{said}\n\n```python\nimport vectune\n{body}\n```"


def measures(run: RunContents) -> str:
    """Every measure at full size."""
    names = in_order({name for found in run.measures_of("tuned").values() for name in found}, run.measure)
    if not names:
        return ""
    models = ["base", "tuned", *(["bm25"] if run.judged_by_bm25() else [])]
    rows = [[label(name), *(score(run.measured(model, name)) for model in models)] for name in names]
    headings = ["", *({"base": "Base", "tuned": "Tuned", "bm25": "BM25"}[model] for model in models)]
    return f"## Scores\n\nOn the test split, which took no part in training or selection.\n\n{_table(headings, rows)}"


def dimensions(run: RunContents) -> str:
    """The deciding measure at each dimension."""
    dims = run.dims()
    if len(dims) < 2:
        return ""
    rows = [
        [str(dim), score(run.measured("base", run.measure, dim)), score(run.measured("tuned", run.measure, dim))]
        for dim in dims
    ]
    return f"## Dimensions\n\n{_table([label(run.measure) + ' at', 'Base', 'Tuned'], rows)}"


def vectors(run: RunContents) -> str:
    """The space that the vectors belong to."""
    if not run.space:
        return ""
    facts = [
        ("Space", code(run.space.get("fingerprint", "unknown"))),
        ("Pooling", plain(run.space.get("pooling", "unknown"))),
        ("Length 1", "yes" if run.space.get("normalised") else "no"),
        ("Longest text", f"{plain(run.space.get('max_tokens', 'unknown'))} tokens"),
        ("Query prompt", _prompt(run.space.get("query_prompt"))),
        ("Document prompt", _prompt(run.space.get("document_prompt"))),
    ]
    warning = (
        "Vectors of this model can't be compared with those of any other, its base included: embed everything anew."
    )
    if run.space.get("query_adapter"):
        warning = "Only queries were adapted. Documents are embedded by the base model: an index of them stays valid."
    return f"## Vectors\n\n{_list(facts)}\n\n{warning}"


def _prompt(text: Any) -> str:
    return code(text) if text else "none"


def data(run: RunContents) -> str:
    """What the model learned from."""
    if not run.data:
        return ""
    shares = mapping(mapping(run.data.get("profile")).get("languages"))
    found = {str(name): number(share) or 0.0 for name, share in shares.items()}
    named = ", ".join(
        f"{plain(name)} {percent(share)}" for name, share in sorted(found.items(), key=lambda one: -one[1])[:5]
    )
    facts = [
        ("Source", code(source(run))),
        ("Shape", plain(run.data.get("shape") or "unknown")),
        ("Rows", f"{count(number(run.data.get('rows_kept')))} kept of {count(number(run.data.get('rows_read')))}"),
        ("Languages", named or "unknown"),
        ("Fingerprint", code(run.data.get("fingerprint") or "unknown")),
    ]
    return f"## Data\n\n{_list(facts)}"


def certificate(run: RunContents) -> str:
    """What any two splits share."""
    overlaps = mapping(run.split.get("overlaps"))
    if not overlaps:
        return ""
    keys = ("queries", "documents", "near_duplicates")
    rows = [
        [plain(name.replace("/", " and ")), *(count(number(mapping(found).get(key))) for key in keys)]
        for name, found in overlaps.items()
    ]
    sizes = ", ".join(f"{plain(name)} {count(number(size))}" for name, size in mapping(run.split.get("sizes")).items())
    said = f"What two splits share. Rows: {sizes}. Method: {plain(run.split.get('method') or 'unknown')}."
    return f"## Leak certificate\n\n{said}\n\n{_table(['Between', 'Queries', 'Documents', 'Near-duplicates'], rows)}"


def limits(run: RunContents) -> str:
    """What the numbers do not say."""
    general = mapping(run.verdict.get("general"))
    base, tuned = number(general.get("base")), number(general.get("tuned"))
    lines = [
        f"The scores hold for texts like those of {code(source(run))}; nothing is known of other domains.",
        f"The test has {count(number(run.verdict.get('queries')))} units; true differences under "
        f"{score(number(run.verdict.get('smallest_detectable')))} are likely to go unnoticed in it.",
    ]
    if base is not None and tuned is not None:
        lines.append(f"General ability (everyday texts, 0 to 1) is {score(tuned)}, the base model's {score(base)}.")
    if run.verdict.get("verdict") != "ship":
        lines.append("The verdict is not `ship`: the base model may serve better.")
    return "## Limits\n\n" + "\n".join(f"- {line}" for line in lines)


def licence(run: RunContents, base_license: str | None) -> str:
    """The licence of the base model."""
    if base_license is None:
        said = f"The licence of {code(_base(run))} is not known here: look it up before you pass this model on."
    else:
        said = (
            f"The base model {code(_base(run))} is under {plain(base_license)}; its terms hold for these weights too."
        )
    return f"## Licence\n\n{said} The licence of the data is for its owner to say."


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [headings, ["---", *["---:"] * (len(headings) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _list(facts: Sequence[tuple[str, str]]) -> str:
    return "\n".join(f"- {name}: {value}" for name, value in facts)
