"""Methods that models had in Keras 2, each with the line that replaces it."""

INSTEAD = {
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
