"""The features of a data set as points in the plane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from striate.errors import ArgumentError, unknown
from striate.look.arguments import Progress, drawn
from striate.look.features.neighbours import nearest, pictures_of, vectors
from striate.look.result import Look
from striate.look.structure import penultimate
from striate.report import tiles
from striate.report.figures import LIGHT, new_figure, plain, say, settings
from striate.report.style import DPI
from striate.wording import plural

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from striate.model import Model


METHODS = ("tsne", "pca")


@dataclass
class FeatureMap(Look):
    """The features of a data set in two dimensions.

    at         float32 (N, 2)
    pictures   uint8 (N, H, W, C), RGB
    labels     int64 (N,), or None
    kept       the share of the 5 nearest neighbours in the map that are of the same class, beside that in the features
               and by chance: (map, features, chance); None without labels
    explained  of a PCA: the share of the variance along each axis; else None
    """

    layer: str
    method: Literal["tsne", "pca"]
    at: np.ndarray
    pictures: np.ndarray
    labels: np.ndarray | None
    classes: tuple[str, ...] | None
    kept: tuple[float, float, float] | None
    explained: tuple[float, float] | None
    seed: int

    anchor = "feature-map"
    title = "Map of the features"

    @property
    def source(self) -> str:  # type: ignore[override]
        return "van der Maaten & Hinton 2008" if self.method == "tsne" else "Pearson 1901"

    def note(self) -> str:
        how = f"t-SNE, seed {self.seed}" if self.method == "tsne" else "the first two principal components"
        seen = (
            f"The features of {self.layer} for {plural(len(self.at), 'picture')}, by {how}. Near each other "
            "is what the network "
        )
        seen += "finds alike"
        seen += "; distances between groups and their sizes mean nothing." if self.method == "tsne" else "."
        if self.explained is not None:
            seen += f" The two axes have {sum(self.explained):.1%} of the variance."
        if self.kept is not None:
            near, true, chance = self.kept
            seen += f" Of each picture's 5 nearest in the map {near:.1%} share its class, in the features {true:.1%}, "
            seen += f"by chance {chance:.1%}."
        return seen

    def facts(self) -> dict[str, Any]:
        told: dict[str, Any] = {"layer": self.layer, "method": self.method, "pictures": len(self.at), "seed": self.seed}
        if self.kept is not None:
            told["same class among 5 nearest"] = dict(zip(("map", "features", "chance"), self.kept, strict=True))
        if self.explained is not None:
            told["explained"] = list(self.explained)
        return told

    def figure(self) -> Figure:
        """At the left a dot for each picture, coloured by class; at the right the same with thumbnails."""
        from matplotlib.lines import Line2D

        side, gap, top, foot = 560, 16, 34, 44
        wide, tall = 2 * side + 3 * gap, side + top + foot
        present = [] if self.labels is None else [int(label) for label in np.unique(self.labels)]
        colours = _palette(len(present))
        colour = {label: colours[i] for i, label in enumerate(present)}
        with settings():
            fig = new_figure(wide / DPI, tall / DPI, LIGHT["ground"])
            panels = [
                fig.add_axes(((gap + i * (side + gap)) / wide, foot / tall, side / wide, side / tall)) for i in (0, 1)
            ]
            each = [LIGHT["first"]] * len(self.at) if self.labels is None else [colour[int(n)] for n in self.labels]
            size = float(np.clip(24_000 / len(self.at), 6, 36))
            panels[0].scatter(self.at[:, 0], self.at[:, 1], s=size, c=each, linewidths=0.3, edgecolors=LIGHT["ground"])
            low, high = self.at.min(axis=0), self.at.max(axis=0)
            margin = 0.04 * (high - low).clip(1e-9)
            for ax in panels:
                ax.set_xlim(low[0] - margin[0], high[0] + margin[0])
                ax.set_ylim(low[1] - margin[1], high[1] + margin[1])
                _frame(ax, LIGHT["line"], 1)
            self._thumbnails(panels[1], each)
            name = "t-SNE" if self.method == "tsne" else "PCA"
            words = f"{name} of the features of {plain(self.layer, 40)}, {plural(len(self.at), 'picture')}"
            say(fig, gap / wide, 1 - 22 / tall, words, size=10, color=LIGHT["ink"])
            if 0 < len(present) <= 20:
                names = [plain(self.classes[n] if self.classes else n, 18) for n in present]
                dots = [Line2D([], [], marker="o", ls="", color=colour[n], ms=6) for n in present]
                escaped = [name.replace("$", r"\$") for name in names]
                fig.legend(dots, escaped, loc="lower left", bbox_to_anchor=(gap / wide, 0), ncol=10, frameon=False,
                           fontsize=9, handletextpad=0.1, columnspacing=1.1, labelcolor=LIGHT["ink"])  # fmt: skip
        return fig

    def _thumbnails(self, ax: Axes, each: Sequence[Any]) -> None:
        """A thumbnail in every cell of a grid that has a picture: the one nearest to the cell's middle."""
        cells = 14
        (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
        place = (self.at - (left, low)) / (right - left, high - low) * cells
        cell = np.clip(place.astype(int), 0, cells - 1)
        away = np.square(place - cell - 0.5).sum(axis=1)
        chosen: dict[tuple[int, int], int] = {}
        for i in np.argsort(away, kind="stable"):
            chosen.setdefault((int(cell[i, 0]), int(cell[i, 1])), int(i))
        for (column, row), i in chosen.items():
            inner = ax.inset_axes((column / cells + 0.002, row / cells + 0.002, 1 / cells - 0.004, 1 / cells - 0.004))
            inner.imshow(
                tiles.rgba(tiles.resized(tiles.squeezed(self.pictures[i]), 64)),
                interpolation="antialiased",
                aspect="auto",
            )
            _frame(inner, each[i], 1.6)


def feature_map(
    model: Model,
    pictures: Any,
    layer: str | None = None,
    *,
    method: Literal["tsne", "pca"] = "tsne",
    perplexity: float | None = None,
    count: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> FeatureMap:
    """The features of a data set as points in two dimensions; the same seed gives the same map.

    model        a network of one input (H, W, 1 or 3)
    pictures     a Dataset of at least 3, an array uint8 (N, H, W, C), or files
    layer        whose output is the feature vector; of maps, their means over all positions.  None: what the last layer
                 with weights reads
    method       "tsne" (of at most 50 principal components, started from the first two) or "pca"
    perplexity   of t-SNE: about how many neighbours count; None: 30, less for fewer than 91 pictures
    count        so many of the pictures, each class with its share; None: all
    seed         of the pictures taken and of t-SNE
    progress     called as progress(done, whole)

    Raises ArgumentError for an unknown method or layer, and a perplexity that is not below the number of pictures.
    """
    from sklearn.decomposition import PCA

    if method not in METHODS:
        raise unknown("method", str(method), METHODS)
    pictures, _ = drawn(pictures, None, count, seed)
    pixels, labels, classes = pictures_of(model, pictures)
    if len(pixels) < 3:
        raise ArgumentError(f"a map takes at least 3 pictures, not {len(pixels)}.")
    within = min(30.0, (len(pixels) - 1) / 3) if perplexity is None else float(perplexity)
    if not 0 < within < len(pixels):
        raise ArgumentError(f"perplexity {within:g} must be above 0 and below {len(pixels)}, the number of pictures.")
    name = penultimate(model) if layer is None else layer
    features = vectors(model, pixels, name, progress=progress).astype(np.float64)
    if not np.ptp(features, axis=0).any():
        raise ArgumentError(
            f'"{name}" gives the same features for all {plural(len(features), "picture")}; there is nothing to map.'
        )
    width = min(50 if method == "tsne" else 2, *features.shape)
    pca = PCA(width, random_state=seed)
    reduced = pca.fit_transform(features)
    explained = None
    if method == "pca":
        at = reduced if width == 2 else np.pad(reduced, ((0, 0), (0, 1)))
        ratios = [*map(float, pca.explained_variance_ratio_), 0.0]
        explained = (ratios[0], ratios[1])
    else:
        from sklearn.manifold import TSNE

        start = reduced[:, :2] if width > 1 else np.pad(reduced, ((0, 0), (0, 1)))
        start = start / (start[:, 0].std() or 1.0) * 1e-4  # as scikit-learn's own init="pca"
        at = TSNE(2, perplexity=within, init=start.astype(np.float32), random_state=seed, n_jobs=1).fit_transform(
            reduced
        )
    kept = None
    if labels is not None and len(pixels) > 5:
        itself = np.arange(len(pixels))
        shares = [float((labels[nearest(x, x, 5, itself)[0]] == labels[:, None]).mean()) for x in (at, features)]
        counts = np.bincount(labels)[labels]
        kept = (shares[0], shares[1], float((counts - 1).mean() / (len(labels) - 1)))
    return FeatureMap(name, method, np.asarray(at, np.float32), pixels, labels, classes, kept, explained, seed)


def _palette(count: int) -> list[Any]:
    import matplotlib

    if count <= 2:
        return [LIGHT["first"], LIGHT["second"]][:count]
    if count <= 10:
        return [matplotlib.colormaps["tab10"](i) for i in range(count)]
    return [matplotlib.colormaps["turbo"](i / (count - 1)) for i in range(count)]


def _frame(ax: Axes, colour: Any, width: float) -> None:
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(width > 0)
        spine.set_color(colour)
        spine.set_linewidth(width)
