// Measures guests on a host that only a machine in QEMU has: the time from exec to the guest's
// first instruction, and the memory in use beyond the guest's RAM.
//
// usage: main RUNS LAUNCHER ARGUMENTS...

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr char kStats[] = "/tmp/stats.json";
constexpr int kCannotRun = 127;

struct RunFigures {
  double first_instruction = 0;  // ms after exec
  double memory = 0;             // MiB
};

int64_t MonotonicNs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

[[noreturn]] void Fail(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(EXIT_FAILURE);
}

// Returns the integer that the JSON object `text` has under `name`.
int64_t Number(const std::string& text, std::string_view name) {
  const std::string key = "\"" + std::string(name) + "\":";
  const size_t found = text.find(key);
  if (found == std::string::npos) Fail("no " + key + " in " + text);
  return std::strtoll(text.c_str() + found + key.size(), nullptr, 10);
}

RunFigures RunGuest(std::vector<char*> words) {
  words.push_back(nullptr);
  const int64_t start = MonotonicNs();
  // vfork(), because a copy of this program's memory would count in the measurement.
  const pid_t launcher = vfork();
  if (launcher == 0) {
    execv(words[0], words.data());
    _exit(kCannotRun);
  }
  int status = 0;
  if (waitpid(launcher, &status, 0) != launcher || status != 0) Fail("the guest did not power off");
  std::ifstream file(kStats);
  const std::string stats(std::istreambuf_iterator<char>(file), {});
  return {static_cast<double>(Number(stats, "first_run_monotonic_ns") - start) / 1e6,
          static_cast<double>(Number(stats, "memory_beyond_guest_bytes")) / (1 << 20)};
}

void Report(const char* what, const char* unit, std::vector<RunFigures>& results,
            double RunFigures::* value) {
  std::sort(results.begin(), results.end(),
            [value](const RunFigures& a, const RunFigures& b) { return a.*value < b.*value; });
  std::printf("%s: %.2f %s (%.2f to %.2f)\n", what, results[results.size() / 2].*value, unit,
              results.front().*value, results.back().*value);
}

}  // namespace

int main(int argc, char** argv) {
  const size_t runs = argc > 2 ? std::strtoul(argv[1], nullptr, 10) : 0;
  if (runs == 0) Fail("usage: main RUNS LAUNCHER ARGUMENTS...");
  std::string stats = std::string("--stats=") + kStats;
  std::vector<char*> words = {argv[2], stats.data()};
  words.insert(words.end(), argv + 3, argv + argc);
  RunGuest(words);  // A warm-up: reads the files into the page cache.
  std::vector<RunFigures> results;
  results.reserve(runs);
  for (size_t i = 0; i < runs; ++i) results.push_back(RunGuest(words));
  Report("exec to the first guest instruction", "ms", results, &RunFigures::first_instruction);
  Report("memory beyond guest RAM", "MiB", results, &RunFigures::memory);
}
