"""
Reads a config.pbtxt by protobuf's text format. Usage: triton_config.py FILE
The messages are those of Triton's model_config.proto (github.com/triton-inference-server/common), as far as they are used.
"""
import json
import pathlib
import sys

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory, text_format

TYPES = ["INVALID", "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "FP32"]
Field = descriptor_pb2.FieldDescriptorProto
file = descriptor_pb2.FileDescriptorProto(name="model_config.proto", package="inference", syntax="proto3")
types = file.enum_type.add(name="DataType")
for number, name in enumerate(TYPES):
    types.value.add(name=f"TYPE_{name}", number=number)


def message(name, fields, within=None):
    added = (file.message_type if within is None else within.nested_type).add(name=name)
    for field, number, kind, *of in fields:
        label = Field.LABEL_REPEATED if kind.startswith("repeated ") else Field.LABEL_OPTIONAL
        kind = kind.removeprefix("repeated ")
        added.field.add(name=field, number=number, label=label, type=getattr(Field, f"TYPE_{kind}"),
                        type_name=of[0] if of else None)
    return added


message("ModelInput", [("name", 1, "STRING"), ("data_type", 2, "ENUM", ".inference.DataType"), ("dims", 4, "repeated INT64")])
message("ModelOutput", [("name", 1, "STRING"), ("data_type", 2, "ENUM", ".inference.DataType"), ("dims", 3, "repeated INT64")])
message("ModelDynamicBatching", [("max_queue_delay_microseconds", 2, "UINT64")])
message("ModelParameter", [("string_value", 1, "STRING")])
config = message("ModelConfig", [
    ("name", 1, "STRING"), ("max_batch_size", 4, "INT32"),
    ("input", 5, "repeated MESSAGE", ".inference.ModelInput"),
    ("output", 6, "repeated MESSAGE", ".inference.ModelOutput"),
    ("dynamic_batching", 11, "MESSAGE", ".inference.ModelDynamicBatching"),
    ("parameters", 14, "repeated MESSAGE", ".inference.ModelConfig.ParametersEntry"),
    ("backend", 17, "STRING"),
])
entry = message("ParametersEntry", [("key", 1, "STRING"), ("value", 2, "MESSAGE", ".inference.ModelParameter")], config)
entry.options.map_entry = True

pool = descriptor_pool.DescriptorPool()
pool.Add(file)
read = message_factory.GetMessageClass(pool.FindMessageTypeByName("inference.ModelConfig"))()
text_format.Parse(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"), read)
print(json.dumps(json_format.MessageToDict(read, preserving_proto_field_name=True)))
