"""Tells who is in a photo: DeepFace finds the faces, a Siamese network compares them with cached anchors."""
