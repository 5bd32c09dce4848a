"""The subject of the course: photos, readers, generators and the pipelines made from them.

Usable outside the course. Nothing here imports the other wings, and TensorFlow is imported only
inside the functions that build a dataset: a spawned worker process would pay seconds for it.
"""
