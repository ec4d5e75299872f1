// Files: cached reads, many small files, one big copy. Each beside the same by liburing or plain
// calls.
#include "harness.hpp"
#include "raw_ring.hpp"

#include <eddy/core/spawn.hpp>
#include <eddy/file/file.hpp>
#include <eddy/file/fs.hpp>
#include <eddy/file/registered_buffer.hpp>
#include <eddy/file/whole_file.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t block = 4096;
constexpr std::size_t blocks = 4096;  // 16 MiB: in the page cache, not in the CPU's

// The files that are read, in a directory of their own until the program ends.
struct Files {
  explicit Files(std::size_t count, std::size_t big_size) : root(make_root()), count(count) {
    std::ofstream(root / "big", std::ios::binary) << std::string(blocks * block, 'b');
    for (std::size_t i = 0; i < count; ++i) std::ofstream(small(i)) << std::string(1000, 's');
    std::ofstream lines(root / "lines", std::ios::binary);
    for (std::size_t i = 0; i < 22'000; ++i) lines << std::string(47, 'l') << '\n';
    if (big_size > 0) {
      std::ofstream huge(root / "huge", std::ios::binary);
      const std::string part(1 << 20, 'h');
      for (std::size_t done = 0; done < big_size; done += part.size()) huge << part;
    }
  }
  ~Files() { std::filesystem::remove_all(root); }
  static std::filesystem::path make_root() {
    std::string name = (std::filesystem::temp_directory_path() / "eddy-bench-XXXXXX").string();
    if (!::mkdtemp(name.data())) std::abort();
    return name;
  }
  std::string small(std::size_t i) const { return (root / ("s" + std::to_string(i))).string(); }

  std::filesystem::path root;
  std::size_t count;
};

std::uint64_t place(std::size_t i) { return i * 2654435761u % blocks * block; }

eddy::Task<> read_blocks(eddy::File& file, eddy::MutableBytes into, std::size_t from,
                         std::size_t to) {
  for (std::size_t i = from; i < to; ++i) co_await file.read_at(into, place(i));
}

void add_reads(eddy::Loop& loop, bench::RawRing& ring, const Files& files, unsigned depth,
               eddy::FilePolicy policy) {
  const bool always = policy == eddy::FilePolicy::ring;
  const std::string path = (files.root / "big").string();
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  auto buffers = std::make_shared<std::vector<char>>(depth * block);
  bench::add({.name = "4 KiB cached read, " + std::string(always ? "on the ring, " : "") +
                      "depth " + std::to_string(depth),
              .eddy =
                  [&loop, path, buffers, depth, policy](std::size_t count) {
                    const auto work = [&]() -> eddy::Task<> {
                      eddy::File file = co_await eddy::open(path, "rb", {.policy = policy});
                      std::vector<eddy::JoinHandle<>> tasks;
                      for (unsigned d = 0; d < depth; ++d) {
                        const eddy::MutableBytes mine(buffers->data() + d * block, block);
                        tasks.push_back(eddy::spawn(
                            read_blocks(file, mine, count * d / depth, count * (d + 1) / depth)));
                      }
                      for (auto& task : tasks) co_await task;
                      co_await file.close();
                    };
                    loop.run(work());
                  },
              .twin_name = "liburing",
              .twin =
                  [&ring, fd, buffers, depth](std::size_t count) {
                    for (std::size_t done = 0; done < count; done += depth) {
                      for (unsigned d = 0; d < depth; ++d) {
                        io_uring_sqe* entry = ring.entry();
                        io_uring_prep_read(entry, fd, buffers->data() + d * block, block,
                                           place(done + d));
                        io_uring_sqe_set_data64(entry, d);
                      }
                      ring.turn(depth, [](const io_uring_cqe& cqe) {
                        if (cqe.res != static_cast<int>(block)) std::abort();
                      });
                    }
                  },
              .goal = bench::times(1.03),
              .grain = depth});
}

// Reads through a registered file into a registered buffer, always on the ring; beside the same by
// liburing, or beside pread(2).
void add_registered_read(const Files& files, bool by_ring) {
  constexpr unsigned depth = 32;
  static eddy::Loop loop({.registered_files = 1, .registered_buffers = 1});
  static bench::RawRing ring;
  static std::vector<char> buffer(depth * block);
  const std::string path = (files.root / "big").string();
  static const int fd = [&] {
    const int opened = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    ring.register_one(opened, buffer.data(), buffer.size());
    return opened;
  }();
  const auto raw = [](std::size_t count) {
    for (std::size_t done = 0; done < count; done += depth) {
      for (unsigned d = 0; d < depth; ++d) {
        io_uring_sqe* entry = ring.entry();
        io_uring_prep_read_fixed(entry, 0, buffer.data() + d * block, block, place(done + d), 0);
        entry->flags |= IOSQE_FIXED_FILE;
        io_uring_sqe_set_data64(entry, d);
      }
      ring.turn(depth, [](const io_uring_cqe& cqe) {
        if (cqe.res != static_cast<int>(block)) std::abort();
      });
    }
  };
  const auto plain = [](std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      char* into = buffer.data() + i % depth * block;
      if (::pread(fd, into, block, static_cast<off_t>(place(i))) != static_cast<ssize_t>(block)) {
        std::abort();
      }
    }
  };
  bench::add({.name = "4 KiB read, registered file and buffer, depth 32",
              .eddy =
                  [path](std::size_t count) {
                    const auto work = [&]() -> eddy::Task<> {
                      eddy::File file = co_await eddy::open(
                          path, "rb", {.registered = true, .policy = eddy::FilePolicy::ring});
                      eddy::RegisteredBuffer memory(depth * block);
                      std::vector<eddy::JoinHandle<>> tasks;
                      for (std::size_t d = 0; d < depth; ++d) {
                        const eddy::MutableBytes mine(memory.bytes().data() + d * block, block);
                        tasks.push_back(eddy::spawn(
                            read_blocks(file, mine, count * d / depth, count * (d + 1) / depth)));
                      }
                      for (auto& task : tasks) co_await task;
                      co_await file.close();
                    };
                    loop.run(work());
                  },
              .twin_name = by_ring ? "liburing" : "pread(2)",
              .twin = by_ring ? bench::Side(raw) : bench::Side(plain),
              .goal = by_ring ? bench::times(1.03) : bench::ahead(),
              .grain = depth});
}

// Opens, reads and closes: `depth` files at a time, one kind of call after the other.
void read_small_raw(bench::RawRing& ring, const std::vector<std::string>& paths,
                    std::size_t count) {
  constexpr unsigned depth = 32;
  static char buffers[depth][block];
  int fds[depth];
  const auto check = [&](const io_uring_cqe& cqe) {
    if (cqe.res < 0) std::abort();
    if (cqe.user_data < depth) fds[cqe.user_data] = cqe.res;
  };
  for (std::size_t done = 0; done < count; done += depth) {
    for (unsigned d = 0; d < depth; ++d) {
      io_uring_sqe* entry = ring.entry();
      io_uring_prep_openat(entry, AT_FDCWD, paths[(done + d) % paths.size()].c_str(),
                           O_RDONLY | O_CLOEXEC, 0);
      io_uring_sqe_set_data64(entry, d);
    }
    ring.turn(depth, check);
    for (unsigned d = 0; d < depth; ++d) {
      io_uring_sqe* entry = ring.entry();
      io_uring_prep_read(entry, fds[d], buffers[d], block, 0);
      io_uring_sqe_set_data64(entry, depth);
    }
    ring.turn(depth, check);
    for (unsigned d = 0; d < depth; ++d) {
      io_uring_sqe* entry = ring.entry();
      io_uring_prep_close(entry, fds[d]);
      io_uring_sqe_set_data64(entry, depth);
    }
    ring.turn(depth, check);
  }
}

eddy::Task<> read_small(const std::vector<std::string>& paths, std::size_t& next,
                        std::size_t count) {
  char buffer[block];
  while (next < count) {
    const std::size_t i = next++ % paths.size();
    eddy::File file = co_await eddy::open(paths[i], "rb");
    co_await file.read_into(buffer);
    co_await file.close();
  }
}

// The same work: is it a directory, is there more behind what a read gave?
void read_small_plainly(const std::vector<std::string>& paths, std::size_t from, std::size_t to) {
  char buffer[block];
  for (std::size_t i = from; i < to; ++i) {
    const int fd = ::open(paths[i % paths.size()].c_str(), O_RDONLY | O_CLOEXEC);
    if (::pread(fd, buffer, 0, 0) < 0) std::abort();
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got < 0) std::abort();
    const auto count = static_cast<std::size_t>(got);
    if (::read(fd, buffer + count, sizeof buffer - count) != 0) std::abort();
    ::close(fd);
  }
}

eddy::Task<> read_whole(const std::vector<std::string>& paths, std::size_t& next,
                        std::size_t count) {
  while (next < count) {
    const std::vector<std::byte> bytes = co_await eddy::read_bytes(paths[next++ % paths.size()]);
    if (bytes.empty()) std::abort();
  }
}

void read_whole_plainly(const std::vector<std::string>& paths, std::size_t from, std::size_t to) {
  for (std::size_t i = from; i < to; ++i) {
    const int fd = ::open(paths[i % paths.size()].c_str(), O_RDONLY | O_CLOEXEC);
    struct stat found;
    if (::fstat(fd, &found) < 0) std::abort();
    std::vector<std::byte> bytes(static_cast<std::size_t>(found.st_size) + 1);
    const ssize_t got = ::read(fd, bytes.data(), bytes.size());
    if (got != found.st_size) std::abort();
    bytes.resize(static_cast<std::size_t>(got));
    ::close(fd);
  }
}

eddy::Task<> open_and_close(const std::vector<std::string>& paths, std::size_t& next,
                            std::size_t count) {
  while (next < count) {
    eddy::File file = co_await eddy::open(paths[next++ % paths.size()], "rb");
    co_await file.close();
  }
}

void open_and_close_plainly(const std::vector<std::string>& paths, std::size_t from,
                            std::size_t to) {
  char nothing;
  for (std::size_t i = from; i < to; ++i) {
    const int fd = ::open(paths[i % paths.size()].c_str(), O_RDONLY | O_CLOEXEC);
    if (::pread(fd, &nothing, 0, 0) < 0) std::abort();
    ::close(fd);
  }
}

// What is done to many small files: by a task, and by plain calls.
struct Job {
  const char* name;
  eddy::Task<> (*task)(const std::vector<std::string>& paths, std::size_t& next,
                       std::size_t count);
  void (*plainly)(const std::vector<std::string>& paths, std::size_t from, std::size_t to);
};
constexpr Job open_read_close{"open+read+close", &read_small, &read_small_plainly};
constexpr Job read_bytes_whole{"read_bytes", &read_whole, &read_whole_plainly};
constexpr Job open_close{"open+close", &open_and_close, &open_and_close_plainly};

enum class Against { plain_calls, threads, liburing };

void add_small_files(eddy::Loop& loop, bench::RawRing& ring, const Files& files, const Job& job,
                     unsigned tasks, Against against) {
  constexpr unsigned threads = 4;
  auto paths = std::make_shared<std::vector<std::string>>();
  for (std::size_t i = 0; i < files.count; ++i) paths->push_back(files.small(i));
  const auto by_threads = [paths, job](std::size_t count) {
    std::vector<std::thread> all;
    for (unsigned t = 0; t < threads; ++t) {
      all.emplace_back([&, t] {
        bench::unpin();
        job.plainly(*paths, count * t / threads, count * (t + 1) / threads);
      });
    }
    for (auto& thread : all) thread.join();
  };
  bench::Row row{.name = std::string(job.name) + ", " + std::to_string(tasks) + " at a time",
                 .eddy =
                     [&loop, paths, job, tasks](std::size_t count) {
                       const auto work = [&]() -> eddy::Task<> {
                         std::size_t next = 0;
                         std::vector<eddy::JoinHandle<>> all;
                         for (unsigned i = 0; i < tasks; ++i) {
                           all.push_back(eddy::spawn(job.task(*paths, next, count)));
                         }
                         for (auto& task : all) co_await task;
                       };
                       loop.run(work());
                     },
                 .goal = bench::times(1.15),
                 .grain = 32,
                 .round_seconds = 20e-3};
  switch (against) {
    case Against::plain_calls:
      row.twin_name = "plain calls";
      row.twin = [paths, job](std::size_t count) { job.plainly(*paths, 0, count); };
      break;
    case Against::threads:
      row.twin_name = "plain calls, 4 threads";
      row.twin = by_threads;
      row.goal = bench::ahead();
      row.clock = bench::Clock::wall;
      break;
    case Against::liburing:
      row.twin_name = "liburing, 32 at a time";
      row.twin = [&ring, paths](std::size_t count) { read_small_raw(ring, *paths, count); };
      row.goal = {};
      break;
  }
  bench::add(std::move(row));
}

// As cp does it, in this process: whose processor time can be compared.
void copy_plainly(const std::string& from, const std::string& to) {
  const int in = ::open(from.c_str(), O_RDONLY | O_CLOEXEC);
  const int out = ::open(to.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  ssize_t copied;
  do copied = ::copy_file_range(in, nullptr, out, nullptr, std::size_t{1} << 30, 0);
  while (copied > 0);
  if (copied < 0) std::abort();
  ::close(in);
  ::close(out);
}

// By the clock beside cp itself, and by the processor's time.
void add_copy(eddy::Loop& loop, const Files& files, std::size_t size, bench::Clock clock) {
  const std::string from = (files.root / "huge").string();
  const std::string to = (files.root / "copy").string();
  const bool by_clock = clock == bench::Clock::wall;
  bench::add({.name = "copy of " + std::to_string(size >> 20) + " MiB" +
                      (by_clock ? "" : ", processor"),
              .eddy =
                  [&loop, from, to](std::size_t count) {
                    for (std::size_t i = 0; i < count; ++i) loop.run(eddy::fs::copyfile(from, to));
                  },
              .twin_name = by_clock ? "cp" : "copy_file_range(2), as cp",
              .twin =
                  [from, to, by_clock](std::size_t count) {
                    const std::string command = "cp '" + from + "' '" + to + "'";
                    for (std::size_t i = 0; i < count; ++i) {
                      if (!by_clock) {
                        copy_plainly(from, to);
                      } else if (std::system(command.c_str()) != 0) {
                        std::abort();
                      }
                    }
                  },
              .goal = by_clock ? bench::ahead() : bench::times(1.02),
              .clock = clock,
              .rounds = 11,
              .before =
                  [to] {  // neither may pay for the pages that the other left to be written
                    std::filesystem::remove(to);
                    ::sync();
                  }});
}

// Small pieces and lines through a buffer of 64 KiB, over a file of 1 MiB again and again; beside
// the same by the C library.
constexpr std::size_t piece = 16;
constexpr std::size_t line = 48;
constexpr std::size_t pass = 1 << 16;  // pieces

eddy::Task<> write_pieces(eddy::File& file, std::size_t count) {
  const std::string bytes(piece, 'p');
  for (std::size_t i = 0; i < count; ++i) {
    if (i % pass == 0) co_await file.seek(0);
    co_await file.write(bytes);
  }
}
void write_pieces_plainly(std::FILE* file, std::size_t count) {
  const std::string bytes(piece, 'p');
  for (std::size_t i = 0; i < count; ++i) {
    if (i % pass == 0) std::rewind(file);
    if (std::fwrite(bytes.data(), 1, bytes.size(), file) != piece) std::abort();
  }
}

eddy::Task<> read_pieces(eddy::File& file, std::size_t count) {
  char into[piece];
  for (std::size_t i = 0; i < count; ++i) {
    if (i % pass == 0) co_await file.seek(0);
    if (co_await file.read_into(into) != piece) std::abort();
  }
}
void read_pieces_plainly(std::FILE* file, std::size_t count) {
  char into[piece];
  for (std::size_t i = 0; i < count; ++i) {
    if (i % pass == 0) std::rewind(file);
    if (std::fread(into, 1, piece, file) != piece) std::abort();
  }
}

eddy::Task<> read_lines(eddy::File& file, std::size_t count) {
  std::string into;
  for (std::size_t i = 0; i < count; ++i) {
    if (i % (pass * piece / line) == 0) co_await file.seek(0);
    if (!co_await file.readline_into(into)) std::abort();
  }
}
void read_lines_plainly(std::FILE* file, std::size_t count) {
  char* into = nullptr;
  std::size_t room = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (i % (pass * piece / line) == 0) std::rewind(file);
    if (::getline(&into, &room, file) < 0) std::abort();
  }
  std::free(into);
}

struct Buffered {
  const char* name;
  const char* mode;
  eddy::Task<> (*work)(eddy::File& file, std::size_t count);
  const char* twin_name;
  void (*twin)(std::FILE* file, std::size_t count);
  bench::Goal goal;
};

void add_buffered(eddy::Loop& loop, const Files& files, const Buffered& row) {
  const std::string path = (files.root / "lines").string();
  const auto by_eddy = [&loop, path, row](std::size_t count) {
    const auto work = [&]() -> eddy::Task<> {
      eddy::File file = co_await eddy::open(path, row.mode);
      co_await row.work(file, count);
      co_await file.close();
    };
    loop.run(work());
  };
  const auto plainly = [path, row](std::size_t count) {
    std::FILE* file = std::fopen(path.c_str(), row.mode);
    if (!file || std::setvbuf(file, nullptr, _IOFBF, 64 * 1024) != 0) std::abort();
    row.twin(file, count);
    std::fclose(file);
  };
  bench::add({.name = row.name,
              .eddy = by_eddy,
              .twin_name = row.twin_name,
              .twin = plainly,
              .goal = row.goal});
}

}  // namespace

void add_rows() {
  const std::size_t huge = bench::smoke() ? 4u << 20 : 1024u << 20;
  static const Files files(bench::smoke() ? 200 : 10'000, huge);
  static eddy::Loop loop;
  static bench::RawRing ring;
  for (const auto policy : {eddy::FilePolicy::automatic, eddy::FilePolicy::ring}) {
    add_reads(loop, ring, files, 1, policy);
    add_reads(loop, ring, files, 32, policy);
  }
  add_registered_read(files, true);
  add_registered_read(files, false);
  for (const Job& job : {open_close, open_read_close, read_bytes_whole}) {
    add_small_files(loop, ring, files, job, 1, Against::plain_calls);
    add_small_files(loop, ring, files, job, 32, Against::plain_calls);
  }
  add_small_files(loop, ring, files, open_read_close, 32, Against::liburing);
  add_small_files(loop, ring, files, open_read_close, 32, Against::threads);
  add_small_files(loop, ring, files, read_bytes_whole, 32, Against::threads);
  add_copy(loop, files, huge, bench::Clock::wall);
  add_copy(loop, files, huge, bench::Clock::process);
  for (const Buffered& row : {
           Buffered{"line of 48 B", "r", &read_lines, "getline", &read_lines_plainly,
                    bench::ahead()},
           Buffered{"buffered read 16 B", "r", &read_pieces, "fread", &read_pieces_plainly,
                    bench::ahead()},
           Buffered{"buffered write 16 B", "r+", &write_pieces, "fwrite", &write_pieces_plainly,
                    bench::ahead()}}) {
    add_buffered(loop, files, row);
  }
}
