// What a recording of a run consists of.

#ifndef LAUNCHER_TIMETRAVEL_LOG_ENTRY_H_
#define LAUNCHER_TIMETRAVEL_LOG_ENTRY_H_

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "launcher/guest/abi.h"
#include "launcher/timetravel/ready_event.h"

namespace lguest::timetravel {

// Limits of numbers in a recording.
inline constexpr uint64_t kMaxNanosPerInstruction = 1000;
inline constexpr uint64_t kMaxNanos = uint64_t{1} << 62;

// A device of the recorded guest.
struct RecordedDevice {
  enum class Kind : uint8_t { kDisk = 1, kNetwork = 2 };

  Kind kind = Kind::kDisk;
  std::string label;  // in messages: the image's path, the interface
};

// All that a run starts from.
struct LogHeader {
  uint64_t nanos_per_instruction = 1;
  GuestTime start = {};
  uint16_t guest_id = 0;
  uint32_t memory = 0;  // bytes
  std::string kernel;   // the path, and the hash of the file
  std::string kernel_hash;
  std::vector<std::string> initrds;
  std::string initrd_hash;  // of all of them joined
  std::string command_line;
  std::vector<RecordedDevice> devices;  // without the console
};

// The result of an operation on something outside the guest, such as a read of a terminal.
struct Outcome {
  uint32_t code = 0;  // of absl::StatusCode
  uint64_t value = 0;
  std::string data = {};  // bytes read, or the message of an error

  bool operator==(const Outcome&) const = default;
};

// The operation number `operation`, from 0, of the run had this result. The operations before it
// that have no entry had their usual result.
struct OutcomeEntry {
  uint64_t count = 0;  // of instructions
  uint64_t operation = 0;
  uint32_t device = 0;
  Outcome outcome;

  bool operator==(const OutcomeEntry&) const = default;
};

// The registers had this hash before the instruction at `count`.
struct MarkEntry {
  uint64_t count = 0;
  uint64_t registers = 0;

  bool operator==(const MarkEntry&) const = default;
};

using LogEntry = std::variant<ReadyEvent, OutcomeEntry, MarkEntry>;

// The count of instructions at which an entry belongs.
inline uint64_t CountOf(const LogEntry& entry) {
  if (const auto* const ready = std::get_if<ReadyEvent>(&entry)) return ready->moment.count;
  if (const auto* const outcome = std::get_if<OutcomeEntry>(&entry)) return outcome->count;
  return std::get<MarkEntry>(entry).count;
}

// How a run has ended.
struct LogEnd {
  std::string reason;  // of the guest's death, or of the end of the launcher
  // Fingerprint::Items().
  std::vector<std::pair<std::string, std::string>> fingerprint;

  bool operator==(const LogEnd&) const = default;
};

}  // namespace lguest::timetravel

#endif  // LAUNCHER_TIMETRAVEL_LOG_ENTRY_H_
