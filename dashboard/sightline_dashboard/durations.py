"""Times as people read them."""


def duration(ms: float | None) -> str:
    """Milliseconds as `84 ms`, `1.24 s`, `3 min 05 s`, `2 h 07 min`, `3 d 4 h`; a dash for None."""
    if ms is None:
        return "–"
    if ms < 0:
        ms = 0.0
    if ms < 999.5:
        return f"{ms:.0f} ms"
    seconds = ms / 1000
    if seconds < 9.995:
        return f"{seconds:.2f} s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 2 * 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"
