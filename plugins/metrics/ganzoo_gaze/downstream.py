"""`downstream-gaze-error`: the value of a method's images as training data."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ganzoo.capabilities import GeneratesLabelled, Refines
from ganzoo.dataset import Domain
from ganzoo.method import Method
from ganzoo.metric import Evaluation, Metric, Score
from ganzoo.task import GazeTask
from ganzoo_gaze.statistics import gaze_scores, labels_of
from ganzoo_gaze.training import GazeTraining, predict, require_gaze, train, training_card


class DownstreamGazeError(Metric):
    """The network learns from refined source images or, of a method that generates samples for labels, from those
    for the labels of the source. It is tested on real people, beside the same network trained on the source itself."""

    name = "downstream-gaze-error"
    summary = "Gaze error on real people of a network trained on the method's images for the labels of the source."
    needs = (Refines, GeneratesLabelled)
    tasks = (GazeTask,)
    Config = GazeTraining

    def measure(self, data: Evaluation) -> Sequence[Score]:
        require_gaze(data, self.name)
        test, source = data.domain("target_test"), data.sampled("source")
        networks = {"method": self.predictor(data), "source-only": train(data, source, self.config)}
        predictions = {subject: predict(data, network, test.images) for subject, network in networks.items()}
        predictions["constant"] = constant_prediction(source, len(test))
        return [score for subject, made in predictions.items() for score in self._scores(data, subject, made)]

    def predictor(self, data: Evaluation) -> Method:
        return train(data, _images(data), self.config)

    def scores_of(self, data: Evaluation, prediction: Tensor) -> Sequence[Score]:
        return self._scores(data, "method", prediction)

    def _scores(self, data: Evaluation, subject: str, prediction: Tensor) -> Sequence[Score]:
        card = {**training_card(self.config), "source": data.sampled("source").fingerprint()}
        return gaze_scores("", subject, prediction, data.domain("target_test"), require_gaze(data, self.name), card)


def _images(data: Evaluation) -> Domain:
    """The method's images for the labels of the source's rows."""
    return data.applied("refine" if isinstance(data.method, Refines) else "generate_labelled", "source")


def constant_prediction(source: Domain, count: int) -> Tensor:
    """The mean source label for every image: [count, 2]. A network that does not beat it has learned nothing."""
    return labels_of(source).mean(0).expand(count, -1)
