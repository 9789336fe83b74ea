"""Answers to nearly the same request: the same prompt, with pictures that show the same.

| File | What |
|---|---|
| `tier.py` | the cache's tier: find a job that answers, remember one that will |
| `index.py` | candidates by perceptual hashes of the parts of a picture, in banded rows of the database |
| `pictures.py` | hashes and pixels of stored pictures |
| `checks.py` | a sample of hits is answered once more by the engine, and compared |
| `verdict.py` | do two outputs say the same? |
| `bound.py` | how high a rate may be, given what was seen |
| `switch.py` | off above the budget, until an operator has looked |

The hash is an index and decides nothing. What decides is `media/likeness.py`, on the decoded pixels.
"""
