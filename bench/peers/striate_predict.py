"""striate's predict.  Usage: striate_predict.py NET BATCH PICTURES [ENGINE]

ENGINE "fast" is measured first, on photos; of a network without published weights, whose answers mean nothing, the fastest
whatever it costs.
"""

import sys

from networks import network, published
from pictures import pictures, serve

if __name__ == "__main__":
    net, batch, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    engine = (sys.argv[4:] or ["auto"])[0]
    model = network(net)
    says = {}
    if "int8" in engine:
        model.quantize(pictures(64))
    if engine == "fast":
        anything = {} if published(net) else {"agreement": 0, "points": 100}
        table = model.tune_engine(pictures(500 if published(net) else 32), rounds=3, **anything)
        chosen = next(row for row in table.rows if row.name == table.fastest)
        says = {"engine": table.fastest, "agreement": chosen.agreement}
    model.predict(pictures(128))  # so much work that "auto" makes its engine
    serve(lambda x: model.predict(x, engine=engine), batch, count, **says)
