"""A reproducible labelled corpus: pairs of a real picture and its forgery, brought to one size, codec and quality.

    recipe.read(path)               what to take, what to make of it, and how both classes are equalised
    plan.plan(recipe, folder)       which picture pairs with which forgery, in which split and shard
    build.build(recipe, out)        the shards, their index and a description; killed and started again, the same bytes
    check.check(folder)             whether equalisation, splits and hashes hold, with intervals
    shards.samples(folder)          what training reads: pixels, mask and index row, in memory

The forgeries carry no visible mark and no watermark here, because a detector would learn the mark. So nothing is a
picture file: both classes lie as encoded bytes in Parquet shards whose metadata say that they are synthetic training
data, and every encoded picture of either class carries the same comment. What is shown as a loose picture (the preview)
is labelled as everything else that the lab makes.
"""
