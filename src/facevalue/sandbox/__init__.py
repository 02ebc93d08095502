"""What every process that reads a stranger's bytes has in common: the limits it sets itself, and the frames it speaks.

Decoding, reading credentials, signing and marking each have a worker of their own; none of them loads more than it
needs, so nothing here imports anything but the standard library.
"""
