"""fastai, as its examples write it, on a folder of photos with two classes.  Usage: fastai_photos.py FOLDER train|predict

train: an epoch from the folder's name on, the validation photos included; predict: a class for every photo in it.
"""

import sys
import warnings
from pathlib import Path

import bare_torchvision  # noqa: F401  (before torchvision)
from clock import timed
from fastai.vision.all import (
    ImageDataLoaders,
    Normalize,
    Resize,
    accuracy,
    aug_transforms,
    get_image_files,
    imagenet_stats,
    resnet18,
    set_seed,
    vision_learner,
)
from torch import nn

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    folder, job = Path(sys.argv[1]), sys.argv[2]

    def photos():
        return ImageDataLoaders.from_folder(
            folder,
            train="train",
            valid="val",
            item_tfms=Resize(224),
            batch_tfms=[*aug_transforms(max_warp=0.0), Normalize.from_stats(*imagenet_stats)],
            bs=32,
            num_workers=0,
        )

    set_seed(0)
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 2))  # ResNet-18's own
    learn = vision_learner(photos(), resnet18, pretrained=False, normalize=False, custom_head=head, metrics=accuracy)
    learn.unfreeze()
    weights = sum(each.numel() for each in learn.model.parameters())
    count = len(get_image_files(folder / "train" if job == "train" else folder))
    for _ in sys.stdin:
        with timed(count, "fastai", "torchvision", weights=weights), learn.no_bar(), learn.no_logging():
            if job == "train":
                learn.dls = photos()
                learn.fit_one_cycle(1)
            else:
                found, _truth = learn.get_preds(dl=learn.dls.test_dl(get_image_files(folder)))
                assert len(found) == count
