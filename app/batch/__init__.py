"""Batch identification of photo archives in folders and buckets, on the cores of one machine or on a Ray cluster.

`sources` finds and reads the photos, `identifier` turns photos into result rows, `process_pool` and `ray_engine` run
identifiers in parallel, and `results` stores the rows.
"""
