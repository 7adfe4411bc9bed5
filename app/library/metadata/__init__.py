"""Names of faces in the metadata of photos: XMP sidecars, XMP in photos, and `.picasa.ini`."""
