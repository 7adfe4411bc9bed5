import json
import shutil
from dataclasses import asdict
from threading import Thread

import keras
import numpy as np
import pytest

from app.errors import ModelError
from app.recognition.inference import Network, load_network
from app.recognition.model_card import TwinConfig
from app.recognition.siamese import build_twin, get_weights, set_weights
from app.settings import Settings
from app.training.release.export import provisional_network
from app.vision import alignment
from tests.photos import faces_of

PEOPLE = ("Drake", "Eminem", "Lionel Messi", "Cristiano Ronaldo", "Adam Sandler")
TINY = TwinConfig(stem=4, stages=((4, 1), (8, 0)), embedding=8)


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
    for file in (shipped, shipped.with_suffix(".safetensors")):
        shutil.copy(file, tmp_path)
    return tmp_path / shipped.name


def altered(model, **parts):
    """Change a card without its checksum noticing."""
    raw = json.loads(model.read_text(encoding="utf-8"))
    del raw["checksum"]
    model.write_text(json.dumps(raw | parts), encoding="utf-8")


def test_openvino_runs_a_twin_of_another_layout(faces):
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
    made = provisional_network(get_weights(twin), {"twin": asdict(TINY)})
    network = Network(made.weights, made.card, "f32")
    set_weights(twin, network.weights)
    expected = np.asarray(twin(alignment.normalize(faces), training=False))
    found = network.embed(faces)
    assert found.shape == (10, 8)
    assert np.ptp(found, axis=0).min() > 0.1
    np.testing.assert_allclose(found, expected, atol=1e-4)


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
