"""Objects as the official client's types want them."""

from __future__ import annotations

from openai.types import FileObject, Model
from openai.types.fine_tuning import FineTuningJob, FineTuningJobEvent
from openai.types.fine_tuning.jobs import FineTuningJobCheckpoint

from vectune.http.objects import checkpoint_object, event_object, file_object, job_object, list_object, model_object
from vectune.jobs.files import StoredFile
from vectune.jobs.job import Event, Job, JobCheckpoint
from vectune.jobs.models import ServedModel
from vectune.jobs.page import Page

FILE = StoredFile("file-1", "default", "a.jsonl", "fine-tune", 5, 1, None, "error", "Bad rows.")
JOB = Job(
    id="ftjob-1", project="default", kind="fine_tuning.job", created_at=1, updated_at=2, finished_at=3,
    estimated_finish=None, model="m", base="b", fine_tuned_model="ft:m", status="failed", trained_tokens=9,
    training_file="file-1", validation_file=None, hyperparameters={"n_epochs": 2, "method": "lora"}, suffix=None,
    seed=None, metadata={"k": "v"}, error={"code": "c", "message": "m", "param": None}, result_files=("file-2",),
)  # fmt: skip


def test_each_object_is_what_the_client_expects() -> None:
    """Checked strictly against the client's own types: kinds of values, and required fields."""
    FileObject.model_validate(file_object(FILE), strict=True)
    FineTuningJob.model_validate(job_object(JOB), strict=True)
    event = Event("ftevent-1", 1, "info", "Hello.", "metrics", {"step": 1}, 1)
    FineTuningJobEvent.model_validate(event_object(event), strict=True)
    checkpoint = JobCheckpoint("ftckpt_1", 1, 5, {"step": 5.0, "ndcg_at_10": 0.5}, "ft:m:ckpt-step-5")
    found = FineTuningJobCheckpoint.model_validate(checkpoint_object("ftjob-1")(checkpoint), strict=True)
    assert found.to_dict()["metrics"]["ndcg_at_10"] == 0.5  # type: ignore[index]
    Model.model_validate(model_object(ServedModel("m", "vectune", 0)), strict=True)


def test_job_shows_what_was_left_out_as_auto() -> None:
    """The reference's three hyperparameters are always there, ours beside them under `method`."""
    shown = job_object(JOB)
    assert shown["hyperparameters"] == {"n_epochs": 2, "batch_size": "auto", "learning_rate_multiplier": "auto"}
    assert shown["method"]["supervised"]["hyperparameters"]["method"] == "lora"


def test_lists_name_their_ends() -> None:
    """A page has the ids of its first and last entry, which an empty one has not."""
    page = list_object(Page((FILE,), True), file_object)
    assert (page["object"], page["first_id"], page["last_id"], page["has_more"]) == ("list", "file-1", "file-1", True)
    assert list_object(Page((), False), file_object)["first_id"] is None


def test_expiry_is_shown_where_there_is_one() -> None:
    """A file that is kept for ever has no such field."""
    assert "expires_at" not in file_object(FILE)
    assert file_object(StoredFile("f", "p", "a", "batch", 1, 1, 7, "processed", None))["expires_at"] == 7
