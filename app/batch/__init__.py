"""Archives: pictures by the million, in folders and buckets, named on every core of one machine or of many.

`places` finds and reads the pictures, `namer` turns some of them into rows, `pool` (the cores of this machine) and
`cluster` (Ray Data) call it, and `results` keeps the rows.
"""
