"""``from striate import models``: Sequential, Model and loading, as the field's lecture code spells them."""

from striate.model import Model, Sequential, load_model
from striate.model import model_from_json as from_json

__all__ = ["Model", "Sequential", "from_json", "load_model"]
