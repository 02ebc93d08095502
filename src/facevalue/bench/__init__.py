"""The bench: measures this package from outside, as a user would, and writes the figures that cards and README show.

    sets -> robust -> runner -> results.jsonl -> measure -> report, cards

The runner only calls `facevalue.check_many`; everything after results.jsonl is arithmetic over its records.
"""
