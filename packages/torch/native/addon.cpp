// Registers every op as a function, turns each C++ exception into a typed JavaScript error, and ties the state to its environment.
#include <memory>

#include "arguments.h"
#include "mapped-file.h"

namespace slicestack {

namespace {

enum ErrorClass { kTorchError, kArgumentError, kDisposedError, kMemoryError, kDistributedError, kMappedFileError, kErrorClasses };

struct Bound {
  OpEntry entry;
  Environment* state;
};

struct Instance {
  explicit Instance(napi_env env) : state(env) {}
  Environment state;
  std::vector<std::unique_ptr<Bound>> bound;
};

/** `new Class(message, op, shapes, rank, worldSize)`; a plain Error while the classes are not set yet. */
void throwAs(napi_env env, Environment& state, ErrorClass kind, const std::string& message, const char* op, const std::string& shapes, int rank = -1, int size = 0) {
  napi_value text, name, where, place, all, error, constructor = nullptr;
  napi_create_string_utf8(env, message.data(), message.size(), &text);
  napi_create_string_utf8(env, op, NAPI_AUTO_LENGTH, &name);
  napi_create_string_utf8(env, shapes.data(), shapes.size(), &where);
  napi_create_int32(env, rank, &place);
  napi_create_int32(env, size, &all);
  if (state.errorClasses[kind]) napi_get_reference_value(env, state.errorClasses[kind], &constructor);
  napi_value arguments[] = {text, name, where, place, all};
  if (constructor && napi_new_instance(env, constructor, 5, arguments, &error) == napi_ok) {
    napi_throw(env, error);
    return;
  }
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  if (!pending) napi_throw_error(env, nullptr, message.c_str());
}

bool isMemoryMessage(const std::string& text) {
  return text.find("can't allocate memory") != std::string::npos || text.find("out of memory") != std::string::npos ||
         text.find("not enough memory") != std::string::npos;
}

napi_value call(napi_env env, napi_callback_info info) {
  void* data = nullptr;
  size_t count = Arguments::kMost;
  napi_value values[Arguments::kMost];
  if (napi_get_cb_info(env, info, &count, values, nullptr, &data) != napi_ok) return nullptr;
  const Bound& bound = *static_cast<Bound*>(data);
  Environment& state = *bound.state;
  const char* op = bound.entry.name;
  std::string shapes;
  try {
    Arguments arguments(env, state, op, count, values);
    try {
      const uint64_t missed = missingPages();
      const napi_value result = bound.entry.run(arguments);
      if (missed != missingPages()) refuseMissingPages(&state);
      return result;
    } catch (...) {
      shapes = arguments.shapes();
      throw;
    }
  } catch (const JavaScriptFault&) {
    napi_value box, error;
    napi_get_reference_value(env, state.functions->thrown, &box);
    napi_get_element(env, box, 0, &error);
    napi_delete_reference(env, state.functions->thrown);
    state.functions->thrown = nullptr;
    napi_throw(env, error);
  } catch (const ArgumentFault& fault) {
    throwAs(env, state, kArgumentError, fault.what(), op, shapes);
  } catch (const DisposedFault& fault) {
    throwAs(env, state, kDisposedError, fault.what(), op, shapes);
  } catch (const MemoryFault& fault) {
    throwAs(env, state, kMemoryError, fault.what(), op, shapes);
  } catch (const MappedFileFault& fault) {
    throwAs(env, state, kMappedFileError, fault.what(), op, shapes);
  } catch (const DistributedFault& fault) {
    throwAs(env, state, kDistributedError, fault.what(), op, "", fault.rank, fault.size);
  } catch (const std::bad_alloc&) {
    throwAs(env, state, kMemoryError, "the allocator is out of memory; " + state.describeLive(5), op, shapes);
  } catch (const c10::Error& fault) {
    const std::string text = fault.what_without_backtrace();
    if (isMemoryMessage(text)) throwAs(env, state, kMemoryError, text + "; " + state.describeLive(5), op, shapes);
    else throwAs(env, state, kTorchError, text, op, shapes);
  } catch (const std::exception& fault) {
    throwAs(env, state, kTorchError, fault.what(), op, shapes);
  } catch (...) {
    throwAs(env, state, kTorchError, "an unknown exception", op, shapes);
  }
  return nullptr;
}

/** setErrorClasses(TorchError, ArgumentError, TensorDisposedError, OutOfMemoryError, DistributedError, MappedFileError) */
napi_value setErrorClasses(Arguments& a) {
  for (size_t i = 0; i < kErrorClasses; ++i) {
    napi_valuetype type = napi_undefined;
    if (!a.missing(i)) napi_typeof(a.env, a.raw(i), &type);
    if (type != napi_function) a.fail(i, "class", "an error class");
  }
  for (size_t i = 0; i < kErrorClasses; ++i) {
    if (a.state.errorClasses[i]) napi_delete_reference(a.env, a.state.errorClasses[i]);
    napi_create_reference(a.env, a.raw(i), 1, &a.state.errorClasses[i]);
  }
  return a.nothing();
}

/** setMemoryProbe(function): returns the bytes that this process may still allocate; called before a large tensor is created */
napi_value setMemoryProbe(Arguments& a) {
  napi_valuetype type = napi_undefined;
  if (!a.missing(0)) napi_typeof(a.env, a.raw(0), &type);
  if (type != napi_function) a.fail(0, "probe", "a function");
  if (a.state.memoryProbe) napi_delete_reference(a.env, a.state.memoryProbe);
  napi_create_reference(a.env, a.raw(0), 1, &a.state.memoryProbe);
  return a.nothing();
}

void finish(napi_env, void* data, void*) { delete static_cast<Instance*>(data); }

}  // namespace

napi_value initialise(napi_env env, napi_value exports) {
  Instance* instance = nullptr;
  try {
    instance = new Instance(env);
  } catch (const std::exception& fault) {
    napi_throw_error(env, nullptr, fault.what());
    return exports;
  }
  if (napi_set_instance_data(env, instance, finish, nullptr) != napi_ok) {
    delete instance;
    napi_throw_error(env, nullptr, "the addon could not keep its state in this environment");
    return exports;
  }
  std::vector<OpTable> tables = {{{"setErrorClasses", setErrorClasses}, {"setMemoryProbe", setMemoryProbe}}, memoryOps(), tf32Ops(), creationOps(),  shapeOps(), mathOps(),
                                 layerOps(),                             autogradOps(), functionOps(),  optimizerOps(),
                                 collectiveOps()};
  for (const OpTable& table : tables)
    for (const OpEntry& entry : table) {
      instance->bound.push_back(std::make_unique<Bound>(Bound{entry, &instance->state}));
      napi_value function;
      napi_create_function(env, entry.name, NAPI_AUTO_LENGTH, call, instance->bound.back().get(), &function);
      napi_set_named_property(env, exports, entry.name, function);
    }
  return exports;
}

}  // namespace slicestack

NAPI_MODULE_INIT() { return slicestack::initialise(env, exports); }
