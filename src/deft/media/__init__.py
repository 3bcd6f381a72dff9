"""Videos and images, read frame by frame."""

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]  # (H, W, 3), RGB
