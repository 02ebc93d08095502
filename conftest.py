"""How property tests draw their examples: the same ones in every run, so that a run says something about a change.

`make explore` draws new ones; what it finds becomes an `@example` beside the property.
"""

import os

from hypothesis import settings

# No deadline: how long an example takes says more about the machine than about the property.
settings.register_profile("same", derandomize=True, print_blob=True, deadline=None)
settings.register_profile("explore", print_blob=True, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))
