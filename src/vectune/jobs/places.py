"""Places of the server, as its paths and the addresses that it calls, taken out of what clients are told."""

from __future__ import annotations

import re

_PLACE = "its place on the server"
_ENDPOINT = "the endpoint"
_LONGEST = 1000

# A path holds colons, commas, apostrophes and brackets only where it goes on behind them: others are the sentence's.
_INNER = r"""[^\s:,;'"`“”‘’()\[\]{}<>/\\]|[:,;'’](?=[\w~-])|[(\[][^\s()\[\]]{0,60}[)\]](?=[/\\.\w-])"""
_PART = rf"(?:{_INNER}|[/\\]|[:,;'](?=[/\\]))+(?<![.!?])"
_WORD = rf"(?:{_INNER})+(?<![.!?])"

# What tells that a word behind a path is the sentence's.
_VERB = (
    r"(?:is|are|was|were|has|have|had|can't|can|cannot|could|may|must|does|did|do|holds|needs|lacks|gave|took|ended|"
    r"failed|without|because)(?![\w'])"
)
_ORDINARY = r"(?:and/or|yes/no|n/a|w/o|I/O|\d[\d.,]*/\d|[^\W\d]+/(?:s|sec|second|min|minute|h|hour|step|epoch|row)\b)"
_ADDRESS = r"[A-Za-z][A-Za-z0-9+.-]{0,30}:[/\\]"
_ENDING = r"(?:jsonl?|[ct]sv|parquet|gz|zip|bin|safetensors|pt|onnx|xml|ya?ml|toml|txt|log|db|npy|py|so|model)(?!\w)"
_ON = (
    rf"(?: (?!{_VERB}){_WORD}){{0,3}} (?!{_ORDINARY}|{_ADDRESS}|{_VERB}|~)"
    rf"(?:{_WORD}[/\\](?:{_PART})?|(?:{_INNER})+?\.{_ENDING})"
)
"""How a path goes on behind a space: some words, and one with a slash or the ending of a file."""

_ENDPOINT_START = r"(?<![A-Za-z0-9])(?i:https?)://"
_START = (
    r"(?<![A-Za-z0-9])(?:[A-Za-z][A-Za-z0-9+.-]{0,30}://|(?i:file):/)"  # with another scheme
    r"|(?<![A-Za-z0-9])[A-Za-z]:[/\\](?=\S)|(?<![\w\\])\\\\[\w.-]+\\"  # of Windows
    r"|(?<![\w~])~(?:[A-Za-z_][\w-]*)?/"  # in a home
    r"|(?<![\w.%])/(?!v1(?![\w-]|\.\w))(?!(?<=</)\w+>)(?=[^\s'\"`”’)\]}>])"  # from the root, but for the service's own
)
_QUOTE_ENDS = r"(?:(?P=quote)|[”’])(?!\w)"
_PLACES = re.compile(
    rf"(?P<quote>[\"'`“‘])(?=(?P<quoted_endpoint>{_ENDPOINT_START})|{_START})"
    rf"(?:(?!{_QUOTE_ENDS})[^\n]){{1,{_LONGEST}}}(?={_QUOTE_ENDS})"
    rf"|(?P<endpoint>{_ENDPOINT_START})(?:\S{{0,{_LONGEST}}}@)?(?:{_PART})?"
    rf"|(?:{_START})(?:(?<=://)\S{{0,{_LONGEST}}}@)?(?:{_PART})?(?:{_ON}){{0,8}}"
)


def without_paths(text: str) -> str:
    """`text` without paths of this machine and addresses, which clients need not know; those of the service they do.

    Names in quotes are left out whole. Where there are none, a path with spaces ends where it looks like words: one
    whose last part has a space, and no ending of files, leaves a rest.
    """
    return _PLACES.sub(_called, text)


def _called(found: re.Match[str]) -> str:
    named = _PLACE if found["endpoint"] is None and found["quoted_endpoint"] is None else _ENDPOINT
    return f"{found['quote'] or ''}{named}"
