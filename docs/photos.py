"""The photos that figures are made of: free ones only.  Each with who took it, where it is from and its licence."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from striate.data import Dataset, Preprocessing

FOLDER = Path(__file__).parent / "pictures" / "photos"
LICENCES = {
    "CC0 1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "CC BY 2.0": "https://creativecommons.org/licenses/by/2.0/",
    "CC BY 4.0": "https://creativecommons.org/licenses/by/4.0/",
}
CC0, CC_BY, PUBLIC = "[CC0 1.0]", "[CC BY 2.0]", "public domain"


@dataclass(frozen=True)
class Photo:
    """A free photo: a file in pictures/photos, or one that scikit-learn ships.

    what      it shows
    author    who took it
    licence   its licence, as the package that ships it states
    package   the package that ships it, and its file there
    source    where the package has it from
    """

    what: str
    author: str
    licence: str
    package: str
    source: str


# scikit-image states author and licence in the docstring of each picture's function (skimage/data/_fetchers.py, 0.26.0),
# scikit-learn in sklearn/datasets/images/README.txt (1.9.1).
PHOTOS = {
    "cat": Photo("the cat Chelsea", "Stefan van der Walt", CC0, "scikit-image, `chelsea.png`", "the photographer"),
    "coffee": Photo(
        "a cup of espresso", "Rachel Michetti", CC0, "scikit-image, `coffee.png`", "courtesy of Pikolo Espresso Bar"
    ),
    "rocket": Photo(
        "a Falcon 9 with DSCOVR before its launch",
        "SpaceX",
        PUBLIC,
        "scikit-image, `rocket.jpg`",
        "[SpaceX Photos](https://www.flickr.com/photos/spacexphotos/16511594820/)",
    ),
    "retina": Photo(
        "a normal left eye's retina",
        "Mikael Häggström",
        CC0,
        "scikit-image, `retina.jpg`",
        "[Wikimedia](https://commons.wikimedia.org/wiki/File:Fundus_photograph_of_normal_left_eye.jpg)",
    ),
    "galaxies": Photo(
        "the Hubble eXtreme Deep Field",
        "NASA",
        PUBLIC,
        "scikit-image, `hubble_deep_field.jpg`",
        "[HubbleSite](http://hubblesite.org/newscenter/archive/releases/2012/37/image/a/)",
    ),
    "bricks": Photo(
        "a brick wall",
        "CC0Textures",
        CC0,
        "scikit-image, `brick.png`",
        "[CC0Textures, Bricks25](https://cc0textures.com/view.php?tex=Bricks25)",
    ),
    "grass": Photo(
        "grass",
        "linolafett",
        CC0,
        "scikit-image, `grass.png`",
        "[DeviantArt](https://www.deviantart.com/linolafett/art/Grass-01-434853879)",
    ),
    "gravel": Photo(
        "gravel",
        "CC0Textures",
        CC0,
        "scikit-image, `gravel.png`",
        "[CC0Textures, Gravel04](https://cc0textures.com/view.php?tex=Gravel04)",
    ),
    "pavilion": Photo(
        "a pavilion above a lake in China",
        "danielbuechele",
        CC_BY,
        "scikit-learn, `china.jpg`",
        "[Flickr](https://www.flickr.com/photos/danielbuechele/6061409035/)",
    ),
    "flower": Photo(
        "a flower",
        "vultilion",
        CC_BY,
        "scikit-learn, `flower.jpg`",
        "[Flickr](https://www.flickr.com/photos/vultilion/6056698931/)",
    ),
}


def path(name: str) -> Path:
    """The file of a photo."""
    package, file = (PHOTOS[name].package + ",").split(",")[:2]
    if package != "scikit-learn":
        return FOLDER / f"{name}.jpg"
    found = importlib.util.find_spec("sklearn")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "datasets" / "images" / file.strip(" `")


def paths(*names: str) -> list[str]:
    return [str(path(name)) for name in names]


def square(name: str, side: int) -> np.ndarray:
    """The middle of a photo, uint8 (side, side, 3)."""
    with Image.open(path(name)) as file:
        image = file.convert("RGB")
    short = min(image.size)
    left, top = (image.width - short) // 2, (image.height - short) // 2
    return np.asarray(image.crop((left, top, left + short, top + short)).resize((side, side), Image.Resampling.LANCZOS))


def crops(
    each: int,
    side: int,
    scale: tuple[float, float] = (0.35, 0.7),
    seed: int = 0,
    names: Any = tuple(PHOTOS),
    preprocessing: Preprocessing | None = None,
) -> Dataset:
    """`each` square crops of every photo, uint8 (N, side, side, 3); the class of a crop is the photo that it is from.

    scale   the least and the largest side, in parts of the photo's shorter side
    """
    rng = np.random.default_rng(seed)
    x, y = [], []
    for number, name in enumerate(names):
        with Image.open(path(name)) as file:
            image = file.convert("RGB")
        for _ in range(each):
            size = round(rng.uniform(*scale) * min(image.size))
            left, top = int(rng.integers(image.width - size + 1)), int(rng.integers(image.height - size + 1))
            part = image.crop((left, top, left + size, top + size))
            x.append(np.asarray(part.resize((side, side), Image.Resampling.LANCZOS)))
            y.append(number)
    how = preprocessing or Preprocessing.pictures((side, side), 3)
    return Dataset(np.stack(x), np.array(y, np.int64), tuple(names), "crops of free photos", how)
