"""The extractors of `ganzoo_fid` against the code they stand for."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from extras import needs
from ganzoo_fid import weights
from ganzoo_fid.efficientnet import EfficientNetLite0
from ganzoo_fid.frechet import frechet_distance
from ganzoo_fid.inception import Inception
from PIL import Image
from torch import Tensor

from ganzoo.errors import MetricUnavailableError

CPU = SimpleNamespace(device=torch.device("cpu"))


def random_images(count: int, seed: int, size: int = 24) -> Tensor:
    """Smooth random colour images, uint8."""
    random = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 5, 7, generator=random)
    smooth = torch.nn.functional.interpolate(coarse, (size, size), mode="bicubic")
    return (255 * smooth.clamp(0, 1)).round().to(torch.uint8)


@pytest.fixture(scope="module")
def random_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of the right shapes for pytorch-fid's network, drawn so that its features vary."""
    from torchvision.models import inception_v3

    torch.manual_seed(0)
    state = inception_v3(num_classes=1008, aux_logits=False, init_weights=False).state_dict()
    for name, tensor in state.items():
        if tensor.ndim == 4:
            tensor.normal_(std=(2 / tensor[0].numel()) ** 0.5)
        elif name.endswith(("running_mean", "bn.bias")):
            tensor.normal_(std=0.1)
        elif name.endswith("running_var"):
            tensor.uniform_(0.5, 1.5)
    file = tmp_path_factory.mktemp("weights") / "random.pth"
    torch.save(state, file)
    return file


@pytest.fixture
def inception(random_weights: Path, monkeypatch: pytest.MonkeyPatch) -> Inception:
    """The extractor with those weights in the place of the standard file."""
    monkeypatch.setenv(weights.INCEPTION.variable, str(random_weights))
    digest = hashlib.sha256(random_weights.read_bytes()).hexdigest()
    monkeypatch.setattr("ganzoo_fid.inception.INCEPTION", replace(weights.INCEPTION, sha256=digest))
    return Inception(CPU)


def pytorch_fid_features(images: Tensor, file: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """What pytorch-fid itself computes: from PNG files, by its own loader and network."""
    from pytorch_fid import inception as theirs
    from pytorch_fid.fid_score import get_activations

    monkeypatch.setattr(theirs, "load_state_dict_from_url", lambda *_, **__: torch.load(file, weights_only=True))
    files = []
    for number, image in enumerate(images):
        files.append(folder / f"{number:03}.png")
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(files[-1])
    return get_activations(files, theirs.InceptionV3([3]), batch_size=8, dims=2048, num_workers=0)


def pytorch_fid_distance(a: np.ndarray, b: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> float:
    """pytorch-fid's own formula. It calls sqrtm with an argument that SciPy dropped, and unpacks two results."""
    import scipy.linalg
    from pytorch_fid import fid_score

    root = scipy.linalg.sqrtm
    either = lambda matrix, disp=True: root(matrix) if disp else (root(matrix), 0.0)  # noqa: E731
    monkeypatch.setattr(fid_score.linalg, "sqrtm", either)
    statistics = [part for x in (a, b) for part in (x.mean(0), np.cov(x, rowvar=False))]
    return float(fid_score.calculate_frechet_distance(*statistics))


def test_inception_features_and_fid_are_those_of_pytorch_fid(
    inception: Inception, random_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = torch.cat([random_images(8, 0), random_images(8, 1) // 2])
    theirs = pytorch_fid_features(images, random_weights, tmp_path, monkeypatch)
    ours = inception.features(images).double().numpy()
    assert ours.shape == (16, 2048)
    assert np.abs(ours - theirs).max() < 1e-3 * np.abs(theirs).std()
    few = slice(0, 6)  # so few features that SciPy's square root is of a full-rank matrix, and fast
    expected = pytorch_fid_distance(theirs[:8, few], theirs[8:, few], monkeypatch)
    assert frechet_distance(ours[:8, few], ours[8:, few]).value == pytest.approx(expected, rel=1e-3)


@pytest.mark.slow
def test_fid_of_all_2048_features_is_that_of_pytorch_fid(
    inception: Inception, random_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = torch.cat([random_images(64, 0), random_images(64, 1) // 2])
    theirs = pytorch_fid_features(images, random_weights, tmp_path, monkeypatch)
    ours = inception.features(images).double().numpy()
    expected = pytorch_fid_distance(theirs[:64], theirs[64:], monkeypatch)
    assert frechet_distance(ours[:64], ours[64:]).value == pytest.approx(expected, rel=1e-3)


def test_inception_takes_a_grey_image_as_three_equal_channels(inception: Inception) -> None:
    grey = random_images(2, 0)[:, :1]
    torch.testing.assert_close(inception.features(grey), inception.features(grey.repeat(1, 3, 1, 1)))


def test_the_card_names_the_weights_and_the_resizer(inception: Inception, random_weights: Path) -> None:
    assert inception.card["weights_sha256"] == hashlib.sha256(random_weights.read_bytes()).hexdigest()
    assert "align_corners=False, antialias=False" in inception.card["resizer"]


def test_without_weights_inception_says_how_to_get_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.delenv(weights.INCEPTION.variable, raising=False)
    with pytest.raises(MetricUnavailableError, match="GANZOO_INCEPTION_WEIGHTS") as error:
        Inception(CPU)
    for words in ("download", weights.INCEPTION.name, "torch hub cache"):
        assert words in str(error.value)


def test_efficientnet_tells_images_apart_and_grey_is_three_equal_channels() -> None:
    needs("efficientnet")
    extractor = EfficientNetLite0(CPU)
    images = random_images(4, 0, size=40)
    features = extractor.features(images)
    assert features.shape == (4, extractor.card["feature_size"])
    assert bool(features.isfinite().all())
    assert torch.pdist(features).min() > 0.05 * features.norm(dim=1).mean()
    grey = images[:, :1]
    torch.testing.assert_close(extractor.features(grey), extractor.features(grey.repeat(1, 3, 1, 1)))


def test_efficientnet_knows_a_picture_of_the_real_world(shared_data: Path) -> None:
    """A photograph gives a far surer class than noise does, which wrong padding or normalisation would prevent."""
    needs("efficientnet")
    extractor = EfficientNetLite0(CPU)
    files = sorted((shared_data / "digits" / "bsds500_train").glob("*.jpg"))[:12]
    photos = [torch.from_numpy(np.array(Image.open(file).resize((224, 224)))).permute(2, 0, 1) for file in files]
    noise = torch.randint(0, 256, (12, 3, 224, 224), generator=torch.Generator().manual_seed(0))

    def sureness(images: Tensor) -> float:
        return float(extractor.network(images.float().sub(127).div(128)).softmax(1).amax(1).mean())

    assert sureness(torch.stack(photos)) > 2 * sureness(noise)
