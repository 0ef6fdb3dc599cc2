"""Transfer learning: what a network learnt on many pictures, put to use on a few of one's own."""

from striate.guard import guard
from striate.transfer.feature_files import Features, features
from striate.transfer.finetune import Stage, Transfer, fit, resume_transfer

__all__ = ["Features", "Stage", "Transfer", "features", "fit", "resume_transfer"]

guard(__name__)
