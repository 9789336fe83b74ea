"""What is written on the drawings."""

from __future__ import annotations

import random
import string

DIGITS = string.digits
UPPER = DIGITS + string.ascii_uppercase
LETTERS = UPPER + string.ascii_lowercase
PLAIN = LETTERS + ".:-"
ALIKE = "0OQDCGIl1S5Z2B8KXceuogqhnrtf"
"""Letters and digits that differ in a few px."""

PRINTED = LETTERS + ".,:;-+/%#&()=*!?$@'\""

LABELS = [
    "OK",
    "Yes",
    "No",
    "Save",
    "Open",
    "Close",
    "Cancel",
    "Help",
    "Next",
    "Back",
    "Print",
    "Copy",
    "Paste",
    "Cut",
    "Undo",
    "Redo",
    "New",
    "Edit",
    "View",
    "Find",
    "Send",
    "Reply",
    "Stop",
    "Start",
    "Play",
    "Pause",
    "Login",
    "Logout",
    "Apply",
    "Reset",
    "Delete",
    "Search",
    "Upload",
    "Share",
    "Home",
    "Menu",
    "Exit",
    "Add",
    "Remove",
    "Sort",
    "Filter",
    "Zoom",
    "Run",
    "Build",
    "Test",
    "Sync",
    "Buy",
    "Pay",
    "Call",
    "Chat",
]
"""What the buttons of windows say."""

TITLES = [
    "Editor",
    "Mail",
    "Player",
    "Files",
    "Shop",
    "Photos",
    "Notes",
    "Clock",
    "Maps",
    "Music",
    "Store",
    "Tasks",
    "Draw",
    "Paint",
    "Chess",
    "Radio",
]

ITEMS = [
    "Coffee",
    "Tea",
    "Bread",
    "Milk",
    "Total",
    "Tax",
    "Sum",
    "Invoice",
    "Order",
    "Date",
    "Room",
    "Gate",
    "Seat",
    "Train",
    "Bus",
    "Flight",
    "Table",
    "Price",
    "Paid",
    "Cash",
    "Card",
    "Change",
    "Apples",
    "Sugar",
    "Rice",
    "Soap",
    "Paper",
    "Name",
    "City",
    "Street",
    "Phone",
    "Open",
    "Closed",
    "Exit",
    "Entry",
    "Level",
    "Floor",
    "Hello",
    "World",
    "Welcome",
]


def code(rng: random.Random, charset: str, length: int) -> str:
    """`length` characters in no order, so that reading cannot become guessing."""
    return "".join(rng.choice(charset) for _ in range(length))


def _price(rng: random.Random) -> str:
    return f"{rng.randint(0, 199)}.{rng.randint(0, 99):02d}"


def phrase(rng: random.Random, longest: int) -> str:
    """A line as receipts and labels have it: at most `longest` characters, inner spaces included."""
    item = rng.choice(ITEMS)
    shape = rng.randrange(6)
    if shape == 0:
        text = f"{item} {_price(rng)}"
    elif shape == 1:
        text = f"{item}: {code(rng, UPPER, rng.randint(2, 8))}"
    elif shape == 2:
        text = f"{rng.randint(2000, 2030)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"
    elif shape == 3:
        text = f"{item} {rng.choice(ITEMS)}"
    elif shape == 4:
        text = f"{rng.randint(1, 9)} x {item} {_price(rng)}"
    else:
        text = rng.choice((item, item.upper(), item.lower()))
    return text[:longest].strip()


def line(rng: random.Random, charset: str, shortest: int, longest: int) -> str:
    """A line of `shortest` to `longest` characters of `charset`: codes, groups of codes, and phrases if it allows."""
    if charset in (PLAIN, PRINTED) and longest >= 8 and rng.random() < 0.4:
        return phrase(rng, longest)
    text = code(rng, charset, rng.randint(shortest, longest))
    if len(text) >= 5 and rng.random() < 0.3:
        cut = rng.randint(1, len(text) - 2)
        text = text[:cut] + " " + text[cut + 1 :]
    return text


def label(rng: random.Random, longest: int) -> str:
    """A button's label: a common word, or one that nobody has seen before."""
    while True:
        if rng.random() < 0.65:
            text = rng.choice(LABELS)
        else:
            text = code(rng, string.ascii_uppercase, 1) + code(rng, string.ascii_lowercase, rng.randint(1, 5))
        if len(text) <= longest:
            return text
