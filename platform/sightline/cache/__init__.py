"""Requests that were answered before, or are being answered right now.

| File | What |
|---|---|
| `options.py` | `cache: {mode, ttl_s}` of a request, and which mode a job gets |
| `keys.py` | the canonical request and its key |
| `revisions.py` | what the engines of a model tag serve right now |
| `values.py` | `Wanted`, and what is there: `Found`, `InFlight`, `Stale` |
| `l1.py` | Redis: answers that were asked for again, ten minutes, bounded |
| `l2.py` | the database itself: the job row that holds the key |
| `lookup.py` | one look through all of them, and the seam for tiers that find *similar* requests |

The row that holds a key in `Job.cache_key` is the one that answers it: in flight it is the leader that identical jobs
follow (`jobs/services/followers.py`), once it succeeded it is the cache's entry. There is one such row for a key, so
the same unique index decides every race. Erased, deleted or superseded, it no longer holds the key, and every hit is
inserted on the condition that its source still does: no tier can serve what the database no longer has.

The seam for similar requests (`mode: near`) is `lookup.SIMILAR`, one line a tier; the protocol is
`values.SimilarTier`. It is asked after L1 and L2 found nothing and before the job is inserted.
"""
