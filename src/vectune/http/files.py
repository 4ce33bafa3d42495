"""`/v1/files`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from itertools import chain
from typing import Annotated, BinaryIO

from fastapi import APIRouter, Query, Request
from starlette.responses import Response, StreamingResponse

from vectune.errors import NotFound
from vectune.http.answer import answer
from vectune.http.body import read_form
from vectune.http.documents import documented_form
from vectune.http.errors import RequestRefused
from vectune.http.objects import file_object, list_object
from vectune.http.services import Project, Services, Work
from vectune.http.shapes import FileList
from vectune.jobs.files import FileStore, StoredFile
from vectune.monitor.progress import Progress

_BLOCK = 1 << 20
_FORM_BYTES = 1 << 16
"""What a form holds beside the file."""
_SHORTEST, _LONGEST = 3600, 2_592_000
_DIGITS = re.compile(r"[0-9]{1,9}")
_NAME_CHARS = 255
_UNSHOWN = ("Cc", "Cs")
"""Control characters and halves of surrogate pairs, which databases and logs trip over."""

router = APIRouter(prefix="/v1/files")


@router.post("", openapi_extra=documented_form())
async def upload(request: Request, work: Work, project: Project) -> Response:
    """Keep a file; it is read through in the background."""
    async with work.uploads.one_of(project):
        stored = await _stored(request, work, project)
    work.background.submit(partial(read_through, work.files, stored.id))
    return answer(file_object(stored))


@router.get("")
def show_all(work: Work, project: Project, asked: Annotated[FileList, Query()]) -> Response:
    """The project's files."""
    found = work.files.list(project, after=asked.after, limit=asked.limit, order=asked.order, purpose=asked.purpose)
    return answer(list_object(found, file_object))


@router.get("/{name}")
def retrieve(name: str, work: Work, project: Project) -> Response:
    """One file."""
    return answer(file_object(work.files.get(project, name)))


@router.get("/{name}/content")
async def content(name: str, work: Work, project: Project) -> Response:
    """The bytes of a file."""
    size, blocks = await work.transfers.read(partial(_begun, work.files, project, name))
    headers = {"content-length": str(size)}
    sent = work.transfers.blocks(blocks)
    return StreamingResponse(sent, media_type="application/octet-stream", headers=headers)


@router.delete("/{name}")
def delete(name: str, work: Work, project: Project) -> Response:
    """Remove a file that no job needs."""
    work.files.delete(project, name)
    return answer({"id": name, "object": "file", "deleted": True})


def read_through(files: FileStore, name: str, progress: Progress) -> None:
    """Find out whether the file can be used, unless it was deleted meanwhile. Where `progress` ends it the file stays
    `uploaded`, and is read through at the next start."""
    with suppress(NotFound):
        files.validate(name, progress)


async def _stored(request: Request, work: Services, project: str) -> StoredFile:
    file, fields = await read_form(request, work.config.upload_bytes + _FORM_BYTES)
    try:
        purpose = fields.get("purpose")
        if purpose is None:
            raise RequestRefused("Missing required parameter: 'purpose'.", param="purpose")
        keep = partial(
            work.files.create, project, _name(file.filename), purpose, _blocks(file.file),
            expires_after=_expiry(fields), most_bytes=work.config.upload_bytes,
        )  # fmt: skip
        return await work.transfers.keep(keep)
    finally:
        await file.close()


def _begun(files: FileStore, project: str, name: str) -> tuple[int, Iterator[bytes]]:
    """How many bytes a file has, and these; what is gone by now is a 404, which it could not be once the answer has
    begun."""
    size = files.get(project, name).bytes
    blocks = files.chunks(project, name)
    return size, chain((next(blocks, b""),), blocks)


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    while block := file.read(_BLOCK):
        yield block


def _name(given: str | None) -> str:
    """The name of an uploaded file, without the folders before it."""
    name = (given or "file").replace("\\", "/").rpartition("/")[2] or "file"
    if len(name) > _NAME_CHARS or any(unicodedata.category(letter) in _UNSHOWN for letter in name):
        told = f"Give up to {_NAME_CHARS} characters, none of them a control character."
        raise RequestRefused("The name of the file can't be kept.", told, param="file")
    return name


def _expiry(fields: Mapping[str, str]) -> int | None:
    """Seconds that the file is kept, of the fields `expires_after[...]`; None for ever."""
    seconds = fields.get("expires_after[seconds]")
    if seconds is None:
        return None
    if fields.get("expires_after[anchor]", "created_at") != "created_at":
        raise RequestRefused("The anchor must be created_at.", param="expires_after.anchor")
    if not _DIGITS.fullmatch(seconds) or not _SHORTEST <= int(seconds) <= _LONGEST:
        raise RequestRefused(f"Give {_SHORTEST} to {_LONGEST} seconds.", param="expires_after.seconds")
    return int(seconds)
