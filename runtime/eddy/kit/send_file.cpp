// Stream::send_file: the one verb of a stream that knows files.
#include <eddy/core/try.hpp>
#include <eddy/file/file.hpp>
#include <eddy/net/stream.hpp>

#include <algorithm>

namespace eddy {
using namespace internal;

// A piece of the file, and out with it: what is cached is read without a turn, and the socket
// buffers more than a piece, so that one is read while another is on its way.
static Task<std::uint64_t> send_file_of(Counted<SocketState> state, Counted<FileState> file,
                                        std::uint64_t offset, std::uint64_t count) {
  FileAccess::check_readable(file);
  if (!is_offset(offset)) co_await fail(no_offset(file->name));
  const Writing writing(*state);
  ReadAhead piece;
  std::uint64_t sent = 0;
  while (sent < count) {
    const std::uint64_t wanted = std::min<std::uint64_t>(count - sent, 128 * 1024);
    EDDY_ASSERT(wanted > 0);
    const MutableBytes room(piece.room(wanted).first(wanted));
    EDDY_TRY(auto got, ReadAt(file, room, offset + sent));
    if (got == 0) break;
    EDDY_DO(WriteAll(state, Bytes(room.first(got)), true));
    EDDY_ASSERT(got <= wanted);
    sent += got;
  }
  co_return sent;
}

Task<std::uint64_t> Stream::send_file(File& file, std::uint64_t offset, std::uint64_t count) {
  return send_file_of(handle_.to_use(), FileAccess::state_of(file), offset, count);
}

}  // namespace eddy
