"""Marking files: a watermark hidden in a copy of a picture, a clip or a recording; and reading it back from any file.

    from facevalue.marking import mark_file, read_file
    mark_file("photo.jpg", "marked.jpg", Payload.random())
    read_file("marked.jpg").payload

The source is never written to. Both decode in processes of their own with limited memory and time, as examining does.
"""

from facevalue.marking.marked import MarkedFile
from facevalue.marking.reader import read_file
from facevalue.marking.writer import MARKABLE, mark_file

__all__ = ["MARKABLE", "MarkedFile", "mark_file", "read_file"]
