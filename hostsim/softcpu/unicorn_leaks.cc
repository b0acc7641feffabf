// Suppresses a leak inside Unicorn that LeakSanitizer reports.

#ifdef __SANITIZE_ADDRESS__

#include <sanitizer/lsan_interface.h>

// If a guest writes to a page that has code, Unicorn allocates a bitmap of the code bytes: 512
// bytes per page. uc_close() does not free it.
extern "C" const char* __lsan_default_suppressions() {
  return "leak:tb_invalidate_phys_page_fast_x86_64\n";
}

// The list of suppressions would appear among the launcher's own messages on standard error.
extern "C" const char* __lsan_default_options() { return "print_suppressions=0"; }

#endif  // __SANITIZE_ADDRESS__
