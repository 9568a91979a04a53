"""What a task is told: the places in the vector of whole numbers that is passed to it.

Those in the first part are addresses of arrays, so that one vector says everything.
"""

TASK = 0  # the compiled function that does one task
TABLE = 1  # int64
PARAMETERS = 2  # float32, as all that follow unless it is said
GRADIENT = 3  # with respect to the parameters
TABLES = 4  # rearranged weights
STATE = 5  # inputs of all stages
GRADIENTS = 6  # with respect to them
CHOICES = 7  # bytes
PANELS = 8  # samples of a dense layer side by side
CHUNKS = 9  # weight gradients of the parts of a batch
SCRATCH = 10  # the next four: one row a thread
SPARE = 11
LISTS = 12  # int32
BEGINS = 13  # int64
IMAGES = 14  # where the attack stands: a row of pixels a sample
CLEAN = 15
LABELS = 16  # int64
PIXELS = 17  # gradient with respect to the images
LOSSES = 18  # float64
MARGINS = 19  # float64
WORST = 20  # the image of least margin so far, or the last one
LEAST = 21  # float64, its margin
STUCK = 22  # bytes: whether the first gradient was zero
NUMBERS = 23  # float64: `Number`
TARGETS = 24  # int64: the class to go to, for a loss with a target
PREVIOUS = 25  # rows of pixels of an adaptive attack: where it stood a step ago,
BEST = 26  # where its loss was largest, and the gradient there
BEST_SLOPE = 27
MEMORY = 28  # float64: `adaptive.MEMORY_SIZE` numbers a sample
WINDOWS = 29  # int64: at every step, how many steps ago the step size was last judged if it is to be judged, else 0

SCRATCH_SIZE = 30
SPARE_SIZE = 31
CELL_SIZE = 32
CHUNK_SIZE = 33
STAGES = 34
COUNT = 35  # samples
PIXEL_COUNT = 36
NORM = 37
KEEP = 38  # whether the worst image counts, not the last
STEPS = 39
GOAL = 40
LOSS = 41  # what is ascended
ADAPTIVE = 42  # whether the step size is adapted (APGD), not fixed (PGD)

PHASE = 43  # the order of the moment
FIRST = 44
LAST = 45
TASKS = 46
GROUPS = 47
KIND = 48
STEP = 49

GIVEN = 50  # float64: what is given for every sample and class, and which of those below it is
GIVEN_KIND = 51

COUNT_OF_SLOTS = 52

# Places in the array NUMBERS.
NUMBER_SCALE = 0  # of the weight gradient
NUMBER_RADIUS = 1
NUMBER_RATE = 2
NUMBER_LOW = 3
NUMBER_HIGH = 4
NUMBER_SMOOTHING = 5  # of the labels, in the true gradient

LINF, L2 = 0, 1  # norms
NOTHING, LOGARITHMS, SLOPES = range(3)  # given: log-probabilities to diverge from, a gradient to add
CROSS_ENTROPY, LOGIT_RATIO, TARGETED_RATIO = range(3)  # losses
FOR_LOGITS, FOR_PIXELS, FOR_WEIGHTS, FOR_IMAGES = range(4)  # goals: what follows the steps of an attack
