"""ultralytics' YOLO11n, drawn weights, three classes, 320 x 320.  Usage: ultralytics_boxes.py FOLDER train|predict|onnx

train: a pass over the scenes in a folder in its own format, within one long training; predict: from a uint8 picture to its
boxes, one picture at a time; onnx: the same by ONNX Runtime, from the file that it exports.
"""

import sys
from pathlib import Path

import numpy as np
import torch
import yaml
from clock import timed
from ultralytics_tools import FOLDER, NETWORKS, YOLO, get_flops, passes

SIZE, LEAST, OVERLAP, MOST = 320, 0.05, 0.6, 300  # as striate decodes
CANDIDATES = 200  # as in detect.py


def made() -> YOLO:
    """YOLO11n for three classes."""
    described = yaml.safe_load((NETWORKS / "11" / "yolo11.yaml").read_text())
    three = Path(FOLDER.name, "yolo11n.yaml")
    three.write_text(yaml.safe_dump(described | {"nc": 3}))
    return YOLO(three, task="detect", verbose=False)


def pictures() -> np.ndarray:
    """As in detect.py."""
    return np.random.default_rng(0).integers(0, 256, (8, SIZE, SIZE, 3), dtype=np.uint8)


def measured(model: YOLO) -> None:
    """Norms measured on noise, and scores that leave so many candidates on the first picture, as in detect.py."""
    module = model.model.train()
    for part in module.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.momentum = 0.5
    with torch.no_grad():
        for _ in range(6):
            module(torch.rand(2, 3, SIZE, SIZE))
        rows = module.eval()(torch.from_numpy(pictures()[:1]).permute(0, 3, 1, 2) / 255)[0]
        wanted = rows[0, 4:].amax(0).sort().values[-CANDIDATES]
        for branch in module.model[-1].cv3:
            branch[-1].bias += torch.logit(torch.tensor(LEAST)) - torch.logit(wanted)


if __name__ == "__main__":
    folder, job = sys.argv[1:]
    torch.manual_seed(0)
    model = made()
    weights = sum(each.numel() for each in model.model.parameters())
    says = {"weights": weights, "mults": round(get_flops(model.model, SIZE) * 1e9 / 2)}
    if job == "train":
        told = Path(FOLDER.name, "scenes.yaml")
        names = ["circle", "square", "triangle"]
        told.write_text(yaml.safe_dump({"path": folder, "train": "images", "val": "images", "names": names}))
        count = sum(1 for _ in Path(folder, "images").iterdir())
        passes(
            model,
            lambda: timed(count, "ultralytics", **says),
            data=str(told),
            imgsz=SIZE,
            batch=16,
            scale=0.25,
            hsv_v=0.0,
            mosaic=0.0,
            val=False,
        )
    measured(model)
    if job == "onnx":
        model = YOLO(model.export(format="onnx", imgsz=SIZE, simplify=False, verbose=False), task="detect")
    x, count = pictures(), 64
    for _ in sys.stdin:
        with timed(count, "ultralytics", **says):
            found = 0
            for i in range(count):
                (one,) = model.predict(
                    x[i % 8], imgsz=SIZE, conf=LEAST, iou=OVERLAP, max_det=MOST, device="cpu", verbose=False, save=False
                )
                found += len(one.boxes)
            assert found
