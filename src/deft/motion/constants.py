"""The constants of `deft.motion.tvl1`'s energy and of its iteration, the same on every device.

They were chosen once, on rendered faces and warped photographs; the benchmarks use other seeds.
"""

WINDOW = 1.2  # standard deviation of G, cells
LAMBDA = 1.8
DELTA = 2.8  # standard deviations of the residual
LEAST_DELTA = 0.1  # of the local contrast: the noise of a very good camera
WARPS = 2  # per level of the pyramid
ITERATIONS = 60  # per warp
TAU = 0.14
SIGMA = 1 / (8 * TAU)  # the largest that converges: |∇|² ≤ 8
