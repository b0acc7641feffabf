// A script of guest actions.

#ifndef HOSTSIM_TESTING_SCRIPT_H_
#define HOSTSIM_TESTING_SCRIPT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "launcher/guest/abi.h"
#include "launcher/guest/address.h"

namespace lguest::hostsim {

// One step of a script. The operation determines which members are used.
struct Action {
  enum class Op : uint8_t {
    kHypercall,     // numbers: %eax, %edx, %ebx, %ecx
    kRing,          // the same, through the next slot of the asynchronous ring
    kTrap,          // numbers: vector, error code, %cr2
    kSoftware,      // numbers: vector of an `int n`
    kRegister,      // numbers: Register, value
    kPut,           // numbers: address; bytes
    kWait,          // numbers: interrupt; halts until it arrives
    kSpin,          // numbers: interrupt; loops until it arrives, without halting
    kExpectBytes,   // numbers: address; bytes
    kExpectResult,  // numbers: %eax
    kCrash,         // bytes: the text
  };

  Op op;
  std::vector<uint32_t> numbers;
  std::string bytes;
  int line = 0;  // line in the script's text, for messages
};

// A list of actions, built step by step:
//
//   Script()
//       .Init()
//       .Dma(0x4000, {{0x5000, 256}})              // one lguest_dma with one section ...
//       .Bind(DmaKey(0), GuestPhys(0x4000), 1, 1)  // ... bound to key 0, interrupt 1
//       .Wait(1)                                   // until the launcher has filled it
//       .Expect(0x5000, "hello")
//       .Crash("Power down");
//
// or parsed from a text with one action per line, as in a bug report:
//
//   # comment                         blank lines and comments are ignored
//   init                              LGUEST_INIT, interrupt handlers, a kernel stack
//   dma 0x4000 256@0x5000 ...         an lguest_dma: LEN@ADDR for each section
//   bind 0 0x4000 1 1                 KEY ARRAY COUNT IRQ
//   unbind 0 0x4000                   KEY ARRAY
//   send 0 0x4000                     KEY DMA
//   put 0x5000 "text" or 01fe..       bytes, as text or as hexadecimal digits
//   put32 0x5000 7                    a word
//   hypercall 9 1000 0 0              N EDX EBX ECX
//   ring 9 1000 0 0                   the same, asynchronously
//   trap 14 2 0xdeadbeef              VECTOR ERROR-CODE CR2
//   int 0x80                          a software interrupt
//   register 8 0xc0001000             NUMBER VALUE
//   wait 1                            halt until interrupt 1
//   spin 1                            the same, but without halting
//   expect 0x5000 "text"              bytes in memory
//   expect32 0x5000 7
//   result 1                          %eax
//   crash Power down                  the rest of the line is the reason
class Script {
 public:
  struct Section {
    uint32_t addr;
    uint16_t len;
  };

  // Returns InvalidArgument with the line number and the error.
  static absl::StatusOr<Script> Parse(std::string_view text);

  Script& Init();
  Script& Dma(uint32_t addr, const std::vector<Section>& sections, uint32_t used_len = 0);
  Script& Bind(DmaKey key, GuestPhys array, uint32_t count, uint32_t irq);
  Script& Unbind(DmaKey key, GuestPhys array);
  Script& Send(DmaKey key, GuestPhys dma);
  Script& Put(uint32_t addr, std::string_view bytes);
  Script& Put32(uint32_t addr, uint32_t value);
  Script& Call(Hypercall call, uint32_t edx = 0, uint32_t ebx = 0, uint32_t ecx = 0);
  Script& Ring(Hypercall call, uint32_t edx = 0, uint32_t ebx = 0, uint32_t ecx = 0);
  Script& Trap(uint8_t vector, uint32_t error_code = 0, uint32_t cr2 = 0);
  Script& SoftwareInterrupt(uint8_t vector);
  Script& SetRegister(uint32_t number, uint32_t value);
  Script& Wait(uint32_t irq);
  Script& Spin(uint32_t irq);
  Script& Expect(uint32_t addr, std::string_view bytes);
  Script& Expect32(uint32_t addr, uint32_t value);
  Script& ExpectResult(uint32_t eax);
  Script& Crash(std::string_view text);

  const std::vector<Action>& actions() const { return actions_; }

  // The memory that Init() uses. A script must not use it.
  static constexpr GuestPhys kData{0x1000};      // lguest_data
  static constexpr GuestPhys kScratch{0x2000};   // texts of Crash()
  static constexpr uint32_t kStackTop = 0x4000;  // guest-physical
  static constexpr uint32_t kPageOffset = 0xc0000000;
  // The handler of interrupt n is at kHandlers + 16 * n. Other vectors have no handler.
  static constexpr uint32_t kHandlers = 0xc0000100;

 private:
  Script& Add(Action::Op op, std::vector<uint32_t> numbers, std::string_view bytes = {});
  absl::Status ParseLine(std::string_view line);

  std::vector<Action> actions_;
  int line_ = 0;
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_TESTING_SCRIPT_H_
