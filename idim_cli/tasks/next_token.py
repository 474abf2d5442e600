"""Language models: the cross-entropy of the next token is minimised, token accuracy is the performance."""

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

_IGNORED = -100  # of transformers: a label that does not count
_TOKENS = "input_ids"


class NextToken:
    """The next token by cross-entropy; performance is the share of tokens that are predicted.

    A split holds tokens, int64 [n, T], alone or as `input_ids` of a dict. The logits [B, T, vocabulary] at a
    place are those of the token behind it. A split may have `labels` too, as those of transformers: the
    tokens themselves, with -100 where one does not count.

    Args:
        labels: ``same``: a label belongs to the token at its place. ``next``: it is the token behind it, for
            splits of pairs (tokens[:, :-1], tokens[:, 1:]).
        bytes_per_token: of the text, mean over its tokens; gives `bits_per_byte`. By default the data set's.
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
        if not isinstance(split, Tensors):
            return
        tokens, labels = _inputs(split.data)
        require(tokens, [torch.int64], ["[n, T]"])
        refuse_labels(tokens, classes)
        if labels is None:
            return
        require(labels, [torch.int64], ["[n, T]"])
        if (counted := labels[labels != _IGNORED]).numel():
            refuse_labels(counted, classes)
        if self.labels == "same" and _is_next(tokens, labels):
            hint = "write task: {name: next_token, labels: next}"
            raise DataError("labels are the tokens moved by one", hint)

    def outputs(self, data: Data) -> dict[str, Any]:
        """``outputs``, ``classes``, ``vocabulary``: what the data set says, or its highest token plus one."""
        self.bytes_per_token = self.bytes_per_token or data.bytes_per_token
        size = data.classes
        if size is None:
            held = [split for split in (data.train, data.validation) if isinstance(split, Tensors)]
            tokens = [tensor for split in held for tensor in _tokens(split)]
            if not tokens:
                raise DataError("the size of the vocabulary is unknown", "say it: Source(..., classes=50257)")
            size = max(int(tensor.max()) for tensor in tokens) + 1
        return {"outputs": size, "classes": size, "vocabulary": size}

    def loss(self, model: Model, batch: Any) -> Tensor:
        """Mean cross-entropy, in nats, over the tokens that count."""
        logits, labels = self._pairs(model, batch)
        total = functional.cross_entropy(logits, labels, ignore_index=_IGNORED, reduction="sum")
        return total / (labels != _IGNORED).sum().clamp(min=1)  # a batch may have no token that counts

    def evaluate(self, model: nn.Module, split: Split, batch_size: int = 100) -> dict[str, float]:
        """``token_accuracy``, ``nll`` in nats a token and, where it is known, ``bits_per_byte``.

        Of a whole split; NaN if any logit is not finite.
        """
        with evaluating(model):
            pairs = (self._pairs(model, batch) for batch in batches(model, split, batch_size))
            sums = torch.stack([_sums(logits.float(), labels) for logits, labels in pairs])
        right, nll, count = sums.cpu().double().sum(dim=0).tolist()
        figures = {"token_accuracy": right / max(1.0, count), "nll": nll / max(1.0, count)}
        if self.bytes_per_token is not None:
            figures["bits_per_byte"] = figures["nll"] / math.log(2) / self.bytes_per_token
        return figures

    def chance(self, split: Split) -> float | None:
        """The share of the most frequent token among those that are predicted."""
        if not isinstance(split, Tensors):
            return None
        labels = self._labels(*_inputs(split.data))
        labels = labels[labels != _IGNORED]
        return int(labels.bincount().max()) / labels.numel() if labels.numel() else None

    def _pairs(self, model: Model, batch: Any) -> tuple[Tensor, Tensor]:
        """Logits [N, vocabulary] and labels [N] of all tokens that have one before them."""
        args, kwargs, _ = parts(batch)
        tokens, given = _inputs(batch)
        logits, labels = predictions(model(*args, **kwargs)), self._labels(tokens, given)
        refuse_shape(logits, ["B", tokens.shape[1], "vocabulary"])
        return logits[:, : labels.shape[1]].flatten(0, 1), labels.flatten()

    def _labels(self, tokens: Tensor, given: Tensor | None) -> Tensor:
        """[n, T - 1], or [n, T] where labels are next tokens."""
        if given is None:
            return tokens[:, 1:]
        return given if self.labels == "next" else given[:, 1:]


def _inputs(batch: Any) -> tuple[Any, Any]:
    """Tokens, and labels if there are any."""
    args, kwargs, labels = parts(batch)
    return (args[0] if args else kwargs.get(_TOKENS)), labels


def _tokens(split: Tensors) -> list[Tensor]:
    return [tensor for tensor in _inputs(split.data) if tensor is not None]


def _is_next(tokens: Tensor, labels: Tensor) -> bool:
    """Whether labels are the tokens behind those at their place, and not those at their place."""
    if tokens.shape != labels.shape or torch.equal(tokens, labels):
        return False
    counted = labels[:, :-1] != _IGNORED
    return bool(counted.any()) and torch.equal(labels[:, :-1][counted], tokens[:, 1:][counted])


def _sums(logits: Tensor, labels: Tensor) -> Tensor:
    """Tokens that are right, sum of the cross-entropy, and how many count, as [3]."""
    counted = labels != _IGNORED
    right = (logits.argmax(1) == labels)[counted].sum()
    nll = functional.cross_entropy(logits, labels, ignore_index=_IGNORED, reduction="sum")
    sums = torch.stack([right.to(logits.dtype), nll, counted.sum().to(logits.dtype)])
    return torch.where(logits.isfinite().all(), sums, torch.nan)
