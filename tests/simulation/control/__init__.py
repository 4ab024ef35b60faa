"""The benchmark of the control law: one house, the rules of others, and the best that could have been done.

What it is made of is frozen (docs/performance.md): whoever changes it says so there.
"""

from tests import bare

bare.load()  # it is also played in processes of its own
