import json
import shutil
from dataclasses import asdict

import numpy as np
import pytest
import safetensors.numpy
from PIL import Image

from app import crop, verdict
from app.card import ModelError, TwinConfig
from app.gallery.snapshot import Snapshot
from app.settings import Settings
from app.siamese import batch_sizes, build_siamese, build_twin, fill, load_network, numbers
from tests import photos

PEOPLE = ("Drake", "Eminem", "Lionel Messi", "Cristiano Ronaldo", "Adam Sandler")
TINY = TwinConfig(stem=4, stages=((4, 1), (8, 0)), embedding=8)


@pytest.fixture(scope="module")
def network(recognizer):
    return recognizer.network


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    """Five people's portraits and a darker copy of each, as crops: uint8 (10, 112, 112, 3)."""
    chosen = [photos.portraits()[name].resize((crop.SIZE, crop.SIZE), Image.Resampling.BICUBIC) for name in PEOPLE]
    crops = [np.asarray(face) for face in chosen]
    return np.stack(crops + [(0.7 * one).astype(np.uint8) for one in crops])


@pytest.fixture(scope="module")
def pair_scores(network, faces) -> np.ndarray:
    """What the two-input model says of every face beside every other: (10, 10)."""
    model = build_siamese(network.twin, network.card.rules.head)
    assert (len(model.inputs), len(model.outputs)) == (2, 1)
    first, second = np.divmod(np.arange(100), 10)
    pixels = crop.normalise(faces)
    return model.predict([pixels[first], pixels[second]], batch_size=25, verbose=0).reshape(10, 10)


@pytest.fixture
def model(tmp_path):
    """The card of a copy of the shipped network."""
    shipped = Settings().model
    for file in (shipped, shipped.with_suffix(".safetensors")):
        shutil.copy(file, tmp_path)
    return tmp_path / shipped.name


def test_the_two_input_model_agrees_with_cached_embeddings(network, faces, pair_scores):
    head = network.card.rules.head
    embeddings = network.embed(faces)
    cached = [[verdict.pair_score(one, other, head) for other in embeddings] for one in embeddings]
    np.testing.assert_allclose(pair_scores, cached, rtol=0, atol=1e-5)
    assert np.ptp(pair_scores) > 0.2


def test_the_two_input_model_agrees_with_the_ranking(network, faces, pair_scores):
    head = network.card.rules.head
    embeddings = network.embed(faces)
    for position in (1, 3, 8):
        gallery = Snapshot(("someone",), (1,), embeddings[position : position + 1], np.array([0, 1]), 1)
        for probe in (0, 2, 4, 6):
            row = verdict.rank(embeddings[probe], gallery, head)[0]
            assert row.class_distance == pytest.approx(float(pair_scores[probe, position]), abs=1e-5)
            assert (row.min, row.std) == pytest.approx((row.class_distance, 0), abs=1e-9)


def test_a_face_beside_itself_is_the_same_and_order_does_not_matter(pair_scores):
    np.testing.assert_allclose(pair_scores, pair_scores.T, atol=1e-5)
    assert (np.diag(pair_scores) < 0.1).all()


def test_embeddings_have_length_one(network, faces):
    embeddings = network.embed(faces)
    assert embeddings.shape == (10, network.dims)
    assert embeddings.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)


def test_company_in_a_batch_does_not_change_a_face(network, faces):
    alone = np.concatenate([network.embed(face[None]) for face in faces[:5]])
    for size in (3, 5):
        np.testing.assert_allclose(network.embed(faces[:size]), alone[:size], atol=1e-5)


def test_more_faces_than_the_largest_batch_keep_their_order(network, faces):
    many = network.embed(np.tile(faces, (7, 1, 1, 1)))
    np.testing.assert_allclose(many, np.tile(network.embed(faces), (7, 1)), atol=1e-5)


@pytest.mark.parametrize(
    ("faces", "sizes"),
    [(0, []), (2, [1, 1]), (3, [4]), (11, [4, 4, 4]), (17, [16, 1]), (47, [16, 16, 16]), (48, [64]), (67, [64, 4])],
)
def test_batches_are_hardly_padded(faces, sizes):
    assert list(batch_sizes(faces)) == sizes


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


def test_a_network_of_another_crop_is_refused(model):
    raw = json.loads(model.read_text(encoding="utf-8"))
    del raw["checksum"]
    model.write_text(json.dumps(raw | {"crop": "five-points-112-v0"}), encoding="utf-8")
    with pytest.raises(ModelError, match=r"five-points-112-v0, this program cuts eyes-112-v1.*main.py train"):
        load_network(model)


def test_a_card_of_another_layout_is_refused(model):
    raw = json.loads(model.read_text(encoding="utf-8"))
    del raw["checksum"]
    raw["architecture"]["twin"] = asdict(TINY)
    model.write_text(json.dumps(raw), encoding="utf-8")
    with pytest.raises(ModelError, match="another layout"):
        load_network(model)


def test_weights_that_lack_one_or_have_one_of_another_shape_are_refused():
    twin = build_twin(TINY)
    weights = numbers(twin)
    with pytest.raises(ModelError, match="another layout"):
        fill(twin, dict(list(weights.items())[1:]))
    with pytest.raises(ModelError, match="another layout"):
        fill(twin, weights | {"000": weights["000"][..., :-1]})


def test_weights_survive_the_way_through_a_file(tmp_path):
    one, other = build_twin(TINY), build_twin(TINY)
    path = tmp_path / "tiny.safetensors"
    safetensors.numpy.save_file(numbers(one), path)
    fill(other, safetensors.numpy.load_file(path))
    pixels = np.random.default_rng(3).normal(size=(2, 112, 112, 3)).astype(np.float32)
    np.testing.assert_allclose(other(pixels, training=False), one(pixels, training=False), atol=1e-6)


def test_scale_and_shift_become_one_weight_and_one_bias():
    model = build_siamese(build_twin(TINY), verdict.Head(scale=5.0, shift=0.8))
    weight, bias = model.get_layer("score").get_weights()
    assert (weight.item(), bias.item()) == pytest.approx((5.0, -4.0))
