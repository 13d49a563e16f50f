"""The layouts of preference data: what the rows of well-known data sets mean."""

from rmcheck.data.layouts.layout import Item, Layout, NoPreference, NotAPair
from rmcheck.data.layouts.registry import LAYOUTS, OURS

__all__ = ["LAYOUTS", "OURS", "Item", "Layout", "NoPreference", "NotAPair"]
