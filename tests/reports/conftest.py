"""Makes the hand-built examinations importable: `import handmade`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
