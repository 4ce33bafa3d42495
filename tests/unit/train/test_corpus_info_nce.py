"""InfoNCE over all documents equals InfoNCE over a batch where the documents are the batch's."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from vectune.train.losses.corpus_info_nce import corpus_info_nce
from vectune.train.losses.info_nce import info_nce


def test_equals_info_nce_in_another_order() -> None:
    """With the positives in other columns than the diagonal the value is that of the batch's loss."""
    torch.manual_seed(0)
    queries, documents = (F.normalize(torch.randn(count, 8), dim=1) for count in (4, 7))
    known = torch.rand(4, 7) < 0.3
    expected = info_nce(queries, documents, known, temperature=0.1, symmetric=False)
    order = torch.randperm(7)
    targets = torch.argsort(order)[:4]
    found = corpus_info_nce(queries, documents[order], targets, known[:, order], temperature=0.1)
    assert found.item() == pytest.approx(expected.item(), abs=1e-6)


def test_by_hand() -> None:
    """Two documents, one masked: nothing is left to confuse the query with, and the loss is zero."""
    queries, documents = torch.eye(2)[:1], torch.eye(2)
    free = corpus_info_nce(queries, documents, torch.tensor([0]), torch.tensor([[True, False]]), temperature=1.0)
    masked = corpus_info_nce(queries, documents, torch.tensor([0]), torch.tensor([[True, True]]), temperature=1.0)
    assert free.item() == pytest.approx(torch.log(1 + torch.exp(torch.tensor(-1.0))).item())
    assert masked.item() == 0.0
