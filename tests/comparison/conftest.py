"""Makes the drawn scenes importable: `import scenes`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "fingerprint"))
