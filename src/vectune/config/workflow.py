"""Settings of whole commands: one model a verb."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from vectune.config.data import DataConfig, SplitConfig
from vectune.config.evaluate import EvaluateConfig
from vectune.config.model import Config
from vectune.config.remote import RemoteConfig
from vectune.config.train import TrainConfig
from vectune.config.vectors import BackendName, EncodePrecision, VectorType

PACKAGED_MODEL = "sentence-transformers/all-MiniLM-L6-v2"


class CheckConfig(Config):
    """`vectune check`: read data, say what it is, drop what can't be used."""

    path: str
    """File, folder or hub name of the data."""
    out: Path | None = None
    """Folder for the clean data, dropped.jsonl and summary.json; nothing is written without it."""
    base: str = PACKAGED_MODEL
    """Model whose tokenizer and limit tell what share of the texts would be cut."""
    data: DataConfig = DataConfig()
    """How data is read."""


class TuneConfig(Config):
    """`vectune tune`: read, check, split, baselines, train, judge, save."""

    path: str
    """File, folder or hub name of the data to learn from."""
    dev: str | None = None
    """Data to select on, if the main data should not be split for it."""
    test: str | None = None
    """Data to judge on, if the main data should not be split for it."""
    corpus: str | None = None
    """More documents to search among when judging (distractors): one text a row."""
    base: str = PACKAGED_MODEL
    """Base model: a path, a name in the local Hugging Face cache, the packaged all-MiniLM-L6-v2, or a hub name."""
    trust_remote_code: bool = False
    """Let the base model run Python code of its own; it runs with all your rights, so read it first."""
    out: Path | None = None
    """Run folder; by default runs/NAME-TIME."""
    name: str | None = None
    """Name of the run; by default the data's name."""
    data: DataConfig = DataConfig()
    """How data is read."""
    split: SplitConfig = SplitConfig()
    """How rows are divided."""
    train: TrainConfig = TrainConfig()
    """How the model is tuned."""
    remote: RemoteConfig = RemoteConfig()
    """How models named `openai:MODEL` are reached."""
    evaluate: EvaluateConfig = EvaluateConfig()
    """How it is judged."""


class JudgeConfig(Config):
    """`vectune evaluate`: judge one model, against others if named."""

    model: str
    """The model to judge: a run folder, a path or a name."""
    path: str
    """Data to judge on."""
    against: tuple[str, ...] = ()
    """Models to compare with; the first is the base of the verdict. Without one, the packaged model is the base."""
    trust_remote_code: bool = False
    """Let the models run Python code of its own; it runs with all your rights, so read it first."""
    corpus: str | None = None
    """More documents to search among (distractors): one text a row."""
    split: str = "test"
    """Which official split to judge on where the data brings its own; data without splits is judged whole."""
    out: Path | None = None
    """Folder for verdict.json, per_query.parquet and report.html."""
    data: DataConfig = DataConfig()
    """How data is read."""
    remote: RemoteConfig = RemoteConfig()
    """How models named `openai:MODEL` are reached."""
    evaluate: EvaluateConfig = EvaluateConfig()
    """How it is judged."""
    keep_large_blocks: bool = True
    """Tell glibc to keep freed blocks instead of returning them to the kernel (Linux with glibc only)."""


class EncodeConfig(Config):
    """`vectune encode`: texts to vectors."""

    model: str
    """The model: a run folder, a path or a name."""
    path: str
    """A text file (one text a line), JSONL or CSV with a text column, or `-` for standard input."""
    out: Path
    """Where the vectors go: .npy, .parquet or .jsonl."""
    dims: int | None = Field(None, ge=1)
    """Keep the first dims of each vector and normalise again."""
    backend: BackendName = "auto"
    """What runs the model: `auto` takes OpenVINO, else onnxruntime, else torch; torch on a GPU. A token table runs
    `static`."""
    precision: EncodePrecision = "auto"
    """Arithmetic: `auto` takes bf16 where the machine has instructions for it, else fp32."""
    type: VectorType = "float32"
    """How values are stored; what a smaller type loses is measured on the texts and told."""
    role: Literal["query", "document"] = "document"
    """Which of the model's prompts is put before the texts."""
    column: str | None = None
    """Column that holds the text in JSONL, CSV or Parquet."""
    trust_remote_code: bool = False
    """Let the model run Python code of its own; it runs with all your rights, so read it first."""
    max_tokens: int | None = Field(None, ge=1)
    """Tokens of a text that the model sees; by default the model's own limit."""
    remote: RemoteConfig = RemoteConfig()
    """How models named `openai:MODEL` are reached."""
    keep_large_blocks: bool = True
    """Tell glibc to keep freed blocks instead of returning them to the kernel (Linux with glibc only)."""


class RunsConfig(Config):
    """`vectune runs`: list runs, or compare those named."""

    names: tuple[str, ...] = ()
    """Runs to compare, names or folders, the first with each other one; none lists all."""
    root: Path = Path("runs")
    """Folder that holds the runs."""
