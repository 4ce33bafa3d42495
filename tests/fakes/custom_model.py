"""Models that bring harmless code of their own: running it leaves a mark beside the model."""

from __future__ import annotations

import json
from pathlib import Path

from tests.fakes.tiny_model import save_tiny_model

_MODULE = '''
from pathlib import Path
from sentence_transformers.sentence_transformer.modules import Normalize

Path({mark!r}).write_text("ran")


class Turned(Normalize):
    """Turns every vector round."""

    def forward(self, features):
        features["sentence_embedding"] = -super().forward(features)["sentence_embedding"]
        return features
'''

_TRANSFORMER = """
from pathlib import Path
from transformers import BertConfig, BertModel

Path({mark!r}).write_text("ran")


class OddConfig(BertConfig):
    model_type = "odd"


class OddModel(BertModel):
    config_class = OddConfig
"""


def save_custom_module(folder: Path, mark: Path) -> Path:
    """A tiny model whose last module is a class in its own folder; running the class's file writes `mark`."""
    save_tiny_model(folder)
    modules = json.loads((folder / "modules.json").read_text())
    modules.append({"idx": 2, "name": "2", "path": "", "type": "turning.Turned"})
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "turning.py").write_text(_MODULE.format(mark=str(mark)))
    return folder


def save_custom_transformer(folder: Path, mark: Path) -> Path:
    """A tiny model whose config.json names classes of its own folder in `auto_map`."""
    save_tiny_model(folder)
    config = json.loads((folder / "config.json").read_text())
    config |= {
        "model_type": "odd",
        "architectures": ["OddModel"],
        "auto_map": {"AutoConfig": "odd_model.OddConfig", "AutoModel": "odd_model.OddModel"},
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "odd_model.py").write_text(_TRANSFORMER.format(mark=str(mark)))
    return folder
