#include <eddy/http/internal/upload.hpp>

#include <eddy/core/try.hpp>
#include <eddy/file/file.hpp>
#include <eddy/http/error.hpp>

#include <algorithm>
#include <cstring>

namespace eddy::http::internal {
using namespace eddy::internal;

void Upload::add_text(std::string_view text) {
  if (pieces_.empty() || !pieces_.back().path.empty()) pieces_.emplace_back();
  pieces_.back().text.append(text);
}

void Upload::add_file(std::string_view path) {
  if (path.empty()) throw UsageError("a body of a file without a name");
  pieces_.push_back(Piece{.path = std::string(path)});
}

void Upload::add_source(BodySource& source) { pieces_.push_back(Piece{.source = &source}); }

Task<> Upload::prepare(Counted<Upload> self) {
  if (!self->chunk_) self->chunk_ = std::make_unique_for_overwrite<std::byte[]>(chunk_size);
  std::uint64_t all = 0;
  bool known = true;
  for (Piece& piece : self->pieces_) {
    if (!piece.path.empty()) {
      EDDY_TRY(piece.file, eddy::open(piece.path, "rb"));
      EDDY_TRY(const FileStat stat, piece.file.stat());
      if (!S_ISREG(stat.mode)) throw eddy::Error(EINVAL, "send what is no file", piece.path);
      piece.size = stat.size;
    } else if (piece.source) {
      const auto size = piece.source->size();
      known = known && size.has_value();
      piece.size = size.value_or(0);
    } else {
      piece.size = piece.text.size();
    }
    all += piece.size;
  }
  if (known) self->size_ = all;
  EDDY_DO(feed(self));
}

std::size_t Upload::take(MutableBytes into) noexcept {
  const std::size_t count = std::min(into.size(), end_ - begin_);
  if (count > 0) std::memcpy(into.data(), chunk_.get() + begin_, count);
  begin_ += count;
  return count;
}

// A rewind() in the middle of a read: what that brings belongs to what was sent before.
Task<> Upload::feed(Counted<Upload> self) {
  Upload& up = *self;
  const std::uint64_t rewound = up.rewound_;
  std::size_t filled = 0;
  while (filled == 0 && up.piece_ < up.pieces_.size()) {
    Piece& piece = up.pieces_[up.piece_];
    const MutableBytes room(up.chunk_.get(), chunk_size);
    std::size_t got = 0;
    if (piece.source) {
      EDDY_TRY(got, piece.source->read_some(room));
    } else if (!piece.path.empty()) {
      const auto most = std::min<std::uint64_t>(chunk_size, piece.size - up.offset_);
      if (most > 0) {
        EDDY_TRY(got, piece.file.read_at(room.first(most), up.offset_));
        if (got == 0) {
          throw TransferError(Kind::body, {static_cast<int>(Kind::body), http_category()}, "send",
                              piece.path, "the file became shorter meanwhile");
        }
      }
    } else {
      const std::string_view rest = std::string_view(piece.text).substr(up.offset_, chunk_size);
      got = rest.copy(reinterpret_cast<char*>(up.chunk_.get()), rest.size());
    }
    if (up.rewound_ != rewound) co_return;
    up.offset_ += got;
    filled = got;
    if (got == 0) {
      ++up.piece_;
      up.offset_ = 0;
    }
  }
  up.begin_ = 0;
  up.end_ = filled;
  up.ended_ = filled == 0;
}

bool Upload::rewind() {
  for (Piece& piece : pieces_) {
    if (piece.source && !piece.source->rewind()) return false;
  }
  ++rewound_;
  begin_ = end_ = 0;
  piece_ = 0;
  offset_ = 0;
  ended_ = false;
  return true;
}

}  // namespace eddy::http::internal
