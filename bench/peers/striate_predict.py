"""striate's predict.  Usage: striate_predict.py NET BATCH PICTURES [int8]"""

import sys

from pictures import pictures, serve

import striate as st
from striate.data import Preprocessing

if __name__ == "__main__":
    net, batch, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    st.set_seed(0)
    model = st.zoo.create(net)
    model.preprocessing = Preprocessing.pictures(224, 3, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    engine = "auto"
    if sys.argv[4:] == ["int8"]:
        engine = "int8"
        model.quantize(pictures(32))
    model.predict(pictures(128))  # so much work that "auto" makes its engine
    serve(lambda x: model.predict(x, engine=engine), batch, count)
