"""Which beginnings of prompts a simulated engine has seen: vLLM's prefix cache, by its counters alone.

Blocks are chained, as vLLM's are: a block is known only behind the same beginning and under the same salt. A hit
makes nothing faster here, for the cost profiles were measured with it.
"""

from collections import OrderedDict
from collections.abc import Iterable
from itertools import takewhile

BLOCK_TOKENS = 16
_CHARACTERS = 4 * BLOCK_TOKENS
_MOST_BLOCKS = 100_000


class PrefixCache:
    """Blocks by the hash of everything up to their end, the longest unused forgotten first."""

    def __init__(self) -> None:
        self._blocks: OrderedDict[int, None] = OrderedDict()
        self.queries = 0
        self.hits = 0

    def look_up(self, *, salt: str, parts: Iterable[str | tuple[int, int]], prompt_tokens: int) -> None:
        """Count a prompt's tokens and those that were there, and keep it.

        A part is a text, or an image: its checksum and its tokens.
        """
        chain = _chain(salt, parts)
        known = sum(1 for _ in takewhile(self._blocks.__contains__, chain))
        self.queries += prompt_tokens
        # The last token is always computed, so that there is something to go on from.
        self.hits += min(known * BLOCK_TOKENS, prompt_tokens - 1)
        for block in chain:
            self._blocks[block] = None
            self._blocks.move_to_end(block)
        while len(self._blocks) > _MOST_BLOCKS:
            self._blocks.popitem(last=False)


def _chain(salt: str, parts: Iterable[str | tuple[int, int]]) -> list[int]:
    before = hash(salt)
    chain: list[int] = []
    for part in parts:
        if isinstance(part, str):
            # A text that ends within a block leaves no whole one behind: only the next part may fill it.
            blocks: list[object] = [part[at : at + _CHARACTERS] for at in range(0, len(part), _CHARACTERS)]
        else:
            checksum, tokens = part
            blocks = [(checksum, at) for at in range(0, tokens, BLOCK_TOKENS)]
        for block in blocks:
            before = hash((before, block))
            chain.append(before)
    return chain
