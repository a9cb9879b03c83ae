"""pytorch-fid's Inception weights, the ones used for published FIDs."""

from __future__ import annotations

from ganzoo.nn.pretrained import PretrainedFile

INCEPTION = PretrainedFile(
    what="pytorch-fid's Inception weights",
    url="https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth",
    sha256="6726825d",  # torch hub's convention: a file name ends in the first eight digits of the file's SHA-256
    license="Apache-2.0",
    variable="GANZOO_INCEPTION_WEIGHTS",
    megabytes=91,
)
