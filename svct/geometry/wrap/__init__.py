"""The projector as an operator of other packages, for their solvers.

SciPy comes with svct; PyLops and deepinv are imported when they are asked for.
"""

from svct.geometry.wrap.deepinv import as_deepinv
from svct.geometry.wrap.pylops import as_pylops
from svct.geometry.wrap.scipy import as_scipy

__all__ = ["as_deepinv", "as_pylops", "as_scipy"]
