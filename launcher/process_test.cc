#include "launcher/process.h"

#include <gtest/gtest.h>
#include <sched.h>

namespace lguest {
namespace {

TEST(Process, OneProcessorIsNoticed_F34) {
  cpu_set_t all;
  ASSERT_EQ(sched_getaffinity(0, sizeof(all), &all), 0);
  EXPECT_EQ(HasOneProcessor(), CPU_COUNT(&all) == 1);
  int first = 0;
  while (CPU_ISSET(first, &all) == 0) ++first;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
  EXPECT_TRUE(HasOneProcessor());
  EXPECT_EQ(sched_setaffinity(0, sizeof(all), &all), 0);
}

}  // namespace
}  // namespace lguest
