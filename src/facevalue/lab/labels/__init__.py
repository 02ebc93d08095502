"""The only way by which anything that the lab makes reaches disk: labelled, whole or not at all.

    from facevalue.lab.labels import COMPOSITE_TYPE, Made, write_picture
    write_picture(pixels, Path("out.png"), Made("facevalue lab: splice", COMPOSITE_TYPE, (source,), {"radius": 4}))

Every file gets a visible mark (pictures and clips), a watermark whose payload says "made by a model", the IPTC
digitalSourceType in its metadata, and a C2PA credential. No argument and no environment variable leaves one out; what
a file is too small or too short to hold stands in `Labelled.notes`.
"""

from facevalue.lab.labels.clips import write_clip
from facevalue.lab.labels.credential import lab_identity
from facevalue.lab.labels.files import MANIFEST, note, notes, put, write_mask
from facevalue.lab.labels.made import ALGORITHMIC_TYPE, COMPOSITE_TYPE, TRAINED_TYPE, Labelled, Made
from facevalue.lab.labels.pictures import write_picture
from facevalue.lab.labels.sounds import write_sound
from facevalue.lab.labels.stated import declared_type, xmp_label
from facevalue.lab.labels.visible import marked, visible_mark

__all__ = [
    "ALGORITHMIC_TYPE",
    "COMPOSITE_TYPE",
    "MANIFEST",
    "TRAINED_TYPE",
    "Labelled",
    "Made",
    "declared_type",
    "lab_identity",
    "marked",
    "note",
    "notes",
    "put",
    "visible_mark",
    "write_clip",
    "write_mask",
    "write_picture",
    "write_sound",
    "xmp_label",
]
