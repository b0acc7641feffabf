// Lets a test that runs as root act as another user.

#ifndef LAUNCHER_BASE_TESTING_WITHOUT_CAPABILITIES_H_
#define LAUNCHER_BASE_TESTING_WITHOUT_CAPABILITIES_H_

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

#include "gtest/gtest.h"

namespace lguest {

// While it exists, this thread has no capabilities: permissions of files and privileged operations
// are checked as for an unprivileged user.
class WithoutCapabilities {
 public:
  WithoutCapabilities() {
    EXPECT_EQ(syscall(SYS_capget, &header_, before_.data()), 0);
    std::array<__user_cap_data_struct, 2> less = before_;
    for (__user_cap_data_struct& word : less) word.effective = 0;
    EXPECT_EQ(syscall(SYS_capset, &header_, less.data()), 0);
  }
  ~WithoutCapabilities() { EXPECT_EQ(syscall(SYS_capset, &header_, before_.data()), 0); }
  WithoutCapabilities(const WithoutCapabilities&) = delete;
  WithoutCapabilities& operator=(const WithoutCapabilities&) = delete;

 private:
  __user_cap_header_struct header_ = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, 2> before_ = {};
};

}  // namespace lguest

#endif  // LAUNCHER_BASE_TESTING_WITHOUT_CAPABILITIES_H_
