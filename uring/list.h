// uring/list.h
//
// Intrusive doubly linked lists whose nodes leave by themselves.
//
// A waiter lives in a coroutine frame, and a frame may be destroyed while the waiter is queued. So
// a node unlinks in its destructor, and a list that dies first lets its nodes go. Nothing here
// allocates; every operation but for_each and clear is O(1). One object may be in several lists,
// one per Tag.

#ifndef URING_LIST_H_
#define URING_LIST_H_

#include <cstddef>

namespace uring {

template <class T, class Tag>
class List;

// Derive from ListNode<Tag> to be a member of a List<T, Tag>. Copying or moving is not possible:
// others point here.
template <class Tag>
class ListNode {
 public:
  ListNode() = default;
  ListNode(const ListNode&) = delete;
  ListNode& operator=(const ListNode&) = delete;
  ~ListNode() { unlink(); }

  bool linked() const { return next_ != this; }
  void unlink() {
    prev_->next_ = next_;
    next_->prev_ = prev_;
    prev_ = next_ = this;
  }

 private:
  template <class, class>
  friend class List;
  void insert_before(ListNode* position) {
    unlink();
    prev_ = position->prev_;
    next_ = position;
    prev_->next_ = this;
    position->prev_ = this;
  }

  ListNode* prev_ = this;
  ListNode* next_ = this;
};

// Owns none of its members. Pushing a node that is in another list of the same Tag moves it.
template <class T, class Tag>
class List {
 public:
  List() = default;
  List(const List&) = delete;
  List& operator=(const List&) = delete;
  ~List() { clear(); }

  bool empty() const { return !head_.linked(); }
  void push_back(T& item) { node(item).insert_before(&head_); }
  void push_front(T& item) { node(item).insert_before(head_.next_); }
  T* front() const { return empty() ? nullptr : static_cast<T*>(head_.next_); }
  T* pop_front() {
    T* item = front();
    if (item != nullptr) node(*item).unlink();
    return item;
  }
  // Moves every member of `other` behind the members of this list, in order.
  void splice_back(List& other) {
    if (other.empty()) return;
    ListNode<Tag>* first = other.head_.next_;
    ListNode<Tag>* last = other.head_.prev_;
    other.head_.prev_ = other.head_.next_ = &other.head_;
    first->prev_ = head_.prev_;
    head_.prev_->next_ = first;
    last->next_ = &head_;
    head_.prev_ = last;
  }
  void clear() {
    while (!empty()) head_.next_->unlink();
  }
  // Calls `visit(T&)` for each member; the visited one may unlink itself.
  template <class Visit>
  void for_each(Visit visit) const {
    for (ListNode<Tag>* at = head_.next_; at != &head_;) {
      ListNode<Tag>* next = at->next_;
      visit(*static_cast<T*>(at));
      at = next;
    }
  }

 private:
  static ListNode<Tag>& node(T& item) { return item; }

  ListNode<Tag> head_;
};

}  // namespace uring

#endif  // URING_LIST_H_
