"""Face crops as WebP files: kept crops of anchors, and average portraits."""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from app.arrays import ByteArray, FloatArray
from app.recognition.inference import Network
from app.vision import alignment
from app.vision.decoding import Picture
from app.vision.detection import Detector


def encode_crop(crop: ByteArray) -> bytes:
    """Encode a crop, uint8 (112, 112, 3) RGB, as lossless WebP."""
    file = io.BytesIO()
    Image.fromarray(crop).save(file, "WEBP", lossless=True)
    return file.getvalue()


def encode_thumbnail(crop: ByteArray) -> bytes:
    """Encode a crop, uint8 (112, 112, 3) RGB, as a small WebP file, about 3 kB."""
    file = io.BytesIO()
    Image.fromarray(crop).save(file, "WEBP", quality=80)
    return file.getvalue()


def decode_crop(data: bytes) -> ByteArray:
    """Decode a WebP crop: uint8 (112, 112, 3) RGB."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def embed_crops(network: Network, crops: Sequence[bytes]) -> FloatArray:
    """Embed WebP crops: float32 (crops, dims)."""
    return network.embed(np.stack([decode_crop(crop) for crop in crops]))


def realign_crop(detector: Detector, crop: bytes) -> bytes:
    """Align a crop of another alignment again, WebP to WebP."""
    pixels = decode_crop(crop)
    face = detector.find_largest_face(Picture(pixels))
    # All alignments so far put the eyes at the same position.
    landmarks = alignment.EYES if face is None or face.landmarks is None else face.landmarks
    return encode_crop(alignment.align(pixels, landmarks))


def average_portrait(crops: Sequence[ByteArray]) -> bytes:
    """Average at least one crop, uint8 (112, 112, 3) RGB each, to a portrait: WebP of 224 x 224 pixels."""
    average = np.round(np.mean(np.stack(crops), axis=0, dtype=np.float64)).astype(np.uint8)
    side = alignment.PORTRAIT_SIDE
    file = io.BytesIO()
    Image.fromarray(average).resize((side, side), Image.Resampling.LANCZOS).save(file, "WEBP", quality=85)
    return file.getvalue()
