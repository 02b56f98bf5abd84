"""Python's checker and onnxruntime on exported files. Usage: onnx_check.py FOLDER, which holds NAME.onnx beside NAME.json"""
import json
import pathlib
import sys

import numpy
import onnx
import onnxruntime

result = {}
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.onnx")):
    given = json.loads(path.with_suffix(".json").read_text())
    onnx.checker.check_model(str(path), full_check=True)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    feeds = {k: numpy.array(v["data"], dtype=v["type"]).reshape(v["shape"]) for k, v in given.items()}
    names = [output.name for output in session.get_outputs()]
    metadata = {entry.key: entry.value for entry in onnx.load(path, load_external_data=False).metadata_props}
    outputs = dict(zip(names, session.run(names, feeds)))
    result[path.stem] = {
        "outputs": {name: value.flatten().tolist() for name, value in outputs.items()},
        "use": metadata["slicestack.use"],
    }
print(json.dumps(result))
