import numpy as np

from app.recognition.model_card import TwinConfig
from app.recognition.siamese import build_twin, get_weights, set_weights
from app.training.fit.student import FusedBatchNormalization, fuse_batch_normalization


def test_fused_network_equals_the_original(rng):
    network = build_twin(TwinConfig(stem=4, stages=((4, 0),), embedding=8))
    fused = fuse_batch_normalization(network)
    assert sum(isinstance(layer, FusedBatchNormalization) for layer in fused.layers) > 3
    set_weights(fused, get_weights(network))
    crops = rng.normal(size=(4, 112, 112, 3)).astype(np.float32)
    expected, found = (np.asarray(model(crops, training=True)) for model in (network, fused))
    np.testing.assert_allclose(found, expected, atol=1e-4)
    for name, array in get_weights(network).items():  # moving averages
        np.testing.assert_allclose(get_weights(fused)[name], array, atol=1e-3)
    np.testing.assert_allclose(np.asarray(fused(crops)), np.asarray(network(crops)), atol=1e-4)
