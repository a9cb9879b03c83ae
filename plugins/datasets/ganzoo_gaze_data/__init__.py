"""Gaze: readers of the data sets that papers use, and the pairs of them."""

from __future__ import annotations

from pydantic import Field

from ganzoo import hookimpl
from ganzoo.dataset import Dataset
from ganzoo.files.archive import Archive
from ganzoo.files.fit import Resizer
from ganzoo.files.store_pair import StorePairConfig, pair_of
from ganzoo_gaze_data.columbia import ColumbiaGaze
from ganzoo_gaze_data.folder import Folder
from ganzoo_gaze_data.kaggle import KaggleEyeGaze, KaggleRealGaze
from ganzoo_gaze_data.mpiigaze import MPIIGaze
from ganzoo_gaze_data.syntheseyes import SynthesEyes
from ganzoo_gaze_data.unityeyes import UnityEyes

ganzoo_contract = 2


class MPIIGazeConfig(StorePairConfig):
    """SimGAN's size: 35 x 55, as renders are stored; MPIIGaze's 36 x 60 are cropped to the centre, never resampled."""

    image_height: int = Field(35, ge=0, le=8192, description="Height of the resized images; 0: the target's.")
    image_width: int = Field(55, ge=0, le=8192, description="Width of the resized images; 0: the target's.")
    resizer: Resizer = Field(
        "center-crop", description="How images of other sizes are resized; center-crop does not resample."
    )


@hookimpl
def ganzoo_archives() -> list[type[Archive]]:
    return [UnityEyes, SynthesEyes, MPIIGaze, KaggleEyeGaze, KaggleRealGaze, ColumbiaGaze, Folder]


@hookimpl
def ganzoo_datasets() -> list[type[Dataset]]:
    return [
        pair_of(UnityEyes, MPIIGaze, config=MPIIGazeConfig),
        pair_of(SynthesEyes, MPIIGaze, config=MPIIGazeConfig),
    ]
