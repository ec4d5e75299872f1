// Text: an immutable, shared, NUL-terminated string in one pooled block.
//
// Names of tasks, reasons of cancellations and paths on their way to the kernel are Texts: copying
// one is counting, and making one does not call malloc after warm-up. Counts are atomic because an
// exception that carries one may cross threads.
#pragma once

#include <eddy/base/internal/pool.hpp>

#include <atomic>
#include <concepts>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace eddy {

// std::filesystem::path by its looks: who has none need not read the 57,000 lines of its header.
template <class P>
concept FilesystemPath = requires(const P& path) {
  { path.native() } -> std::same_as<const std::string&>;
};

class Text {
 public:
  Text() = default;
  Text(std::string_view text) { if (!text.empty()) block_ = Block::make(text); }
  Text(const char* text) : Text(std::string_view(text)) {}
  Text(const std::string& text) : Text(std::string_view(text)) {}
  template <FilesystemPath P>
  Text(const P& path) : Text(std::string_view(path.native())) {}

  Text(const Text& other) noexcept : block_(other.block_) {
    if (block_) block_->references.fetch_add(1, std::memory_order_relaxed);
  }
  Text(Text&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  Text& operator=(Text other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~Text() { if (block_) block_->release(); }

  bool empty() const noexcept { return block_ == nullptr; }
  const char* c_str() const noexcept { return block_ ? block_->characters() : ""; }
  std::string_view view() const noexcept {
    return block_ ? std::string_view(block_->characters(), block_->size) : std::string_view();
  }

 private:
  struct Block {
    std::atomic<unsigned> references;
    std::size_t size;

    char* characters() noexcept { return reinterpret_cast<char*>(this + 1); }

    static Block* make(std::string_view text) {
      Block* block =
          ::new (internal::Pool::allocate(sizeof(Block) + text.size() + 1)) Block{1, text.size()};
      std::memcpy(block->characters(), text.data(), text.size());
      block->characters()[text.size()] = '\0';
      return block;
    }
    void release() noexcept {
      if (references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
      internal::Pool::release(this, sizeof(Block) + size + 1);
    }
  };

  Block* block_ = nullptr;
};

}  // namespace eddy
