"""What happens around training: Keras' hooks, and the callbacks that stop, save, log and show.

A callback of your own derives from Callback and defines the hooks it needs.  Its ``model`` has ``stop_training``,
``optimizer.learning_rate``, ``get_weights()``, ``set_weights()``, ``save(path)`` and ``save_weights(path)``.
"""

from striate.errors import absent
from striate.guard import guard
from striate.train.callbacks.base import Callback, LambdaCallback
from striate.train.callbacks.calling import CallbackList, LazyLogs
from striate.train.callbacks.checkpoints import ModelCheckpoint
from striate.train.callbacks.elsewhere import RemoteMonitor, TensorBoard
from striate.train.callbacks.keeping import BackupAndRestore, SwapEMAWeights
from striate.train.callbacks.logs import CSVLogger, History
from striate.train.callbacks.monitor import EarlyStopping, MonitorCallback, TerminateOnNaN
from striate.train.callbacks.progress import ProgbarLogger, ProgressBar
from striate.train.callbacks.rates import LearningRateScheduler, ReduceLROnPlateau

OrbaxCheckpoint = absent("OrbaxCheckpoint", "ModelCheckpoint, or fit(resume=folder)")

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LazyLogs",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "MonitorCallback",
    "ProgbarLogger",
    "ProgressBar",
    "ReduceLROnPlateau",
    "RemoteMonitor",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
]

guard(__name__)
