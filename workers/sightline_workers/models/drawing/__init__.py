"""Pictures of pages and windows with text in them, drawn as they are needed: for training, tests and the demo."""

from . import colours, fonts, themes, words
from .demo import DemoImage, demo_images, demo_pages
from .page import PageStyle, draw_page
from .scene import Element, Glyph, Line, Scene
from .window import Control, WindowStyle, draw_window

__all__ = [
    "Control",
    "DemoImage",
    "Element",
    "Glyph",
    "Line",
    "PageStyle",
    "Scene",
    "WindowStyle",
    "colours",
    "demo_images",
    "demo_pages",
    "draw_page",
    "draw_window",
    "fonts",
    "themes",
    "words",
]
