"""The constants of `deft.motion.tvl1`'s energy and of its iteration, the same on every device.

Chosen once on rendered faces and warped photographs of seeds that no figure is taken on.
"""

WINDOW = 1.2  # standard deviation of G, cells
LAMBDA = 1.8
DELTA = 2.8  # standard deviations of the residual
LEAST_DELTA = 0.1  # of the local contrast: the noise of a very good camera
WARPS = 2
TURNS = 60
TAU = 0.14
SIGMA = 1 / (8 * TAU)  # the largest that converges: |∇|² ≤ 8
