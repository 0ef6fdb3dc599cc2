"""Looking inside a network: what its layers answer to, and what its answers come from."""

from striate.guard import guard
from striate.look.attacks.adversarial import adversarial
from striate.look.attacks.robustness import robustness
from striate.look.explain.attributions import attributions
from striate.look.explain.gradcam import gradcam
from striate.look.explain.integrated import integrated
from striate.look.explain.occlusion import occlusion
from striate.look.explain.saliency import saliency
from striate.look.explain.sanity import sanity
from striate.look.explain.scores import scores
from striate.look.explain.why import why
from striate.look.features.activations import activations
from striate.look.features.dead import dead
from striate.look.features.feature_map import feature_map
from striate.look.features.filters import filters
from striate.look.features.fixed_filters import fixed_filters
from striate.look.features.maps import maps
from striate.look.features.neighbours import neighbours
from striate.look.features.patches import patches
from striate.look.features.templates import templates
from striate.look.landscape.lesions import lesions
from striate.look.landscape.line import line
from striate.look.landscape.paths import paths
from striate.look.landscape.surface import surface
from striate.look.landscape.trajectory import Trajectory
from striate.look.paint.codec import codec, decode, encode
from striate.look.paint.dream import dream
from striate.look.paint.invert import invert
from striate.look.paint.maximise import maximise
from striate.look.result import Look
from striate.look.tap import Tap, tapped

__all__ = [
    "Look",
    "Tap",
    "Trajectory",
    "activations",
    "adversarial",
    "attributions",
    "codec",
    "dead",
    "decode",
    "dream",
    "encode",
    "feature_map",
    "filters",
    "fixed_filters",
    "gradcam",
    "integrated",
    "invert",
    "lesions",
    "line",
    "maps",
    "maximise",
    "neighbours",
    "occlusion",
    "patches",
    "paths",
    "robustness",
    "saliency",
    "sanity",
    "scores",
    "surface",
    "tapped",
    "templates",
    "why",
]

guard(__name__)
