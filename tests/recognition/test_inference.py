import json
import shutil
from dataclasses import asdict
from threading import Thread

import keras
import numpy as np
import pytest

from app import quantization
from app.errors import ModelError
from app.recognition.inference import Network, load_network, measure_ranges, to_unit_length
from app.recognition.model_card import TwinConfig
from app.recognition.siamese import build_twin, get_weights, set_weights
from app.settings import Settings
from app.training.release.export import provisional_network
from app.vision import alignment
from tests.photos import faces_of

PEOPLE = ("Drake", "Eminem", "Lionel Messi", "Cristiano Ronaldo", "Adam Sandler")
TINY = TwinConfig(stem=4, stages=((4, 1), (8, 0)), embedding=8)

eight_bits = pytest.mark.skipif(not quantization.is_supported(), reason="the processor has no AVX-512 VNNI")


@pytest.fixture(scope="module")
def network() -> Network:
    return load_network(Settings().model)


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    return faces_of(*PEOPLE)


@pytest.fixture
def model(tmp_path):
    """The card of a copy of the shipped network."""
    shipped = Settings().model
    for file in (shipped, shipped.with_suffix(".safetensors"), shipped.with_suffix(".ranges.safetensors")):
        shutil.copy(file, tmp_path)
    return tmp_path / shipped.name


def altered(model, **parts):
    """Change a card without its checksum noticing."""
    raw = json.loads(model.read_text(encoding="utf-8"))
    del raw["checksum"]
    model.write_text(json.dumps(raw | parts), encoding="utf-8")


@pytest.fixture(scope="module")
def tiny(faces):
    """A small twin in Keras, whose numbers all count."""
    keras.utils.set_random_seed(1)
    twin = build_twin(TINY)
    rng = np.random.default_rng(2)
    # Random numbers for what begins as zeros and ones too, and statistics that fit, so that every number counts.
    for variable in twin.trainable_variables:
        variable.assign(np.asarray(variable) + rng.uniform(-0.2, 0.2, variable.shape))
    for layer in twin.layers:
        layer.momentum = 0.5
    for _ in range(6):
        twin(alignment.normalize(faces), training=True)
    return twin


def test_openvino_runs_a_twin_of_another_layout(tiny, faces):
    made = provisional_network(get_weights(tiny), {"twin": asdict(TINY)})
    network = Network(made.weights, made.card, "f32")
    set_weights(tiny, network.weights)
    expected = np.asarray(tiny(alignment.normalize(faces), training=False))
    found = network.embed(faces)
    assert found.shape == (10, 8)
    assert np.ptp(found, axis=0).min() > 0.1
    np.testing.assert_allclose(found, expected, atol=1e-4)


@eight_bits
def test_8_bit_arithmetic_hardly_changes_embeddings(tiny, network, faces):
    made = provisional_network(get_weights(tiny), {"twin": asdict(TINY)})
    ranges = measure_ranges(made.weights, made.card, faces)
    cosines = (Network(made.weights, made.card, ranges=ranges).embed(faces) * made.embed(faces)).sum(axis=1)
    assert 0.8 < cosines.min() < 1 - 1e-6  # Errors of few channels do not cancel out.
    exact = Network(network.weights, network.card, "f32").embed_raw(faces)
    found = network.embed_raw(faces)
    assert 0.985 < (to_unit_length(found) * to_unit_length(exact)).sum(axis=1).min() < 1 - 1e-4
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), np.linalg.norm(exact, axis=1), rtol=0.1)


def test_ranges_are_the_largest_activations_of_each_channel(tiny, faces):
    made = provisional_network(get_weights(tiny), {"twin": asdict(TINY)})
    found = measure_ranges(made.weights, made.card, faces)
    outputs = [layer.output for layer in tiny.layers if isinstance(layer, keras.layers.PReLU)]
    expected = keras.Model(tiny.input, outputs)(alignment.normalize(faces), training=False)
    assert len(found) == len(expected)
    for own, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(own, np.abs(np.asarray(other)).max(axis=(0, 1, 2)), rtol=0.01)


@pytest.mark.parametrize("count", [1, -1])
def test_ranges_of_too_few_layers_are_refused(tiny, faces, count):
    made = provisional_network(get_weights(tiny), {"twin": asdict(TINY)})
    ranges = measure_ranges(made.weights, made.card, faces[:1])
    with pytest.raises(ModelError, match="another layout"):
        Network(made.weights, made.card, ranges=ranges[:count])


def test_a_processor_without_exact_8_bit_products_multiplies_floats(monkeypatch, model, faces):
    monkeypatch.setattr(quantization, "is_supported", lambda: False)
    network = load_network(model)
    exact = Network(network.weights, network.card, "f32").embed(faces[:2])
    assert (network.embed(faces[:2]) * exact).sum(axis=1).min() > 1 - 1e-3


def test_embeddings_have_unit_length(network, faces):
    embeddings = network.embed(faces)
    assert embeddings.shape == (10, network.dims)
    assert embeddings.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)


def test_a_darker_copy_is_closer_than_another_person(network, faces):
    cosines = network.embed(faces[:5]) @ network.embed(faces[5:]).T
    assert np.diag(cosines).min() > 0.9 > (cosines - 9 * np.eye(5)).max()


def test_a_face_has_the_same_embedding_in_any_group(network, faces):
    alone = np.concatenate([network.embed(face[None]) for face in faces])
    np.testing.assert_allclose(network.embed(faces), alone, atol=1e-5)
    np.testing.assert_allclose(network.embed(np.tile(faces, (3, 1, 1, 1))), np.tile(alone, (3, 1)), atol=1e-5)


def test_threads_share_a_network(network, faces):
    expected, found = network.embed(faces), {}

    def embed(number: int) -> None:
        found[number] = network.embed(faces[number : number + 1 + number % 3])

    threads = [Thread(target=embed, args=(number,)) for number in range(7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, embeddings in found.items():
        np.testing.assert_allclose(embeddings, expected[number : number + 1 + number % 3], atol=1e-5)
    assert len(found) == 7


def test_no_faces_have_no_embeddings(network):
    nothing = network.embed(np.zeros((0, 112, 112, 3), np.uint8))
    assert nothing.shape == (0, network.dims)
    assert nothing.dtype == np.float32


def test_a_copy_of_the_network_embeds_alike(network, model, faces):
    copy = load_network(model)
    assert copy.card.id == network.card.id
    np.testing.assert_allclose(copy.embed(faces[:4]), network.embed(faces[:4]), atol=1e-6)


def test_altered_weights_are_refused(model):
    weights = model.with_suffix(".safetensors")
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 1
    weights.write_bytes(data)
    with pytest.raises(ModelError, match="sha256 differs"):
        load_network(model)


@eight_bits
def test_altered_ranges_are_refused(model):
    model.with_suffix(".ranges.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match=r"twin\.ranges\.safetensors does not belong to its card"):
        load_network(model)


def test_missing_weights_are_named(model):
    model.with_suffix(".safetensors").unlink()
    with pytest.raises(ModelError, match=r"twin\.safetensors cannot be read"):
        load_network(model)


def test_a_network_of_another_alignment_is_refused(model):
    altered(model, crop="eyes-112-v1")
    with pytest.raises(ModelError, match=r"aligned by eyes-112-v1\. This version aligns by five-112-v1\."):
        load_network(model)


@pytest.mark.parametrize("config", [TINY, TwinConfig(stages=((128, 1), (256, 1), (512, 4), (1024, 1)))])
def test_a_card_of_another_layout_is_refused(model, config):
    raw = json.loads(model.read_text(encoding="utf-8"))
    altered(model, architecture=raw["architecture"] | {"twin": asdict(config)})
    with pytest.raises(ModelError, match="another layout"):
        load_network(model)
