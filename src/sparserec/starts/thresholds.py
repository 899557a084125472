"""What decides on the validation part, in one place: which alternatives are tried, and what a gain must be worth.

Every value is a share of validation NDCG@20 unless it says otherwise. They were settled on the validation parts of the
data sets in docs/results; none depends on a data set.
"""

NORMALISATIONS = ((1.0, 5.0), (0.5, 5.0), (0.5, 20.0))
"""User power and smoothing of normalisations that are tried beside the usual one."""
WORTH_TRYING = 0.02
"""Relative gain of the graph that tells of data for which others are tried."""
WORTH_NORMALISATION = 0.02
"""Relative gain that makes another normalisation than the usual one worth while."""
NORMALISATION_VECTORS = 256
"""Singular vectors at most by which normalisations are judged."""
GRAPH_USERS = 1000
"""Validation users at most by whom the graph tells whether others are tried."""
POWERS = (0.0, 0.125, 0.25, 0.5)
"""Exponents of the singular values of filters."""
NEIGHBOURS = (0.0, 0.3, 1.0, 3.0)
"""Weights of the graph itself beside a filter."""
EXPONENTS = (0.5, 0.4, 0.3)
"""Exponents of the degrees that are tried with a plateau."""
STEEPNESSES = (2.0, 3.0)
"""Of plateaus."""
SLOPES = (1.0, 1.5, 2.0)
"""Weights of the graph beside a plateau: of the line that stands for the vectors that are not known."""
IDEALS = (0.0, 0.2, 0.4)
"""What the first vectors count more."""
WORTH_PLATEAU = 0.01
"""Relative gain that makes a plateau worth while."""
RANKS = (1, 2, 4)
"""Parts of the singular values that were computed: ranks of filters."""
TRIED = 2
"""Ranks, those of the best filters, with which a table is tried."""
TRIED_WHOLE = 1
"""The same where the spectrum is whole: a filter counts little beside a linear model."""
FILTER_USERS = 1500
"""Validation users at most by whom filters are chosen where the spectrum is whole."""
AS_GOOD = 0.01
"""Relative loss that the smoothest of several filters may have against the best."""
WORTH_EXPONENT = 0.025
"""Relative gain that makes a smaller exponent of the degrees worth while: it favours items of few interactions, which a
validation part drawn at random likes more than the future does."""
WORTH_RANK = 0.025
"""Relative gain that makes a share of the graph worth while, which is of full rank."""
WORTH_NARROW = 0.03
"""Relative gain, before any training, that makes a first table of half the columns worth while."""
WORTH_GROUPS = 0.03
"""The same of columns for groups of items where the spectrum is whole: what a table learns from its teacher has much of
them."""
WORTH_ITEM_COLUMNS = 0.01
"""Relative gain that makes item columns beside a trained table worth while."""
STAYS = 0.6
"""Share of the trained values that stay beside item columns, which take their bytes; gains are flat around it."""
NEAREST = 32
"""Nearest items of each item that may have a weight in item columns."""
SHARES = (0.0, 0.25, 0.5, 0.75)
"""Shares of a teacher in an average."""
WORTH_SHARE = 0.01
"""Relative gain that makes another teacher worth while."""
REGULARISATIONS = (100.0, 400.0, 1600.0)
"""Of EASE."""
LOCAL_REGULARISATIONS = (20.0, 5.0, 80.0)
"""Of EASE with few neighbours an item; the first where nothing can be judged."""
GAPS = ((12, 0.8), (3, 0.5), (50, 0.95))
"""Places that items of a pair may be apart, and what it counts for each place more."""
AGE_DECAYS = (0.7, 0.5, 0.8, 0.9, 0.95, 1.0)
"""What an item of a history counts for each newer one."""
LATER_EXPONENTS = (0.3, 0.4, 0.2, 0.5)
"""Exponents of the interactions of the later item of a pair."""
EARLIER_EXPONENTS = (0.7, 0.5, 0.9)
"""Exponents of those of the earlier one."""
BACKS = (0.3, 0.0, 0.1, 0.6, 1.0)
"""What a pair counts in the other direction."""
POPULAR = (0.5, 0.25, 0.0)
"""Exponents by which weights of items with many interactions count more when they are chosen."""
WORTH_ORDER = 0.03
"""Relative gain over the same model without order that makes order worth while."""
SURE = 3.0
"""Standard errors over users that the gain must be, too: with few users the best of many settings is luck."""
DECIDING_USERS = 9000
"""Validation users by whom it is decided whether order is worth while, once settings are chosen: by so many, and where
a catalogue is small by as many as `DECIDING_SCORES` allow. With 9,000 of 35,000 users it hung on the seed."""
DECIDING_SCORES = 600_000_000
"""Scores of items for them, for each model that they judge."""
FINALISTS = 4
"""The best settings of order, among which those who decide choose."""
CLEAR_ORDER = 0.07
"""Relative gain over models without order that need no training from which none is trained."""
JUDGED_USERS = 3000
"""Validation users on whom choices are made: with a thousand the choice of a power hung on the seed."""
JUDGED_BLOCK = 512
"""Of these, whose scores are held at a time."""
FEWEST_TAUGHT = 1000
"""Users whom a sample of those who learn from the teacher has at least."""
