#include "launcher/stats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lguest {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Stats Example() {
  Stats stats;
  stats.kernel = "vmlinux";
  stats.memory = 64u << 20;
  stats.host = "a software CPU";
  stats.readings = {.dma_sent = 7,
                    .broken_out = 2,
                    .interrupted = 1,
                    .died = 1,
                    .first_run = 123456789012,
                    .guest = 1'500'000'000,
                    .sleep = 250'000'000,
                    .launcher = 1'000'000};
  stats.devices.push_back({"console", {.sent = 5, .sent_bytes = 99, .filled = {1, 2}}});
  stats.memory_beyond_guest = 3u << 20;
  return stats;
}

TEST(StatsTest, OneLinePerSubject) {
  EXPECT_THAT(StatsLines(Example()),
              ElementsAre("ran: vmlinux in 64 MB on a software CPU",
                          "exits: 7 for DMA, 0 notified, 2 broken out, 1 by signals",
                          "time: 1.500 s guest, 0.001 s launcher, 0.250 s asleep",
                          "console: 5 sent (99 bytes), 1 filled (2 bytes)",
                          "memory beyond the guest's: 3072 KB"));
}

TEST(StatsTest, JsonHasTheSameValues) {
  EXPECT_EQ(StatsJson(Example()), R"({
  "kernel": "vmlinux",
  "memory_bytes": 67108864,
  "host": "a software CPU",
  "first_run_monotonic_ns": 123456789012,
  "exits": {"dma": 7, "notified": 0, "broken_out": 2, "interrupted": 1, "died": 1},
  "seconds": {"guest": 1.500000, "launcher": 0.001000, "sleep": 0.250000},
  "devices": [{"name": "console", "sent": 5, "sent_bytes": 99, "filled": 1, "filled_bytes": 2}],
  "fingerprint": null,
  "memory_beyond_guest_bytes": 3145728
}
)");
}

TEST(StatsTest, FingerprintOfADeterministicRun) {
  Stats stats = Example();
  stats.fingerprint = {{"instructions", "5"}, {"memory", "00ff"}};
  EXPECT_THAT(StatsLines(stats), Contains("fingerprint: instructions=5 memory=00ff"));
  EXPECT_THAT(StatsJson(stats),
              HasSubstr(R"("fingerprint": {"instructions": "5", "memory": "00ff"},)"));
}

TEST(StatsTest, UnknownMemoryIsOmittedOrNull) {
  Stats stats = Example();
  stats.memory_beyond_guest.reset();
  EXPECT_EQ(StatsLines(stats).size(), 4u);
  EXPECT_THAT(StatsJson(stats), HasSubstr("\"memory_beyond_guest_bytes\": null"));
}

TEST(StatsTest, NamesAreEscaped) {
  Stats stats = Example();
  stats.kernel = "a\"b\\c\x1b[2J";
  EXPECT_THAT(StatsJson(stats), HasSubstr(R"("kernel": "a\"b\\\\c\\x1b[2J",)"));
  EXPECT_THAT(StatsLines(stats).front(), HasSubstr(R"(a"b\\c\x1b[2J)"));
}

}  // namespace
}  // namespace lguest
