"""The learned refiner of `lab swap`: a generator that repairs what blending leaves, against a critic of patches.

pairs.py     self-supervised pairs: a real face, and the same face after our own blending of a changed copy onto it
networks.py  the two networks; loop.py trains them against each other; run.py is the recipe, from pictures to ONNX
"""
