"""Methods of Keras, most of them of Keras 2, and of torch that models do not have, each with the line that replaces it."""

INSTEAD = {
    "export": "export_onnx(path), which saves the network for other programs",
    "fit_generator": "fit(generator, steps_per_epoch=..., epochs=...)",
    "evaluate_generator": "evaluate(generator, steps=...)",
    "predict_generator": "predict(generator, steps=...)",
    "predict_classes": "model.predict(x).argmax(-1), or (model.predict(x) > 0.5).astype(int) for one yes/no output",
    "predict_proba": "model.predict(x)",
    "reset_states": "reset_metrics(); striate has no layers with states",
    "compiled_loss": "compute_loss(y=y, y_pred=y_pred)",
    "compiled_metrics": "for metric in self.metrics, each with update_state",
    "model": "the model itself: a Sequential is a model",
    "validation_data": "the data that was given to fit as validation_data",
}

# Methods of torch's modules.
TORCH = {
    "eval": "predict(x), which never drops out or learns; model.module.eval() for the torch module",
    "train": "fit(x, y); model.module.train() for the torch module",
    **{
        name: f"model.module.{name}(…), of the network as a torch module"
        for name in ("cpu", "cuda", "load_state_dict", "modules", "named_parameters", "state_dict", "to")
    },
    **dict.fromkeys(
        ("half", "bfloat16"),
        'compile(precision="bf16") to train and predict(x, engine="torch-bf16") to answer in 16 bits',
    ),
    "double": "model.module.double(), of the network as a torch module, which takes float64 then; the model takes float32",
    "float": "model.module.float(), of the network as a torch module, whose weights were turned into other numbers",
}
