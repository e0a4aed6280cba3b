// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "cuda_engine.hpp"

#include <dlfcn.h>

#include <filesystem>
#include <string>
#include <system_error>

namespace candist::program {
namespace {

namespace fs = std::filesystem;

/// Beside the program, or where an installation has it.
void* open_module() {
  std::error_code error;
  const fs::path folder = fs::read_symlink("/proc/self/exe", error).parent_path();
  std::string problem;
  for (const fs::path& file : {folder / CANDIST_CUDA_MODULE,
                               folder / CANDIST_CUDA_MODULE_INSTALLED / CANDIST_CUDA_MODULE}) {
    if (!fs::exists(file, error)) continue;
    if (void* module = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL)) return module;
    problem = dlerror();
  }
  if (problem.empty())
    throw InputError(
        "this candist was built without CUDA: build it where nvcc is found, or take --student "
        "transformer");
  throw InputError("the CUDA part of candist cannot be loaded: " + problem);
}

template <class Function>
Function* function_of(const char* name) {
  static void* const module = open_module();
  auto* function = reinterpret_cast<Function*>(dlsym(module, name));
  if (function == nullptr)
    throw InputError(std::string("the CUDA part of candist is of another version: it has no ") +
                     name);
  return function;
}

}  // namespace

void check_cuda() { function_of<void()>("candist_check_cuda")(); }

std::shared_ptr<TransformerEngine> make_cuda_engine(const CudaEngineRequest& request) {
  return std::shared_ptr<TransformerEngine>(
      function_of<TransformerEngine*(const CudaEngineRequest&)>("candist_new_cuda_engine")(
          request));
}

TransformerMemory cuda_engine_memory(const CudaEngineRequest& request) {
  return function_of<TransformerMemory(const CudaEngineRequest&)>("candist_cuda_engine_memory")(
      request);
}

std::size_t free_cuda_bytes() { return function_of<std::size_t()>("candist_free_cuda_bytes")(); }

}  // namespace candist::program
