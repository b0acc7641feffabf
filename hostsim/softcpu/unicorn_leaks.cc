// What LeakSanitizer finds in Unicorn and is not ours to mend.

#ifdef __SANITIZE_ADDRESS__

#include <sanitizer/lsan_interface.h>

// Where a guest writes to a page that it also runs, Unicorn notes which bytes of the page are code:
// 512 bytes a page, which are still there after uc_close().
extern "C" const char* __lsan_default_suppressions() {
  return "leak:tb_invalidate_phys_page_fast_x86_64\n";
}

// Standard error is the launcher's.
extern "C" const char* __lsan_default_options() { return "print_suppressions=0"; }

#endif  // __SANITIZE_ADDRESS__
