// dear_calls COUNT PROGRAM [ARGUMENT...]: runs PROGRAM where each system call costs more.
//
// As in a container: a filter that the kernel interprets at every call, the one that enters a ring
// included. A thousand additions are some 0.3 us. It begins with a load of an argument of the call,
// since the kernel (5.11) remembers what a filter allows that looks at the call's number alone.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <vector>

int main(int argc, char** argv) {
  const int count = argc > 2 ? std::atoi(argv[1]) : -1;
  if (count < 0 || count > BPF_MAXINSNS - 2) {
    std::fprintf(stderr, "usage: dear_calls COUNT PROGRAM [ARGUMENT...], up to %d\n",
                 BPF_MAXINSNS - 2);
    return 2;
  }
  std::vector<sock_filter> filter;
  filter.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args)));
  const sock_filter add = BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 1);
  filter.insert(filter.end(), static_cast<std::size_t>(count), add);
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    std::perror("dear_calls: seccomp");
    return 1;
  }
  ::execvp(argv[2], argv + 2);
  std::perror(argv[2]);
  return 127;
}
