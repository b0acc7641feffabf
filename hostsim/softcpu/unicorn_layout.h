// Where the fields of Unicorn 2.0.1's structures lie.

#ifndef HOSTSIM_SOFTCPU_UNICORN_LAYOUT_H_
#define HOSTSIM_SOFTCPU_UNICORN_LAYOUT_H_

#include <cstddef>

namespace lguest::hostsim {

// Byte offsets in the library's structures. unicorn_check.cc verifies each of them before its first
// use.
struct UnicornLayout {
  // uc_struct.
  ptrdiff_t no_exit_request = 0x78a;

  // CPUState (the start of X86CPU).
  ptrdiff_t next_cflags = 0x18;  // cflags_next_tb: the flags of the next block only; -1: none
  ptrdiff_t interrupt_request = 0x1c;
  ptrdiff_t jump_cache = 0x138;  // TranslationBlock* [4096], by virtual address
  ptrdiff_t cpu_to_env = 0x8750;

  // CPUNegativeOffsetState ends where CPUX86State starts. These offsets count from CPUX86State.
  ptrdiff_t icount_high = -0xe;  // icount_decr.u16.high; translated code tests its sign
  ptrdiff_t tlb_fast = -0x40;    // CPUTLBDescFast [3]
  ptrdiff_t tlb_slow = -0x570;   // CPUTLBDesc [3]
  // Padding after icount_decr. The library never uses it, so InstructionCounter does.
  ptrdiff_t refused = -0xc;  // uint32_t
  ptrdiff_t budget = -8;     // int64_t

  // CPUTLBDesc.
  ptrdiff_t tlb_slow_size = 0x1b8;
  ptrdiff_t tlb_used = 0x20;
  ptrdiff_t tlb_victims = 0x30;  // CPUTLBEntry [8]

  // TranslationBlock.
  ptrdiff_t block_pc = 0;
  ptrdiff_t block_instructions = 0x16;  // icount, uint16_t: how many instructions the block has

  // CPUX86State.
  ptrdiff_t registers = 0;  // uint64_t [16]
  ptrdiff_t eip = 0x80;
  ptrdiff_t cc_source = 0x98;     // cc_src: the status flags, if cc_op is CC_OP_EFLAGS
  ptrdiff_t cc_operation = 0xa8;  // cc_op: how to compute the status flags
  ptrdiff_t hflags = 0xb0;
  ptrdiff_t segments = 0xb8;  // SegmentCache [6], in the order of the instruction encoding
  ptrdiff_t error_code = 0x14e8;
  ptrdiff_t exception_is_int = 0x14ec;
  ptrdiff_t old_exception = 0x1558;
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_SOFTCPU_UNICORN_LAYOUT_H_
