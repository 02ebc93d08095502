"""Forgers against an examiner, round by round, with a judge that neither side sees.

    space      the numbers and choices that a forger may tune, and the law they are drawn from
    forgers    the forgers: each makes a forged face from a real one and such numbers
    tune       the cross-entropy method: forgers learn what the current examiner misses
    examiners  the examiner under test: frozen features, and a head that is retrained every round
    pools      which faces serve which side, split by identity
    judge      the judge's fixed set, and figures with intervals
    rounds     the loop: tune, see what slips through, retrain, judge; resumable
    show       table, chart and page

Forged faces live in memory only; what reaches the disk are features, scores, laws and weights.
"""
