// ReceiveBuffers: memory of a loop that the kernel takes a piece of when bytes arrive, so that a
// stream which waits for them holds none.
//
// A ring of provided buffers (5.19). What arrives is copied to its stream while completions are
// reaped, and the piece goes back at once: a few are enough for any number of streams, and a
// receive that found none (ENOBUFS) finds one after the next enter. Where the kernel can fill one
// buffer bit by bit (incremental, 6.12, by a check of what it does) a short receive takes no more
// than its bytes.
#pragma once

#include <eddy/base/bytes.hpp>
#include <eddy/core/loop.hpp>

#include <cstdint>
#include <memory>
#include <vector>

namespace eddy::internal {

class ReceiveBuffers : public LoopService {
 public:
  static constexpr std::uint16_t group = 1;
  static constexpr std::size_t piece = 4096;  // the most that one receive takes

  explicit ReceiveBuffers(Loop& loop);
  ~ReceiveBuffers() override;

  // False where the kernel has none: streams then receive into memory of their own.
  bool available() const noexcept { return ring_ != nullptr; }
  bool incremental() const noexcept { return incremental_; }

  // Marks `request`, a receive, to take its memory from here.
  void use(Request& request) const noexcept;

  // The bytes of a completion: valid until give_back(). REQUIRES: it has a buffer
  Bytes received(int result, std::uint32_t flags) const noexcept;
  void give_back(int result, std::uint32_t flags) noexcept;
  static bool has_buffer(std::uint32_t flags) noexcept { return flags & 1; }

 private:
  struct Unmap {
    Unmap() noexcept {}
    explicit Unmap(std::size_t mapped) noexcept : size(mapped) {}
    std::size_t size = 0;
    void operator()(std::byte* memory) const noexcept;
  };
  using Mapping = std::unique_ptr<std::byte, Unmap>;

  static Mapping map(std::size_t size);

  std::byte* buffer(unsigned id) const noexcept { return memory_.get() + id * size_; }
  void put(unsigned id) noexcept;
  unsigned id_of(std::uint32_t flags) const noexcept;

  Loop& loop_;
  unsigned count_;
  std::size_t size_;
  bool incremental_;
  Mapping ring_memory_;
  Mapping memory_;
  BufferEntry* ring_ = nullptr;
  std::uint16_t tail_ = 0;
  std::vector<std::uint32_t> used_;  // of each buffer, where they are filled bit by bit
};

}  // namespace eddy::internal
