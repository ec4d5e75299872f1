// posix_spawn(3) of glibc is clone(CLONE_VM | CLONE_VFORK): its time does not grow with this
// process, and what exec says comes back as its result. The child gets an empty signal mask and
// every disposition as it was at boot: a program that ignores SIGPIPE would pass that on.
#include <eddy/base/error.hpp>
#include <eddy/base/internal/assert.hpp>
#include <eddy/base/internal/sys.hpp>
#include <eddy/kit/internal/child_plan.hpp>

#include <algorithm>
#include <cstring>
#include <utility>

namespace eddy::internal {
namespace {

void check_no_zero(std::string_view text, const char* what) {
  if (text.find('\0') != text.npos) throw UsageError(std::string(what) + " with a zero byte in it");
}

std::string_view name_in(std::string_view entry) noexcept {
  return entry.substr(0, entry.find('=', 1));
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

[[noreturn]] void throw_bad(int fd, int code) {
  throw Error(code, "pass to a child", "fd " + std::to_string(fd));
}

bool is_below_limit(int fd) noexcept {
  rlimit limit{};
  return sys::getrlimit(RLIMIT_NOFILE, &limit) == 0 && static_cast<rlim_t>(fd) < limit.rlim_cur;
}

// Throws where there is no memory, before there is a child.
void check(int code) {
  if (code != 0) throw Error(code, "prepare a child");
}

class FileActions {
 public:
  FileActions() { check(posix_spawn_file_actions_init(&actions_)); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  ~FileActions() { posix_spawn_file_actions_destroy(&actions_); }
  // Equal numbers lose FD_CLOEXEC (glibc 2.29), which dup2(2) would leave.
  void dup(int source, int target) {
    check(posix_spawn_file_actions_adddup2(&actions_, source, target));
  }
  void chdir(const std::string& path) {
    check(posix_spawn_file_actions_addchdir_np(&actions_, path.c_str()));
  }
  // No error where there is none.
  void close(int fd) { check(posix_spawn_file_actions_addclose(&actions_, fd)); }
  void close_from(int fd) { check(posix_spawn_file_actions_addclosefrom_np(&actions_, fd)); }
  const posix_spawn_file_actions_t* get() const noexcept { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

class Attributes {
 public:
  explicit Attributes(ProcessGroup group) {
    check(posix_spawnattr_init(&attributes_));
    sigset_t signals;
    std::memset(&signals, 0xff, sizeof signals);  // sigfillset() leaves out 32 and 33, glibc's own
    posix_spawnattr_setsigdefault(&attributes_, &signals);
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes_, &signals);
    int flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
    if (group == ProcessGroup::own) flags |= POSIX_SPAWN_SETPGROUP;  // of its own number: 0
    if (group == ProcessGroup::session) flags |= POSIX_SPAWN_SETSID;
    posix_spawnattr_setflags(&attributes_, static_cast<short>(flags));
  }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  ~Attributes() { posix_spawnattr_destroy(&attributes_); }
  const posix_spawnattr_t* get() const noexcept { return &attributes_; }

 private:
  posix_spawnattr_t attributes_;
};

int highest_target(std::span<const PassedDescriptor> given) noexcept {
  EDDY_ASSERT(given.size() >= 3);
  return std::ranges::max_element(given, {}, &PassedDescriptor::target)->target;
}

// O_CLOEXEC is not everybody's, and a pipe that one child too many has does not end.
void close_others(FileActions& actions, std::span<const PassedDescriptor> given) {
  const auto highest = static_cast<std::size_t>(highest_target(given));
  std::vector<bool> has(highest + 1);
  for (const PassedDescriptor& one : given) has[static_cast<std::size_t>(one.target)] = true;
  for (std::size_t fd = 0; fd < highest; ++fd) {
    if (!has[fd]) actions.close(static_cast<int>(fd));
  }
  actions.close_from(static_cast<int>(highest) + 1);
}

}  // namespace

ChildPlan::ChildPlan(std::vector<std::string> argv, const ProcessOptions& options)
    : argv_(std::move(argv)), cwd_(options.cwd), group_(options.group) {
  if (argv_.empty() || argv_[0].empty()) throw UsageError("exec without a program");
  for (const std::string& argument : argv_) check_no_zero(argument, "exec of an argument");
  check_no_zero(cwd_, "exec in a directory");
  build_environment(options);
  open_streams(options);
  add_descriptors(options.descriptors);
  move_sources_away();
}

void ChildPlan::build_environment(const ProcessOptions& options) {
  own_environment_ = options.clear_environment || !options.environment.empty();
  if (!own_environment_) return;
  const auto has_name = [](std::string_view name) {
    return [name](std::string_view other) { return name_in(other) == name; };
  };
  const auto wanted = options.environment;
  if (!options.clear_environment) {
    for (char** entry = sys::environment(); entry && *entry; ++entry) {
      if (std::ranges::none_of(wanted, has_name(name_in(*entry)))) {
        environment_.emplace_back(*entry);
      }
    }
  }
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const std::string& entry = wanted[i];
    check_no_zero(entry, "an environment");
    if (std::ranges::any_of(wanted.subspan(i + 1), has_name(name_in(entry)))) continue;
    if (name_in(entry).size() < entry.size()) environment_.push_back(entry);
  }
}

void ChildPlan::open_streams(const ProcessOptions& options) {
  if (options.input.kind() == Stdio::Kind::to_output ||
      options.output.kind() == Stdio::Kind::to_output) {
    throw UsageError("only the errors of a child can go to its output");
  }
  // Asked before anything is opened: a pipe could take the number of a stream that is closed here.
  Stdio streams[] = {options.input, options.output, options.errors};
  for (int i = 0; i < 3; ++i) {
    if (streams[i].kind() == Stdio::Kind::inherit && sys::fcntl(i, F_GETFD, 0) < 0) {
      streams[i] = Stdio::null();
    }
  }
  int output = STDOUT_FILENO;
  for (int i = 0; i < 3; ++i) {
    const bool same = streams[i].kind() == Stdio::Kind::to_output;
    const int source = same ? output : open_stream(i, streams[i]);
    if (i == STDOUT_FILENO) output = source;
    pass(source, i);
  }
}

// The child's end.
int ChildPlan::open_stream(int stream, Stdio what) {
  if (what.kind() == Stdio::Kind::inherit) return stream;
  if (what.kind() == Stdio::Kind::descriptor) return what.fd();
  if (what.kind() == Stdio::Kind::null) {
    kept_.emplace_back(sys::open("/dev/null", O_RDWR | O_CLOEXEC));
    if (!kept_.back()) throw Error(errno, "open", "/dev/null");
    return kept_.back().get();
  }
  EDDY_ASSERT(what.kind() == Stdio::Kind::pipe);
  int ends[2];
  if (sys::pipe2(ends, O_CLOEXEC) < 0) throw Error(errno, "create a pipe");
  const bool writes = stream != STDIN_FILENO;  // the child
  ours_[stream].reset(ends[writes ? 0 : 1]);
  UniqueFd theirs(ends[writes ? 1 : 0]);
  return kept_.emplace_back(std::move(theirs)).get();
}

void ChildPlan::add_descriptors(std::span<const PassedDescriptor> wanted) {
  for (const PassedDescriptor& one : wanted) {
    if (one.target < 0) throw UsageError("a child's descriptor with a negative number");
    if (!is_below_limit(one.target)) throw_bad(one.target, EBADF);
    for (const PassedDescriptor& other : passed_) {
      if (other.target == one.target) throw UsageError("a child's descriptor from two sources");
    }
    pass(one.source, one.target);
  }
}

void ChildPlan::pass(int source, int target) {
  EDDY_ASSERT(target >= 0);
  if (sys::fcntl(source, F_GETFD, 0) < 0) throw_bad(source, errno);
  passed_.push_back({source, target});
}

// What is to be placed over a descriptor that another is made from would destroy it: each of those
// is copied above all targets first.
void ChildPlan::move_sources_away() {
  const int highest = highest_target(passed_);
  for (PassedDescriptor& one : passed_) {
    if (one.source > highest || one.source == one.target) continue;
    UniqueFd copy(sys::fcntl(one.source, F_DUPFD_CLOEXEC, highest + 1));
    if (!copy) throw_bad(one.source, errno);
    one.source = kept_.emplace_back(std::move(copy)).get();
  }
}

pid_t ChildPlan::start() {
  FileActions actions;
  const Attributes attributes(group_);
  if (!cwd_.empty()) actions.chdir(cwd_);
  for (const PassedDescriptor& one : passed_) actions.dup(one.source, one.target);
  close_others(actions, passed_);
  const auto arguments = pointers_to(argv_);
  const auto environment = pointers_to(environment_);
  pid_t child = -1;
  const int code = sys::posix_spawnp(&child, arguments[0], actions.get(), attributes.get(),
                                     arguments.data(),
                                     own_environment_ ? environment.data() : sys::environment());
  if (code != 0) throw_failed(code);
  EDDY_VERIFY(child > 0);
  kept_.clear();  // or the pipes would never end
  return child;
}

// One errno for what failed in the child, whichever step it was.
void ChildPlan::throw_failed(int code) const {
  EDDY_ASSERT(code > 0);
  const bool directory = !cwd_.empty() && sys::access((cwd_ + "/").c_str(), X_OK) < 0;
  if (directory) throw Error(code, "change to", cwd_);
  throw Error(code, "exec", argv_[0]);
}

}  // namespace eddy::internal
