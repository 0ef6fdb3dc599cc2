"""ultralytics on a folder of photos with two classes.  Usage: ultralytics_photos.py FOLDER train|predict

train: an epoch within its training, the validation photos included; predict: a class for every photo in the folder.  The
network is torchvision's ResNet-18, put down in its own way of describing networks.
"""

import sys
from pathlib import Path

import yaml
from clock import timed
from ultralytics_tools import FOLDER, YOLO, passes

RESNET18 = {
    "nc": 2,
    "backbone": [[-1, 1, "TorchVision", [512, "resnet18", None, True, 1]]],
    "head": [[-1, 1, "nn.Flatten", []], [-1, 1, "nn.Linear", [512, 2]]],
}


if __name__ == "__main__":
    folder, job = Path(sys.argv[1]), sys.argv[2]
    described = Path(FOLDER.name, "resnet18-cls.yaml")
    described.write_text(yaml.safe_dump(RESNET18))
    model = YOLO(described, task="classify", verbose=False)
    weights = sum(each.numel() for each in model.model.parameters())
    count = sum(1 for _ in (folder / "train" if job == "train" else folder).rglob("*.jpg"))
    if job == "train":
        passes(
            model,
            lambda: timed(count, "ultralytics", weights=weights),
            data=str(folder),
            imgsz=224,
            batch=32,
            scale=0.25,
            hsv_v=0.2,
            auto_augment=None,
            erasing=0.0,
        )
    for _ in sys.stdin:
        with timed(count, "ultralytics", weights=weights):
            found = model.predict(
                f"{folder}/**/*.jpg", imgsz=224, batch=32, stream=True, verbose=False, device="cpu", save=False
            )
            assert sum(len(each.probs.data) == 2 for each in found) == count
