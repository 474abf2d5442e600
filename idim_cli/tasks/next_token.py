"""Language models: the cross-entropy of the next token is minimized, token accuracy is the performance."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from idim_cli.core.errors import DataError
from idim_cli.datasets.batch import parts, predictions
from idim_cli.datasets.split import Data, Split, Tensors
from idim_cli.tasks.base import Model, batches, evaluating, refuse_shape, require
from idim_cli.tasks.classify import refuse_labels

# The names and the value of transformers, so that its tokenized data sets and models fit as they are.
_IGNORED = -100  # a label that does not count
_TOKENS = "input_ids"


class NextToken:
    """The next token by cross-entropy; performance is the share of tokens predicted correctly.

    A split holds tokens, int64 [n, T], alone or as `input_ids` of a dict. The logits [B, T, vocabulary] at a
    position predict the token after it. A split may also have `labels`, as transformers does: the tokens
    themselves, with -100 for those that do not count.

    Args:
        labels: ``same``: a label is the token at its position. ``next``: it is the token after that, for
            splits of pairs (tokens[:, :-1], tokens[:, 1:]).
        bytes_per_token: mean length of a token in the text, for `bits_per_byte`. By default the data set's.
        score: the split whose accuracy is the performance.
    """

    metric = "token_accuracy"

    def __init__(
        self,
        *,
        labels: Literal["same", "next"] = "same",
        bytes_per_token: Annotated[float, Field(gt=0)] | None = None,
        score: Literal["validation", "train"] = "validation",
    ) -> None:
        self.labels, self.bytes_per_token = labels, bytes_per_token
        self.score_on: Literal["train", "validation"] = score

    def check(self, split: Split, classes: int | None) -> None:
        """DataError unless tokens, and labels if there are any, are int64 [n, T] in the vocabulary."""
        if not isinstance(split, Tensors):  # streamed: checking would read everything
            return
        tokens, labels = _inputs(split.data)
        require(tokens, [torch.int64], ["[n, T]"])
        refuse_labels(tokens, classes)
        if labels is None:
            return
        require(labels, [torch.int64], ["[n, T]"])
        if (counted := labels[labels != _IGNORED]).numel():  # aminmax needs at least one
            refuse_labels(counted, classes)
        # An easy mistake that nothing else would show: shifted twice, the model learns the token after next.
        if self.labels == "same" and _is_next(tokens, labels):
            hint = "write task: {name: next_token, labels: next}"
            raise DataError("labels are the tokens shifted by one", hint)

    def outputs(self, data: Data) -> dict[str, Any]:
        """``outputs``, ``classes``, ``vocabulary``: as declared, or the highest token plus one."""
        self.bytes_per_token = self.bytes_per_token or data.bytes_per_token
        size = data.classes
        if size is None:
            # Of both splits: a token that occurs in validation alone needs an embedding, too.
            held = [split for split in (data.train, data.validation) if isinstance(split, Tensors)]
            tokens = [x for split in held for x in _inputs(split.data) if x is not None]
            if not tokens:
                raise DataError("the size of the vocabulary is unknown", "set it: Source(..., classes=50257)")
            size = max(int(x.max()) for x in tokens) + 1
        return {"outputs": size, "classes": size, "vocabulary": size}

    def loss(self, model: Model, batch: Any) -> Tensor:
        """Mean cross-entropy, in nats, over the tokens that count."""
        logits, labels = self._pairs(model, batch)
        total = functional.cross_entropy(logits, labels, ignore_index=_IGNORED, reduction="sum")
        return total / (labels != _IGNORED).sum().clamp(min=1)  # a batch may have no token that counts

    def evaluate(self, model: nn.Module, split: Split, batch_size: int = 100) -> dict[str, float]:
        """``token_accuracy``, ``nll`` in nats a token and, where it is known, ``bits_per_byte``.

        Over the whole split; NaN if any logit is not finite. Batches are small by default, as logits take
        T * vocabulary numbers for each example.
        """
        with evaluating(model):
            pairs = (self._pairs(model, batch) for batch in batches(model, split, batch_size))
            sums = torch.stack([_sums(logits.float(), labels) for logits, labels in pairs])
        right, nll, count = sums.cpu().double().sum(dim=0).tolist()
        # Per token over the split: batches differ in how many tokens count, so a mean of means would be
        # another.
        figures = {"token_accuracy": right / max(1.0, count), "nll": nll / max(1.0, count)}
        if self.bytes_per_token is not None:
            # Unlike nats a token, comparable between tokenizers.
            figures["bits_per_byte"] = figures["nll"] / math.log(2) / self.bytes_per_token
        return figures

    def chance(self, split: Split) -> float | None:
        """The share of the most frequent token among those to predict."""
        if not isinstance(split, Tensors):  # streamed: counting would read everything
            return None
        labels = self._labels(*_inputs(split.data))
        labels = labels[labels != _IGNORED]
        return int(labels.bincount().max()) / labels.numel() if labels.numel() else None

    def _pairs(self, model: Model, batch: Any) -> tuple[Tensor, Tensor]:
        """Logits [N, vocabulary] and labels [N] of all tokens to predict."""
        args, kwargs, _ = parts(batch)
        tokens, given = _inputs(batch)
        logits, labels = predictions(model(*args, **kwargs)), self._labels(tokens, given)
        refuse_shape(logits, ["B", tokens.shape[1], "vocabulary"])
        # The last position predicts a token that is not there, unless the labels hold it.
        return logits[:, : labels.shape[1]].flatten(0, 1), labels.flatten()

    def _labels(self, tokens: Tensor, given: Tensor | None) -> Tensor:
        """Labels [n, T - 1], or [n, T] where they already are the next tokens."""
        # The first token has none before it to predict it from.
        if given is None:
            return tokens[:, 1:]
        return given if self.labels == "next" else given[:, 1:]


def _inputs(batch: Any) -> tuple[Any, Any]:
    """Tokens, and labels if there are any."""
    args, kwargs, labels = parts(batch)
    return (args[0] if args else kwargs.get(_TOKENS)), labels


def _is_next(tokens: Tensor, labels: Tensor) -> bool:
    """Whether labels are the next tokens rather than the tokens at their own position."""
    if tokens.shape != labels.shape or torch.equal(tokens, labels):
        return False  # equal also where all tokens are the same: then both readings hold
    counted = labels[:, :-1] != _IGNORED
    return bool(counted.any()) and torch.equal(labels[:, :-1][counted], tokens[:, 1:][counted])


def _sums(logits: Tensor, labels: Tensor) -> Tensor:
    """Correct tokens, sum of the cross-entropy, and tokens that count, as [3]."""
    counted = labels != _IGNORED
    right = (logits.argmax(1) == labels)[counted].sum()
    nll = functional.cross_entropy(logits, labels, ignore_index=_IGNORED, reduction="sum")
    sums = torch.stack([right.to(logits.dtype), nll, counted.sum().to(logits.dtype)])
    # argmax takes NaN for the largest entry, so a diverged model would seem to answer.
    return torch.where(logits.isfinite().all(), sums, torch.nan)
