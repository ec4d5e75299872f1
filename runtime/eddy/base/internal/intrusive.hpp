// The linked lists of eddy. Nodes live where they wait, mostly in coroutine frames, so that
// queueing never allocates.
//
//   Link<Tag>, List<T, Tag>   doubly linked; a node leaves its list in O(1), and when it dies
//   Fifo<T>                   singly linked through T::next_; for what is never removed midway
#pragma once

#include <eddy/base/internal/assert.hpp>

#include <cstddef>

namespace eddy::internal {

template <class T, class Tag>
class List;

// A node's place in one list. Derive once per list (Tag) that the node can be in at a time.
template <class Tag>
class Link {
 public:
  Link() = default;
  ~Link() { unlink(); }

  // A copy or a moved-to node is in no list; the source keeps its place.
  Link(const Link&) noexcept {}
  Link& operator=(const Link&) noexcept { return *this; }

  bool linked() const noexcept { return next_ != nullptr; }

  void unlink() noexcept {
    if (!next_) return;
    previous_->next_ = next_;
    next_->previous_ = previous_;
    next_ = previous_ = nullptr;
  }

 private:
  template <class, class>
  friend class List;

  Link* next_ = nullptr;
  Link* previous_ = nullptr;
};

// REQUIRES: empty when destroyed.
template <class T, class Tag = T>
class List {
 public:
  List() noexcept { head_.next_ = head_.previous_ = &head_; }
  List(const List&) = delete;
  List& operator=(const List&) = delete;
  ~List() {
    EDDY_ASSERT(empty());
    head_.next_ = head_.previous_ = nullptr;
  }

  bool empty() const noexcept { return head_.next_ == &head_; }
  T* front() noexcept { return empty() ? nullptr : to_node(head_.next_); }
  T* back() noexcept { return empty() ? nullptr : to_node(head_.previous_); }

  void push_back(T& node) noexcept { insert_before(head_, node); }
  void push_front(T& node) noexcept { insert_before(*head_.next_, node); }

  T* pop_front() noexcept {
    T* node = front();
    if (node) static_cast<Link<Tag>*>(node)->unlink();
    return node;
  }

  // The node after `node`, or null at the end: a walk may unlink the node it stands on only after
  // it has asked for the next.
  T* after(T& node) noexcept {
    Link<Tag>* next = static_cast<Link<Tag>&>(node).next_;
    return next == &head_ ? nullptr : to_node(next);
  }

  // Counts by walking: O(n).
  std::size_t count() const noexcept {
    std::size_t total = 0;
    for (const Link<Tag>* link = head_.next_; link != &head_; link = link->next_) ++total;
    return total;
  }

 private:
  static T* to_node(Link<Tag>* link) noexcept { return static_cast<T*>(link); }

  void insert_before(Link<Tag>& place, T& node) noexcept {
    Link<Tag>& link = node;
    EDDY_ASSERT(!link.linked());
    link.next_ = &place;
    link.previous_ = place.previous_;
    place.previous_->next_ = &link;
    place.previous_ = &link;
  }

  Link<Tag> head_;
};

// Nodes have a public member `T* next_`. Appending and taking are O(1); so is moving everything
// out.
template <class T>
class Fifo {
 public:
  Fifo() = default;
  Fifo(const Fifo&) = delete;
  Fifo& operator=(const Fifo&) = delete;

  bool empty() const noexcept { return head_ == nullptr; }

  void push_back(T& node) noexcept {
    node.next_ = nullptr;
    *end_ = &node;
    end_ = &node.next_;
  }

  T* pop_front() noexcept {
    T* node = head_;
    if (node && !(head_ = node->next_)) end_ = &head_;
    return node;
  }

  // Everything, as a chain through next_ that ends with null. What is pushed from now on is not in
  // it.
  T* take() noexcept {
    T* first = head_;
    head_ = nullptr;
    end_ = &head_;
    return first;
  }

 private:
  T* head_ = nullptr;
  T** end_ = &head_;  // where the next one goes
};

}  // namespace eddy::internal
