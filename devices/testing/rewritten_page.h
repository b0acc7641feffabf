// A page of guest memory that changes at the worst moment, for tests of double fetches.

#ifndef DEVICES_TESTING_REWRITTEN_PAGE_H_
#define DEVICES_TESTING_REWRITTEN_PAGE_H_

#include <cstddef>
#include <cstdint>
#include <functional>

namespace lguest {

// While an object lives, each instruction of this thread that accesses the page is followed by a
// call of `rewrite`, which may change the page like a guest on another processor. The page is
// inaccessible in between: an access faults, is executed as a single step, and the page becomes
// inaccessible again. System calls cannot use the page.
//
// At most one object exists, because signal handlers are per process.
class RewrittenPage {
 public:
  // Called after an access. `offset`: in the page, of the first byte that the access needed.
  using Rewrite = std::function<void(uint32_t offset)>;

  RewrittenPage(std::byte* page, Rewrite rewrite);
  ~RewrittenPage();
  RewrittenPage(const RewrittenPage&) = delete;
  RewrittenPage& operator=(const RewrittenPage&) = delete;

  // Instructions that have accessed the page.
  int accesses() const { return accesses_; }

 private:
  friend struct RewrittenPageHandlers;

  std::byte* const page_;
  const Rewrite rewrite_;
  int accesses_ = 0;
  uint32_t offset_ = 0;  // of the access that is executed now
};

}  // namespace lguest

#endif  // DEVICES_TESTING_REWRITTEN_PAGE_H_
