from __future__ import annotations

import errno
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.full_disk import FullDisk
from vectune.errors import StorageError
from vectune.store.atomic import file_aside, folder_aside, keep, refuse_occupied, storage_error, write_bytes, write_text

_WITH_A_FILE_LIMIT = """
import resource, signal, sys
from pathlib import Path
from vectune.errors import StorageError
from vectune.store.atomic import folder_aside, write_bytes
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
folder = Path(sys.argv[1])
try:
    with folder_aside(folder / "run") as aside:
        (aside / "small").write_bytes(b"x")
        write_bytes(aside / "weights", b"x" * 100_000)
except StorageError as error:
    print(error.message)
    print(error.hint)
"""


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def fail_inside(final: Path, error: Exception) -> None:
    with folder_aside(final) as aside:
        (aside / "file").write_text("x")
        raise error


def test_text_replaces_what_is_there(tmp_path: Path) -> None:
    """A second write leaves the new text and nothing else in the folder."""
    write_text(tmp_path / "a.txt", "old")
    write_text(tmp_path / "a.txt", "new ü")
    assert (tmp_path / "a.txt").read_bytes() == "new ü".encode()
    assert names(tmp_path) == ["a.txt"]


def test_parts_take_the_name_together(tmp_path: Path) -> None:
    """What is written in parts stands when the last is there; a block that fails leaves the old file alone."""
    with file_aside(tmp_path / "a.bin") as stream:
        stream.write(b"one ")
        assert not (tmp_path / "a.bin").exists()
        stream.write(b"two")
    with pytest.raises(TypeError), file_aside(tmp_path / "a.bin") as stream:
        stream.writelines([b"half", "no bytes"])  # type: ignore[list-item]
    assert (tmp_path / "a.bin").read_bytes() == b"one two"
    assert names(tmp_path) == ["a.bin"]


def test_full_disk_keeps_the_old_file(tmp_path: Path) -> None:
    """When the disk fills up half-way, the old file is whole, no half file stays, and the error says what to do."""
    write_bytes(tmp_path / "a.bin", b"old")
    with pytest.raises(StorageError) as caught:
        write_bytes(tmp_path / "a.bin", b"x" * 1000, opener=lambda path: FullDisk(path, room=400))  # type: ignore[arg-type,return-value]
    assert caught.value.message == f"{tmp_path / 'a.bin'} could not be written: the disk is full."
    assert "Free some space" in caught.value.hint
    assert (tmp_path / "a.bin").read_bytes() == b"old"
    assert names(tmp_path) == ["a.bin"]


def test_missing_folder_is_said(tmp_path: Path) -> None:
    """Writing into a folder that does not exist is a StorageError, not a traceback."""
    with pytest.raises(StorageError, match="the folder does not exist"):
        write_text(tmp_path / "nowhere" / "a.txt", "text")


def test_a_folder_in_the_way_is_said(tmp_path: Path) -> None:
    """Writing a file where a folder stands is refused and leaves nothing behind."""
    (tmp_path / "a").mkdir()
    with pytest.raises(StorageError, match="a folder stands there"):
        write_text(tmp_path / "a", "text")
    assert names(tmp_path) == ["a"]


def test_other_errors_leave_nothing(tmp_path: Path) -> None:
    """Text that can't be encoded fails before anything is written."""
    with pytest.raises(UnicodeEncodeError):
        write_text(tmp_path / "a.txt", "\ud800")
    assert names(tmp_path) == []


def test_folder_appears_when_the_block_ends(tmp_path: Path) -> None:
    """While it is written the folder has a hidden name; afterwards only the final one."""
    with folder_aside(tmp_path / "run") as aside:
        (aside / "deep").mkdir()
        (aside / "deep" / "file").write_text("x")
        assert names(tmp_path) == [".run.partial"]
    assert names(tmp_path) == ["run"]
    assert (tmp_path / "run" / "deep" / "file").read_text() == "x"


def test_folder_is_removed_on_error(tmp_path: Path) -> None:
    """An error in the block passes as it is and leaves neither folder."""
    with pytest.raises(ValueError, match="my own"):
        fail_inside(tmp_path / "run", ValueError("my own"))
    assert names(tmp_path) == []


def test_leftover_of_a_crash_is_replaced(tmp_path: Path) -> None:
    """What an earlier crash left aside does not end up in the new folder."""
    (tmp_path / ".run.partial").mkdir()
    (tmp_path / ".run.partial" / "stale").write_text("x")
    with folder_aside(tmp_path / "run") as aside:
        (aside / "fresh").write_text("x")
    assert names(tmp_path / "run") == ["fresh"]


def test_existing_run_is_not_overwritten(tmp_path: Path) -> None:
    """A final folder with something in it is refused before any work; an empty one is taken."""
    (tmp_path / "run").mkdir()
    refuse_occupied(tmp_path / "run")
    (tmp_path / "run" / "mine").write_text("x")
    entered = False
    with pytest.raises(StorageError, match="already there"), folder_aside(tmp_path / "run"):
        entered = True
    assert not entered
    assert names(tmp_path) == ["run"]


def test_what_is_unneeded_stays_until_the_folder_has_its_name(tmp_path: Path) -> None:
    """A folder that can't be renamed keeps what is needed to go on; one that was has lost it."""
    aside, final = tmp_path / ".run.partial", tmp_path / "run"
    (aside / "checkpoints").mkdir(parents=True)
    (aside / "checkpoints" / "step-1").write_text("x")
    (aside / "verdict.json").write_text("{}")
    final.mkdir()
    (final / "other").write_text("in the way")
    with pytest.raises(StorageError):
        keep(aside, final, unneeded="checkpoints")
    assert (aside / "checkpoints" / "step-1").is_file()
    shutil.rmtree(final)
    keep(aside, final, unneeded="checkpoints")
    assert sorted(path.name for path in final.iterdir()) == ["verdict.json"]


def test_full_disk_in_the_block_becomes_one_sentence(tmp_path: Path) -> None:
    """ENOSPC from whatever writes inside the block is a StorageError about the final folder, and nothing stays."""
    with (
        pytest.raises(StorageError, match="the disk is full") as caught,
        folder_aside(tmp_path / "run") as aside,
        FullDisk(aside / "weights", room=10) as file,
    ):
        file.write(b"x" * 100)
    assert str(tmp_path / "run") in caught.value.message
    assert names(tmp_path) == []


def test_full_disk_told_in_words_is_understood(tmp_path: Path) -> None:
    """Libraries in Rust say "os error 28" in an exception of their own; that is a full disk too."""
    error = RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)")
    with pytest.raises(StorageError, match="the disk is full"):
        fail_inside(tmp_path / "run", error)
    assert names(tmp_path) == []


@pytest.mark.skipif(sys.platform != "linux", reason="file size limits work like this on Linux")
def test_file_size_limit_leaves_nothing(tmp_path: Path) -> None:
    """In a process that the system really stops from writing, no folder stays and the error has a hint."""
    command = [sys.executable, "-c", _WITH_A_FILE_LIMIT, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    message, hint = done.stdout.splitlines()
    assert message.endswith("the file is larger than allowed here.")
    assert hint
    assert names(tmp_path) == []


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.EDQUOT, errno.ENAMETOOLONG, 9999])
def test_every_cause_is_one_sentence(number: int) -> None:
    """Known and unknown causes alike end in one sentence with the path in it."""
    said = storage_error(Path("a/b"), OSError(number, "odd reason")).message
    assert said.startswith("a/b could not be written: ")
    assert said.endswith(".")
    assert said.count(". ") == 0
