// Writes what a guest does to its host as a script.

#ifndef LAUNCHER_SCRIPT_RECORDER_H_
#define LAUNCHER_SCRIPT_RECORDER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "launcher/base/unique_fd.h"
#include "launcher/guest/abi.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"
#include "launcher/host/host.h"

namespace lguest {

// Passes each call on to another host, and writes down what a scripted guest must do to have the
// same effect on the devices: DMAs that it sends, buffers that it binds, stores to the pages of
// devices, interrupts that it waits for, and bytes that it must find. The language is that of
// hostsim/testing/script.h. A buffer is bound when a device first takes it, and free only while a
// device fills it, so it does not matter in which order the guest bound its buffers.
//
// What a device delivers after a break-out came from outside. The line "# input to key KEY" before
// it helps a test to give the device the same input.
//
// Threads as in Host.
class ScriptRecorder final : public Host {
 public:
  // The pages of devices are above `ram_size` bytes of `memory`. `host` and `memory` have to
  // outlive this. Writes to `file`.
  ScriptRecorder(Host& host, const GuestMemory& memory, uint32_t ram_size, UniqueFd file);

  absl::Status Initialize(const BootState& boot) override { return host_.Initialize(boot); }
  absl::StatusOr<Exit> Run() override;
  absl::StatusOr<BoundDma> GetDma(DmaKey key) override;
  absl::Status RaiseInterrupt(uint32_t irq) override;
  absl::Status BreakOut() override { return host_.BreakOut(); }
  absl::Status Resume() override { return host_.Resume(); }
  void RequestBreakOut() override { host_.RequestBreakOut(); }

  // The first error of the file.
  const absl::Status& status() const { return status_; }

 private:
  struct Buffer {
    DmaKey key;
    GuestPhys dma;
    Dma contents;  // as the device found it
  };

  // Writes down the last exit, once the launcher has served it.
  void FinishExit();
  void Begin(const Exit& exit);
  void ExpectFilled(const Buffer& buffer);
  // Lines for the bytes of device pages that have changed: `line` is "put" or "expect".
  std::string ChangesOfPages(std::string_view line);
  // The lines that store a DMA with used_len 0.
  static std::string DmaLine(GuestPhys dma, const Dma& contents);
  std::string Bytes(uint32_t address, uint32_t len) const;
  void Write(std::string_view text);

  Host& host_;
  const GuestMemory& memory_;
  const uint32_t ram_size_;
  const UniqueFd file_;
  absl::Status status_;

  std::string pages_;                             // the device pages, as they were last
  std::set<std::pair<DmaKey, GuestPhys>> bound_;  // by the script

  // Of the last exit.
  std::string sent_;  // lines
  std::optional<GuestPhys> sent_dma_;
  bool broken_out_ = false;
  std::vector<std::pair<Buffer, uint32_t>> taken_;  // buffers and their interrupts
  std::set<uint32_t> raised_;
};

}  // namespace lguest

#endif  // LAUNCHER_SCRIPT_RECORDER_H_
