"""striate's recipe `fast` on MNIST.  Usage: striate_mnist.py FOLDER PRECISION; the rate is runs per hour, training only."""

import json
import sys
import time

import striate as st
from striate import data, recipes

if __name__ == "__main__":
    train, _, test = data.load("mnist", sys.argv[1])
    recipe = recipes.get("fast")
    for seed, _ in enumerate(sys.stdin):
        st.set_seed(seed)
        model = recipe.model(10, train.shape)
        model.compile(recipe.optimizer(), recipe.loss, metrics=["accuracy"], precision=sys.argv[2])
        started, before = time.perf_counter(), time.process_time()
        model.fit(train, batch_size=recipe.batch_size, epochs=recipe.epochs, seed=seed, verbose=0)
        seconds, worked = time.perf_counter() - started, time.process_time() - before
        accuracy = model.evaluate(test)[1]
        told = {"rate": 3600 / seconds, "work": 3600 / worked, "seconds": seconds, "accuracy": accuracy}
        print(json.dumps(told), flush=True)
