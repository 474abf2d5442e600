"""One file, many machines: weights agree to the last bits, and predictions are the same."""

import pytest
import torch
from codec_cases import DIGITS, compressed, few, write_checkpoint

from idim_cli.compression.evaluate import evaluate
from idim_cli.compression.format import solution
from idim_cli.compression.rebuild import rebuild
from idim_cli.datasets.base import load
from idim_cli.projectors import REGISTRY
from idim_cli.recipe.schema import Component

#: Large enough for the compiled loops to share their work, D = 190,410, and for matrix products to be cut.
WIDE = DIGITS.replace("depth: 1, width: 6", "depth: 2, width: 400").replace("d: 12", "d: 300")
SMALLER = WIDE.replace("width: 400", "width: 100").replace("d: 300", "d: 60")
FORMS = {
    **{name: name for name in REGISTRY if name != "identity"},
    "fastfood, truncated": "{name: fastfood, stacked: false}",
    "dense, orthogonal": "{name: dense, orthogonal: true}",
    "layerwise fastfood": "{name: layerwise, inner: fastfood}",
}


@pytest.fixture
def threads():
    """Sets the number of torch's threads; it is the old one afterwards."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def text_of(projector):
    if projector == "identity":
        return DIGITS.replace("PROJECTOR", projector).replace("d: 12\n", "")
    large = "dense" in projector or "false" in projector
    return (SMALLER if large else WIDE).replace("PROJECTOR", projector)


@torch.no_grad()
def predictions(path, count, set_threads):
    set_threads(count)
    module = rebuild(solution.read(path)).module
    x = load(Component(name="digits")).test().x
    return module.state_dict(), module(x).argmax(1)


@pytest.mark.parametrize("projector", [*FORMS.values(), "identity"], ids=[*FORMS, "identity"])
def test_weights_agree_between_numbers_of_threads(projector, threads, tmp_path):
    write_checkpoint(few(text_of(projector), 5) if projector != "identity" else text_of(projector), tmp_path)
    path = compressed(tmp_path)
    one, said = predictions(path, 1, threads)
    two, also = predictions(path, 2, threads)
    assert all((value - two[name]).abs().max() <= 1e-6 for name, value in one.items())
    assert torch.equal(said, also)
    assert len(said.unique()) > 1


@pytest.mark.gpu
@pytest.mark.parametrize("projector", [*FORMS.values(), "identity"], ids=[*FORMS, "identity"])
def test_a_gpu_grows_the_same_network_and_scores_it_alike(projector, tmp_path):
    if not torch.cuda.is_available():
        pytest.skip(reason="no CUDA device")
    write_checkpoint(text_of(projector), tmp_path)
    path = compressed(tmp_path)
    assert evaluate(tmp_path, device="cuda") == evaluate(path, device="cuda")
    there, here = evaluate(path, device="cuda"), evaluate(path, device="cpu")
    assert there.metrics["accuracy"] == here.metrics["accuracy"]
    assert there.metrics["nll"] == pytest.approx(here.metrics["nll"], rel=1e-4)
    # P on the device is the same map: theta would be the same if it were grown there.
    found = solution.read(path)
    module = rebuild(found).module
    from idim_cli.projectors import base as projectors

    sizes = [parameter.numel() for parameter in module.parameters()]
    P = projectors.build(found.spec.projector, sizes, found.d, found.seeds.projector)
    step = P.project(found.coords)
    moved = P.to("cuda").project(found.coords.to("cuda")).cpu()
    assert (step - moved).abs().max() <= 1e-5 * step.abs().max()
