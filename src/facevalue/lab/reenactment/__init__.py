"""Reenactment: the mouth and eyes of a portrait, driven by another clip's face or by speech. See `run.reenact`.

watching   faces of a picture or a clip, frame by frame: five landmarks and the lips
driving    what the driver's mouth and eyes do, free of whose they are
speaking   the same from speech alone
moving     the portrait's pixels pulled to where lips and chin should be
inside     what is seen in an open mouth
blinking   lids that close
"""
