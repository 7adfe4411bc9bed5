import numpy as np
import pytest
import safetensors.numpy

from app.errors import ModelError
from app.recognition import scoring
from app.recognition.inference import Network, load_network
from app.recognition.model_card import TwinConfig, read_card, read_weights
from app.recognition.siamese import build_siamese, build_twin, get_weights, set_weights
from app.settings import Settings
from app.vision import alignment
from tests.photos import OTHER, PERSON, faces_of

TINY = TwinConfig(stem=4, stages=((4, 1), (8, 0)), embedding=8)


@pytest.fixture(scope="module")
def twin():
    """The shipped network in Keras."""
    path = Settings().model
    card = read_card(path)
    twin = build_twin(card.twin)
    set_weights(twin, read_weights(path, card))
    return twin


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    return faces_of(PERSON, OTHER)[:3]


def test_openvino_runs_the_shipped_keras_twin(twin, faces):
    network = load_network(Settings().model)
    expected = np.asarray(twin(alignment.normalize(faces), training=False))
    found = Network(network.weights, network.card, "f32").embed(faces)
    assert (found * expected).sum(axis=1).min() > 1 - 1e-6
    assert np.ptp(found @ found.T) > 0.5
    # Serving may compute with 8-bit integers.
    assert (network.embed(faces) * expected).sum(axis=1).min() > 0.985


def test_the_two_input_model_scores_pairs_as_the_ranking_does(twin, faces):
    head = read_card(Settings().model).rules.head
    model = build_siamese(twin, head)
    assert (len(model.inputs), len(model.outputs)) == (2, 1)
    pixels = alignment.normalize(faces)
    embeddings = np.asarray(twin(pixels, training=False))
    first, second = np.divmod(np.arange(9), 3)
    scores = np.asarray(model([pixels[first], pixels[second]], training=False)).reshape(3, 3)
    cached = [[scoring.pair_score(one, other, head) for other in embeddings] for one in embeddings]
    np.testing.assert_allclose(scores, cached, rtol=0, atol=1e-3)
    np.testing.assert_allclose(scores, scores.T, atol=1e-3)
    assert np.diag(scores).max() < 0.1
    assert np.ptp(scores) > 0.5


def test_weights_that_lack_one_or_have_one_of_another_shape_are_refused():
    twin = build_twin(TINY)
    weights = get_weights(twin)
    with pytest.raises(ModelError, match="another layout"):
        set_weights(twin, dict(list(weights.items())[1:]))
    with pytest.raises(ModelError, match="another layout"):
        set_weights(twin, weights | {"000": weights["000"][..., :-1]})


def test_weights_survive_a_file(tmp_path):
    one, other = build_twin(TINY), build_twin(TINY)
    path = tmp_path / "tiny.safetensors"
    safetensors.numpy.save_file(get_weights(one), path)
    set_weights(other, safetensors.numpy.load_file(path))
    pixels = np.random.default_rng(3).normal(size=(2, 112, 112, 3)).astype(np.float32)
    np.testing.assert_allclose(other(pixels, training=False), one(pixels, training=False), atol=1e-6)


def test_scale_and_shift_become_one_weight_and_one_bias():
    model = build_siamese(build_twin(TINY), scoring.Head(scale=5.0, shift=0.8))
    weight, bias = model.get_layer("score").get_weights()
    assert (weight.item(), bias.item()) == pytest.approx((5.0, -4.0))
