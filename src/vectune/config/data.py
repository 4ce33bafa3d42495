"""Settings of reading, checking and splitting."""

from __future__ import annotations

from pydantic import Field, field_validator

from vectune.config.model import Config


class DataConfig(Config):
    """How data is read and which rows are kept."""

    columns: dict[str, str] = {}
    """Role to column name, for files whose roles can't be told from the names: anchor, positive, negative, first,
    second, score, text, label."""
    max_bad: float = Field(0.05, ge=0, le=1)
    """Share of unreadable or unusable rows above which reading stops with an error."""
    near_duplicate: float = Field(0.8, gt=0, le=1)
    """Jaccard similarity of word pairs from which two texts count as near-duplicates."""
    max_chars: int = Field(1_000_000, ge=1)
    """Characters of a text above which its row is dropped as too long to be one text."""
    score_range: tuple[float, float] | None = None
    """Lowest and highest score of scored pairs; found from the data when not given (0-1, -1-1, 0-5 or 0-100)."""

    @field_validator("score_range")
    @classmethod
    def _range_rises(cls, scale: tuple[float, float] | None) -> tuple[float, float] | None:
        if scale is not None and not scale[0] < scale[1]:
            raise ValueError(f"the score range is {scale}, it must be the lowest score and a higher one")
        return scale


class SplitConfig(Config):
    """How rows are divided into train, dev and test."""

    shares: tuple[float, float, float] = (0.7, 0.1, 0.2)
    """Shares of train, dev and test; they must add up to 1."""
    giant: float = Field(0.3, gt=0, le=1)
    """Share of the rows from which one connected component is reported and cut at its weakest links."""
    fix_leaks: bool = False
    """Remove from train what overlaps with dev or test when the source brings its own splits."""
    seed: int = Field(0, ge=0)
    """Changes which components land in which split; equal seeds give equal splits."""

    @field_validator("shares")
    @classmethod
    def _shares_add_up(cls, shares: tuple[float, float, float]) -> tuple[float, float, float]:
        if min(shares) < 0 or abs(sum(shares) - 1) > 1e-6:
            raise ValueError(f"shares of train, dev and test are {shares}, they must be 0 or more and add up to 1")
        if shares[0] == 0 or shares[2] == 0:
            raise ValueError("train and test each need a share above 0")
        return shares
