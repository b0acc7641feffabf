// The console device model.

#ifndef DEVICES_CONSOLE_CONSOLE_H_
#define DEVICES_CONSOLE_CONSOLE_H_

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "devices/bus/device.h"
#include "devices/console/abort_key.h"
#include "devices/console/console_backend.h"
#include "launcher/base/log.h"

namespace lguest {

inline constexpr DmaKey kConsoleKey(0);

// Output: the bytes that the guest sends to key 0 are written unchanged. Input: the guest binds one
// buffer to key 0, which receives the typed bytes (ABI.md §4.19).
//
// Output that cannot be written is dropped and logged once; the guest continues. While the reader
// of the output is slow, the guest waits, and input is still read, so that three ^C work. Input is
// held while the guest has no buffer. The end of input does not end the guest. Receive() and Send()
// return Cancelled after three consecutive ^C within one second, even if the guest takes no input
// (unless kMaxHeld bytes are held).
class Console final : public Device {
 public:
  // The most input bytes that are held while the guest has no buffer. Further input stays unread.
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

  // Writes output of the guest, wherever it lies. Cancelled: see above.
  absl::Status Output(std::span<const iovec> bytes);

 private:
  // Reads up to kMaxHeld bytes into `pending_`. Cancelled: see Receive().
  absl::Status ReadInput();

  // Waits until output may make progress, and reads input meanwhile. Cancelled: see Receive().
  absl::Status WaitForRoom();

  void LogLostOutput(const absl::Status& error);

  // Delivers `pending_` to the guest; false when it has no buffer.
  absl::StatusOr<bool> DeliverInput(DmaPort& port);

  const std::unique_ptr<ConsoleBackend> backend_;
  AbortKey abort_key_;
  LogOnce output_log_;
  LogOnce input_log_;
  GuestMemory* memory_ = nullptr;   // once attached
  std::vector<std::byte> pending_;  // typed, not yet delivered to the guest
  bool input_ended_ = false;
  bool input_is_away_ = false;  // it belongs to another program for now
  bool is_aborted_ = false;     // the user has asked the launcher to end
};

}  // namespace lguest

#endif  // DEVICES_CONSOLE_CONSOLE_H_
