from rmcheck.data import Dialogue as Dialogue
from rmcheck.data import PreferencePair as PreferencePair
from rmcheck.data import ResponseSet as ResponseSet
from rmcheck.engine.source import source as source
from rmcheck.reward_source import RewardSource as RewardSource

__version__: str
