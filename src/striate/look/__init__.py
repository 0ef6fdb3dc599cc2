"""Looking inside a network: what its layers answer to, and what its answers come from."""

from striate.look.activations import activations
from striate.look.adversarial import adversarial
from striate.look.attribution import attributions
from striate.look.codec import codec, decode, encode
from striate.look.dream import dream
from striate.look.feature_map import feature_map
from striate.look.filters import filters
from striate.look.gradcam import gradcam
from striate.look.integrated import integrated
from striate.look.invert import invert
from striate.look.lesions import lesions
from striate.look.maps import dead, maps
from striate.look.maximise import maximise
from striate.look.neighbours import neighbours
from striate.look.occlusion import occlusion
from striate.look.patches import patches
from striate.look.paths import paths
from striate.look.result import Look
from striate.look.robustness import robustness
from striate.look.saliency import saliency
from striate.look.sanity import sanity
from striate.look.scores import scores
from striate.look.surface import line, surface
from striate.look.tap import Tap, tapped
from striate.look.trajectory import Trajectory

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
]
