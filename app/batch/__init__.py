"""Batch identification of photo archives in folders and buckets, on the cores of one machine or on a Ray cluster.

`sources` finds and reads the photos, `embedder` finds and embeds their faces, `process_pool` and `ray_engine` run
embedders in parallel, and `app.library` stores their rows.
"""
