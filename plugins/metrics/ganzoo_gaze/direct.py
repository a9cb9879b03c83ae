"""`gaze-error`: the error of a method's own gaze predictions on real people."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ganzoo.capabilities import Predicts
from ganzoo.errors import MetricUnavailableError
from ganzoo.method import Method
from ganzoo.metric import Evaluation, Metric, Score
from ganzoo.task import GazeTask
from ganzoo_gaze.downstream import constant_prediction
from ganzoo_gaze.statistics import gaze_scores
from ganzoo_gaze.training import GazeTraining, predict, require_gaze, train, training_card


class GazeError(Metric):
    name = "gaze-error"
    summary = "Gaze error on real people of the method's own predictions."
    needs = (Predicts,)
    tasks = (GazeTask,)
    Config = GazeTraining

    def measure(self, data: Evaluation) -> Sequence[Score]:
        require_gaze(data, self.name)
        test, source = data.domain("target_test"), data.domain("source")
        predictions = {
            "method": predict(data, self.predictor(data), test.images),
            "constant": constant_prediction(source, len(test)),
        }
        absent = []
        try:
            predictions["source-only"] = predict(data, train(data, source, self.config), test.images)
        except MetricUnavailableError as error:  # the baseline's network does not take images this small
            absent = [Score("direct_gaze_error_deg", None, "source-only", reason=str(error))]
        return [score for subject, made in predictions.items() for score in self._scores(data, subject, made)] + absent

    def predictor(self, data: Evaluation) -> Method:
        return data.method

    def scores_of(self, data: Evaluation, prediction: Tensor) -> Sequence[Score]:
        return self._scores(data, "method", prediction)

    def _scores(self, data: Evaluation, subject: str, prediction: Tensor) -> Sequence[Score]:
        card = {"source_only": training_card(self.config), "source": data.domain("source").fingerprint()}
        return gaze_scores(
            "direct_", subject, prediction, data.domain("target_test"), require_gaze(data, self.name), card
        )
