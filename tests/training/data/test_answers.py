import json
from dataclasses import replace

import numpy as np
import pytest

from app.errors import TrainingError
from app.recognition.siamese import get_weights
from app.training.augmentation import dice
from app.training.data import answers
from app.training.fit import batches, loop, losses
from app.vision import alignment
from tests.training.augmentation.test_dice import still
from tests.training.fit.test_loop import PLAN, TINY, packed, uninterrupted  # noqa: F401 (fixtures)


class Painter:
    """A teacher that answers with the mean colors of eight parts of a crop."""

    sha256 = "0" * 64

    def __init__(self, patience: int | None = None) -> None:
        self.asked = 0
        self.patience = patience

    def embed_one(self, face):
        assert face.shape == (alignment.SIZE, alignment.SIZE, 3)
        means = face.reshape(8, -1).mean(axis=1) - 90.3
        return means / np.linalg.norm(means)

    def map(self, count, make):
        for number in range(count):
            if self.asked == self.patience:
                raise KeyboardInterrupt
            self.asked += 1
            yield self.embed_one(make(number))


@pytest.fixture
def kept(packed, tmp_path) -> answers.Answers:  # noqa: F811
    return answers.ask(packed, tmp_path / "answers", Painter(), laps=3)


def test_every_blend_has_an_answer_and_is_made_anew_from_its_number(packed, kept, tmp_path):  # noqa: F811
    assert kept.answers.shape == (3, 16, 8)
    assert len(kept.missing()) == 0
    again = answers.read(packed, tmp_path / "answers")
    blends = {again.blend(lap, number).tobytes() for lap in range(3) for number in range(16)}
    assert len(blends) > 40  # a face may be blended with itself
    for lap in range(3):
        for number in range(16):
            # The teacher sees the middle of a blend, where its eyes are on the template.
            expected = Painter().embed_one(again.blend(lap, number)[16:128, 16:128])
            np.testing.assert_allclose(again.answers[lap, number], expected, atol=2e-3)


def test_asking_goes_on_where_it_was_stopped(packed, kept, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setattr(answers, "_CHUNK", 10)
    with pytest.raises(KeyboardInterrupt):
        answers.ask(packed, tmp_path / "stopped", Painter(patience=25), laps=3)
    assert len(answers.read(packed, tmp_path / "stopped").missing()) == 28
    again, ticks = Painter(), []
    whole = answers.ask(packed, tmp_path / "stopped", again, laps=3, tick=lambda *at: ticks.append(at))
    assert again.asked == 28
    assert ticks == [(20, 48), (30, 48), (40, 48), (48, 48)]
    np.testing.assert_array_equal(whole.answers, kept.answers)


def test_answers_about_something_else_are_refused(packed, kept, tmp_path):  # noqa: F811
    other = Painter()
    other.sha256 = "1" * 64
    with pytest.raises(TrainingError, match="answers of another run"):
        answers.ask(packed, tmp_path / "answers", other, laps=3)
    renamed = replace(packed, files=[f"{file}x" for file in packed.files])
    with pytest.raises(TrainingError, match="about other faces"):
        answers.read(renamed, tmp_path / "answers")
    with pytest.raises(TrainingError, match="There are no answers"):
        answers.read(packed, tmp_path)
    note = tmp_path / "answers" / "answers.json"
    note.write_text(json.dumps(json.loads(note.read_text()) | {"blending": "older"}))
    with pytest.raises(TrainingError, match="Make them anew"):
        answers.read(packed, tmp_path / "answers")


BLENDED = replace(PLAN, blended=1.0)
PAIRS = batches.Pairs(np.repeat(np.arange(4, dtype=np.int32), 4), np.arange(16))


def test_training_learns_the_answers_about_the_blends_it_sees(packed, kept, monkeypatch):  # noqa: F811
    look = still(1)
    monkeypatch.setattr(dice, "looks", lambda rng, faces: look)
    batch = next(batches.augmented(packed, PAIRS, BLENDED, 0, kept))
    assert (batch.wanted["label"] == losses.NOBODY).all()
    for crop_seen, target in zip(batch.seen, batch.wanted["target"], strict=True):
        seen = np.round(crop_seen * 128 + 127.5).astype(np.uint8)
        np.testing.assert_allclose(target, Painter().embed_one(seen), atol=3e-3)


def test_a_blend_is_seen_another_way_each_time(packed, kept):  # noqa: F811
    seen = {kept.draw(0, np.random.default_rng(seed))[0].tobytes() for seed in range(12)}
    assert len(seen) == 12


def test_a_share_of_the_faces_are_blends_and_the_others_keep_their_labels(packed, kept):  # noqa: F811
    labels = np.concatenate([batch.wanted["label"] for batch in batches.augmented(packed, PAIRS, PLAN, 0, kept)])
    blends = labels == losses.NOBODY
    assert 0.4 < blends.mean() < 0.8
    assert set(labels[~blends]) == {0, 1, 2, 3}


def test_a_face_without_an_answer_keeps_its_own_target(packed, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setattr(answers, "_CHUNK", 4)
    with pytest.raises(KeyboardInterrupt):
        answers.ask(packed, tmp_path, Painter(patience=9), laps=1)
    some = answers.read(packed, tmp_path)
    rng = np.random.default_rng(0)
    assert [some.draw(place, rng) is None for place in range(16)] == [False] * 8 + [True] * 8
    batch, chosen = next(batches.augmented(packed, PAIRS, BLENDED, 0, some)), PAIRS.draw(0, BLENDED)
    for place, label, target in zip(chosen, batch.wanted["label"], batch.wanted["target"], strict=True):
        assert np.array_equal(target, packed.targets[place]) == (place >= 8) == (label != losses.NOBODY)


def test_a_run_begins_with_the_weights_it_is_given(packed, uninterrupted, tmp_path):  # noqa: F811
    weights, _, _ = uninterrupted
    still = replace(PLAN, rate=0.0, weight_decay=0.0, images=8)
    trained = get_weights(loop.train(packed, tmp_path, still, TINY, weights=weights).twin)
    kernels = [name for name, array in weights.items() if array.ndim > 1]
    assert kernels
    for name in kernels:
        np.testing.assert_allclose(trained[name], weights[name], atol=1e-6)
