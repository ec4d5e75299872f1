#include <eddy/core/internal/frame_chain.hpp>

#include <eddy/base/error.hpp>
#include <eddy/base/internal/sys.hpp>

#include <bit>

namespace eddy::internal {
namespace {

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

}  // namespace

FrameReader::FrameReader() {
  try {
    memory_.emplace();
  } catch (const Error&) {  // this process may not read itself: then no frames are shown
  }
  sys::dl_iterate_phdr(&add_parts, this);
}

int FrameReader::add_parts(dl_phdr_info* info, std::size_t, void* to) {
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& header = info->dlpi_phdr[i];
    if (header.p_type != PT_LOAD) continue;
    const std::uintptr_t begin = info->dlpi_addr + header.p_vaddr;
    static_cast<FrameReader*>(to)->parts_.push_back({begin, begin + header.p_memsz});
  }
  return 0;
}

bool FrameReader::in_program(const void* address) const noexcept {
  const auto place = reinterpret_cast<std::uintptr_t>(address);
  for (const auto& part : parts_) {
    if (place >= part.begin && place < part.end) return true;
  }
  return false;
}

bool FrameReader::is_place(const std::source_location& where) const noexcept {
  const auto* place = std::bit_cast<const Place*>(where);
  if (reinterpret_cast<std::uintptr_t>(place) % alignof(Place) != 0) return false;
  return in_program(place) && in_program(place->file) && in_program(place->function);
}

FrameChain FrameReader::read(TaskState& task, std::size_t at_most) const {
  FrameChain chain;
  if (task.in_step() || task.done()) return chain;
  if (!memory_) {
    chain.whole = true;  // for all that is known
    return chain;
  }
  const std::uintptr_t root = reinterpret_cast<std::uintptr_t>(&task) | 1;
  auto frame = reinterpret_cast<std::uintptr_t>(task.point().address());
  // What is not eddy's may lead in a circle: one frame is remembered, then one twice as far on.
  std::uintptr_t remembered = 0;
  std::size_t steps = 0;
  while (frame != root) {
    if (frame == remembered) return chain;
    if (std::has_single_bit(++steps)) remembered = frame;
    FrameHead head;
    if (!memory_->read(frame, head)) return chain;
    if (!in_program(head.resume) || !is_place(head.where)) return chain;
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
