"""Vision: decoding, face detection, alignment and quality."""
