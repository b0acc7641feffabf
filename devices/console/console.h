// The console device.

#ifndef DEVICES_CONSOLE_CONSOLE_H_
#define DEVICES_CONSOLE_CONSOLE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "devices/bus/device.h"
#include "devices/console/abort_key.h"
#include "devices/console/console_backend.h"
#include "launcher/base/log.h"

namespace lguest {

inline constexpr DmaKey kConsoleKey(0);

// Output: what the guest sends to key 0 is written out, byte for byte. Input: the guest binds one
// buffer to key 0, which gets what was typed (ABI.md §4.19).
//
// Output that cannot be written is dropped with one notice; the guest lives on. Input is kept while
// the guest has no room for it. The end of input ends input and nothing else. Receive() is
// Cancelled when ^C was typed three times running within a second, even to a guest that takes no
// input (until kMaxHeld bytes wait for it).
class Console final : public Device {
 public:
  // Bytes that are kept while the guest has no room, as a terminal keeps them; the rest is left
  // unread.
  static constexpr size_t kMaxHeld = 4096;

  explicit Console(std::unique_ptr<ConsoleBackend> backend, LogSink log = nullptr,
                   MonotonicClock clock = SteadyClock());

  std::string name() const override { return "console"; }
  DeviceType type() const override { return DeviceType::kConsole; }
  absl::Status Attach(GuestMemory& memory, const DevicePlace& place) override;
  std::vector<DmaKey> output_keys() const override { return {kConsoleKey}; }
  absl::StatusOr<std::optional<uint32_t>> Send(DmaKey key, const DmaChain& chain,
                                               DmaPort& port) override;
  int input_fd() const override { return backend_->input_fd(); }
  absl::StatusOr<Input> Receive(DmaPort& port) override;
  void Finish() override;

 private:
  // Reads what there is room for.
  absl::Status ReadInput();

  void LogLostOutput(const absl::Status& error);

  // Hands what is held to the guest; false when it has no buffer.
  absl::StatusOr<bool> DeliverInput(DmaPort& port);

  const std::unique_ptr<ConsoleBackend> backend_;
  AbortKey abort_key_;
  LogOnce output_log_;
  LogOnce input_log_;
  GuestMemory* memory_ = nullptr;   // once attached
  std::vector<std::byte> pending_;  // typed, and not yet with the guest
  bool input_ended_ = false;
};

}  // namespace lguest

#endif  // DEVICES_CONSOLE_CONSOLE_H_
