// fs::rmtree: a directory with all that is in it.
#pragma once

#include <eddy/base/error.hpp>
#include <eddy/base/text.hpp>
#include <eddy/core/callable.hpp>
#include <eddy/core/task.hpp>

#include <functional>
#include <string_view>
#include <utility>

namespace eddy {

namespace internal {

// Called with what failed and its whole path.
using OnTreeError = std::function<void(const Error& error, std::string_view path)>;

Task<> remove_tree(Text path, bool ignore_errors, OnTreeError on_error);

}  // namespace internal

namespace fs {

struct RmtreeOptions {
  bool ignore_errors = false;  // what cannot be removed stays, and nobody hears of it
};

// Removes the directory and everything below it. Links are removed, never followed: not the root
// either (ENOTDIR), and not one that somebody puts in the place of a directory meanwhile, because
// each name is looked up in the directory that is open (openat, unlinkat). Trees may be of any
// depth: a few descriptors are enough. What vanishes meanwhile is gone; what comes meanwhile is
// removed too, unless it comes for ever.
//
// The first failure ends it, and names the path; the rest stays. Cancelled: a part is gone. EINVAL,
// with nothing removed, for a path that ends in "." or "..", and for "/".
Task<> rmtree(Text path, RmtreeOptions options = {});

// The same, but each failure is given to `on_error(const Error&, std::string_view path)` and the
// rest is removed, unless it throws; shutil's onexc.
template <std::invocable<const Error&, std::string_view> F>
Task<> rmtree(Text path, F&& on_error) {
  EDDY_CHECK_KEPT(F);
  return internal::remove_tree(std::move(path), false,
                               internal::OnTreeError(std::forward<F>(on_error)));
}

}  // namespace fs
}  // namespace eddy
