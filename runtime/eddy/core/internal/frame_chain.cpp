#include <eddy/core/internal/frame_chain.hpp>

#include <eddy/base/internal/peek.hpp>

#include <bit>

namespace eddy::internal {
namespace {

// Where the program and its libraries lie in memory.
class Program {
 public:
  Program() { sys::dl_iterate_phdr(&add, this); }

  bool has(const void* address) const noexcept {
    const auto place = reinterpret_cast<std::uintptr_t>(address);
    for (const auto& part : parts_) {
      if (place >= part.begin && place < part.end) return true;
    }
    return false;
  }

 private:
  struct Part {
    std::uintptr_t begin;
    std::uintptr_t end;
  };

  static int add(dl_phdr_info* info, std::size_t, void* to) {
    for (int i = 0; i < info->dlpi_phnum; ++i) {
      const auto& header = info->dlpi_phdr[i];
      if (header.p_type != PT_LOAD) continue;
      const std::uintptr_t begin = info->dlpi_addr + header.p_vaddr;
      static_cast<Program*>(to)->parts_.push_back({begin, begin + header.p_memsz});
    }
    return 0;
  }

  std::vector<Part> parts_;
};

// What a frame of eddy's begins with: the ABI's two pointers, then the promise, where that is
// aligned to no more than two words. So do GCC's and clang's.
struct FrameHead {
  const void* resume;
  const void* destroy;
  std::uintptr_t told;
  std::source_location where;
};
static_assert(sizeof(FrameHead) == 4 * sizeof(void*));

// libstdc++'s source_location points at four words.
struct Place {
  const char* file;
  const char* function;
};

bool is_place(const std::source_location& where, const Program& program) {
  const auto* place = std::bit_cast<const Place*>(where);
  return program.has(place) && program.has(place->file) && program.has(place->function);
}

}  // namespace

FrameChain frames_of(TaskState& task, std::size_t at_most) {
  FrameChain chain;
  if (task.running() || task.done()) return chain;
  const Program program;
  const std::uintptr_t root = reinterpret_cast<std::uintptr_t>(&task) | 1;
  auto frame = reinterpret_cast<std::uintptr_t>(task.innermost_frame().address());
  while (frame != root) {
    FrameHead head;
    if (!peek(frame, &head, sizeof head)) return chain;
    if (!program.has(head.resume) || !is_place(head.where, program)) return chain;
    if (chain.innermost.size() < at_most) {
      chain.innermost.push_back(head.where);
    } else {
      ++chain.more;
    }
    frame = head.told;
  }
  chain.whole = true;
  return chain;
}

}  // namespace eddy::internal
