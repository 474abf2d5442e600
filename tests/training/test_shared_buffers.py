"""Buffers that lie in one memory, or seem to be more than they are, are saved and taken up again."""

import pytest
import torch

from idim_cli.core.shared_memory import put, separate
from idim_cli.runs import checkpoint
from idim_cli.training import session
from idim_cli.training.run import run
from idim_cli.training.stop import StoppedError

CODE = '''
class Odd(nn.Linear):
    """Two buffers of one storage, one that is part of another, one of a single number seen five times."""
    def __init__(self, classes):
        super().__init__(2, classes)
        flat = torch.zeros(6)
        self.register_buffer("low", flat[:3])
        self.register_buffer("high", flat[3:])
        self.register_buffer("middle", flat[1:4])
        self.register_buffer("wide", torch.zeros(1).expand(5))
    def forward(self, x):
        if self.training:
            self.low.add_(1.0)
            self.high.add_(2.0)
            self.wide[:1].add_(3.0)
        return super().forward(x)
'''


def test_a_run_with_such_buffers_goes_on_to_the_same_bits(one, code, tmp_path, monkeypatch):
    for name, value in {"REPORT_SECONDS": -1.0, "SAVE_SECONDS": -1.0, "SAVE_SHARE": float("inf")}.items():
        monkeypatch.setattr(session, name, value)
    code.write_text(code.read_text() + CODE)
    odd = one(f"model={{name: '{code}:Odd'}}", "d=3")

    def stop(progress) -> None:
        if progress.step == 7:
            raise StoppedError(15, "here")

    with pytest.raises(StoppedError):
        run(odd, tmp_path / "stopped", on_step=stop)
    ends = [run(odd, tmp_path / folder) for folder in ("stopped", "whole")]
    assert [end["status"] for end in ends] == ["ok", "ok"]
    stopped, whole = (
        checkpoint.load(tmp_path / folder / "checkpoint.safetensors")[0] for folder in ("stopped", "whole")
    )
    assert all(torch.equal(stopped[name], value) for name, value in whole.items())
    assert whole["buffer/middle"].tolist() == [20.0, 20.0, 40.0]
    assert whole["buffer/wide"].tolist() == [60.0] * 5


def test_what_is_set_apart_shares_nothing():
    flat = torch.arange(6.0)
    found = separate({"all": flat, "some": flat[1:3], "turned": flat.view(2, 3).T})
    assert len({tensor.untyped_storage().data_ptr() for tensor in found.values()}) == 3
    assert found["some"].tolist() == [1, 2]


def test_a_number_that_is_seen_often_is_written_once():
    wide = torch.zeros(2, 1).expand(2, 4)
    put(wide, torch.tensor([[1.0] * 4, [2.0] * 4]))
    assert wide.tolist() == [[1.0] * 4, [2.0] * 4]
