"""Library of an archive's faces: index photos once, then name, search, correct and export them without the photos.

`store` holds a library in one SQLite file, `indexing` follows the files of an archive, `naming` judges all faces
against the gallery, `decisions` are what a user says about a face, `search` finds faces, and `export` and `collecting`
write them elsewhere.
"""
