"""NumPy array types for annotations. Docstrings give shapes and ranges."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
DoubleArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
ByteArray = NDArray[np.uint8]
BoolArray = NDArray[np.bool_]
TextArray = NDArray[np.str_]
AnyArray = NDArray[Any]
