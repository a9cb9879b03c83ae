import math

import numpy as np
import pytest
import torch

from ganzoo.batch import DataSpec, image_spec
from ganzoo.task import ClassTask, GazeTask, angle_deg, gaze_pitch_yaw, gaze_vector


def test_a_gaze_of_zero_looks_into_the_camera():
    assert torch.equal(gaze_vector(torch.zeros(2)).abs(), torch.tensor([0.0, 0.0, 1.0]))
    assert gaze_vector(torch.zeros(2))[2] == -1


def test_up_and_image_left_are_positive():
    x, y, _ = gaze_vector(torch.tensor([0.2, 0.3]))
    assert x < 0  # camera x points right
    assert y < 0  # camera y points down


def test_angles_and_vectors_are_inverse():
    angles = (torch.rand(1000, 2) - 0.5) * 3
    torch.testing.assert_close(gaze_pitch_yaw(gaze_vector(angles)), angles, atol=1e-5, rtol=0)


def test_the_length_of_an_output_does_not_change_the_gaze():
    vector = gaze_vector(torch.tensor([[0.1, -0.2]]))
    torch.testing.assert_close(gaze_pitch_yaw(7 * vector), gaze_pitch_yaw(vector))


@pytest.mark.parametrize("degrees", [0.0, 1e-3, 1.0, 90.0, 179.0])
def test_gaze_error_is_the_angle_between_directions(degrees):
    label = torch.zeros(1, 2)
    prediction = torch.tensor([[0.0, math.radians(degrees)]])
    torch.testing.assert_close(GazeTask().error(prediction, label), torch.tensor([degrees]), rtol=1e-4, atol=1e-4)


def test_gaze_loss_is_the_mean_euclidean_distance_of_vectors():
    label = torch.tensor([[0.0, 0.0], [0.0, 0.0]])
    output = torch.tensor([[0.0, 0.0, -1.0], [0.0, 3.0, 3.0]])
    torch.testing.assert_close(GazeTask().loss(output, label), torch.tensor(2.5))


def test_angle_is_exact_for_small_angles():
    a = torch.tensor([0.0, 0.0, 1.0])
    b = torch.tensor([1e-5, 0.0, 1.0])
    assert angle_deg(a, b).item() == pytest.approx(math.degrees(1e-5), rel=1e-4)


def test_a_gaze_differs_from_itself_by_exactly_nothing():
    vectors = torch.randn(10_000, 3)
    assert angle_deg(vectors, vectors.clone()).max().item() == 0
    assert angle_deg(vectors, vectors * 4).max().item() == 0  # nor does its length matter


def test_class_error_counts_wrong_classes():
    task = ClassTask(3)
    output = torch.tensor([[5.0, 0, 0], [0, 0, 5.0]])
    assert task.error(task.decode(output), torch.tensor([[0.0], [1.0]])).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([[np.nan, 0]], "not finite"),
        ([[20.0, 5.0]], "radians"),
        ([[0, 0], [-2.9, 0.1]], "a gaze pitch of 2.9 exceeds pi / 2; labels must be in radians, not degrees"),
        ([[0.1, 3.5]], "a gaze yaw of 3.5 exceeds pi;"),
        ([[np.pi / 2, -np.pi]], None),
        ([[0.1, 0.2]], None),
    ],
)
def test_impossible_gaze_labels_are_named(labels, words):
    problem = GazeTask().problem(np.array(labels, np.float32))
    assert problem is None if words is None else words in problem


def test_impossible_classes_are_named():
    assert ClassTask(10).problem(np.array([[10.0]]))
    assert ClassTask(10).problem(np.array([[9.0]])) is None


@pytest.mark.parametrize("task", [GazeTask(), ClassTask(10)])
def test_a_spec_survives_its_table(task):
    spec = image_spec(3, 35, 55, task)
    assert DataSpec.from_table(spec.as_table()) == spec


@pytest.mark.parametrize("table", [{}, {"channels": 1}, {"channels": "x", "height": 1, "width": 1, "task": "GazeTask"}])
def test_a_damaged_spec_is_none(table):
    assert DataSpec.from_table(table) is None
